# What the commands of this folder share. Sourced by them, never called.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

cluster=${CALOBATCH_TESTBED:-calobatch}
nodes=(login c1 c2)

image_name=localhost/calobatch-testbed
image=$image_name:$(cat "$here"/{packages.txt,python_from_debian_12,build_image} | sha256sum | cut -c1-12)

# runc, because podman's other runtime refuses machines whose cgroups are half version 1, half 2.
podman() {
    command podman --log-level error --runtime runc "$@"
}
