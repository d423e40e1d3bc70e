#!/usr/bin/env bash
# Gather all that a cluster without a network needs: code, wheels, images, data. See `make bundle`.
#
#   environment/bundle.sh FOLDER [cpu|cuda]
#
# Carry FOLDER to the cluster and run FOLDER/install there. It takes what is committed, the images
# of that environment, and the public files that were fetched so far.
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
            echo "bundle: WITHOUT the image $name: $image is missing; run \`make images VARIANT=$variant\`, then this again" >&2
        fi
    done
}

add_data() {
    [[ -d data/public ]] || return 0
    echo "bundle: public files ($(du -sh data/public | cut -f1))"
    mkdir "$partial/data" && cp -r data/public "$partial/data"
    # What later downloads are held to: pins may not be committed yet.
    [[ ! -d config/pins ]] || cp -r config/pins "$partial/pins"
}

[[ $# -ge 1 ]] || fail "name a folder: environment/bundle.sh FOLDER [cpu|cuda]"
[[ ! -e $output ]] || fail "$output exists; name a folder that does not, or remove it"
[[ -z $(git status --porcelain --untracked-files=no) ]] ||
    fail "there are changes that are not committed, and a bundle holds commits: git commit first"
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
echo "bundle: $output ($(du -sh "$output" | cut -f1)); carry it to the cluster, and there: $(basename "$output")/install ~/calobatch"
