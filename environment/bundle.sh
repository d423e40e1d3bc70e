#!/usr/bin/env bash
# Collect everything that a cluster without a network needs: code, wheels, images and data.
#
#   environment/bundle.sh FOLDER [cpu|cuda]       `make bundle TO=FOLDER` calls this
#
# Copy FOLDER to the cluster and run FOLDER/install there. A bundle holds what is committed, the images
# built from this code's package versions, and the public files that have been fetched so far. Its
# wheels are for Python 3.11 and for PYTHON, which is to have the version of the login node's Python.
set -euo pipefail
output=$(realpath --canonicalize-missing "${1:-.}") variant=${2:-cpu}
cd "$(dirname "$0")/.."
wheelhouse=.cache/wheelhouse/$variant

fail() {
    echo "bundle: $1" >&2
    exit 2
}

add_images() {
    mkdir "$partial/images"
    calobatch images --variant "$variant" | while IFS=$'\t' read -r name image state; do
        if [[ $state = there ]]; then
            echo "bundle: image $(basename "$image")"
            cp "$image" "$partial/images"
        else
            echo "bundle: WITHOUT the $name image: $image does not exist; to include it, run \`make images VARIANT=$variant\` and make the bundle again" >&2
        fi
    done
}

add_data() {
    [[ -d data/public ]] || return 0
    echo "bundle: public files ($(du -sh data/public | cut -f1))"
    mkdir "$partial/data" && cp -r data/public "$partial/data"
    # Later downloads are compared with these checksums, which may not be committed yet.
    [[ ! -d config/pins ]] || cp -r config/pins "$partial/pins"
}

[[ $# -ge 1 ]] || fail "name a folder: environment/bundle.sh FOLDER [cpu|cuda]"
[[ ! -e $output ]] || fail "$output exists; name a folder that does not exist, or remove it"
command -v calobatch >/dev/null || fail "calobatch is not on the path; run \`make head\` and \`source .venv/bin/activate\`"
[[ -z $(git status --porcelain --untracked-files=no) ]] ||
    fail "there are uncommitted changes, which a bundle would not contain; git commit them first"
environment/wheelhouse.sh "$variant"

partial=$output.partial
rm -rf "$partial"
mkdir -p "$partial/wheelhouse"
echo "bundle: code at $(git describe --always --tags)"
git bundle create --quiet "$partial/calobatch.bundle" HEAD "$(git rev-parse --abbrev-ref HEAD)"
cp -r "$wheelhouse" "$partial/wheelhouse"
add_images
add_data
cp environment/install_bundle.sh "$partial/install"
(cd "$partial" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS)
mv "$partial" "$output"
echo "bundle: $output ($(du -sh "$output" | cut -f1)); copy it to the cluster, and run there: $(basename "$output")/install ~/calobatch"
