# Settings that the commands in this folder share. They source this file.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

cluster=${CALOBATCH_TESTBED:-calobatch}
nodes=(login c1 c2)

image_name=localhost/calobatch-testbed
image=$image_name:$(cat "$here"/{packages.txt,python_from_debian_12,build_image} | sha256sum | cut -c1-12)

# podman's default runtime, crun, refuses machines that mix cgroups of version 1 and 2. runc works.
podman() {
    command podman --log-level error --runtime runc "$@"
}
