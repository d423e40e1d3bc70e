#!/usr/bin/env bash
# Install calobatch from this bundle, without a network.
#
#   ./install FOLDER       makes FOLDER, which must be on a file system that all nodes share
#
# Needs git, make and a Python of a version that the bundle has wheels for (PYTHON=/path/to/python3).
set -euo pipefail
folder=$(realpath --canonicalize-missing "${1:-.}")
cd "$(dirname "$0")"
variant=$(basename wheelhouse/*)
export PYTHON=${PYTHON:-python3}

fail() {
    echo "install: $1" >&2
    exit "${2:-1}"
}

[[ $# -eq 1 ]] || fail "name a folder that all nodes see: ./install FOLDER" 2
[[ ! -e $folder ]] || fail "$folder exists; name a folder that does not exist, or remove it" 2
missing=$(for program in git make; do command -v "$program" >/dev/null || echo -n " $program"; done)
[[ ! $missing ]] || fail "these programs are not on the path:$missing; load their modules, or ask your administrators to install them" 2
version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
    fail "$PYTHON does not run; name a Python with PYTHON=/path/to/python3" 2
# The wheelhouse has a file of this name for each version of Python that it has wheels for.
[[ -e wheelhouse/$variant/python-$version ]] || fail "$PYTHON is Python $version, and this bundle has wheels for Python $(cd "wheelhouse/$variant" && echo python-* | sed 's/python-//g; s/ / and /g'); name one of these with PYTHON=/path/to/python3, or make the bundle again with PYTHON=python$version" 2

echo "install: checking every file"
sha256sum --check --quiet SHA256SUMS ||
    fail "the bundle is not what was sent; copy the files named above again"

trap 'rm -rf "$folder"; echo "install: that failed, and $folder was removed; the reason is above" >&2' ERR
git clone --quiet calobatch.bundle "$folder"
mkdir -p "$folder/.cache" "$folder/containers/images"
cp -r wheelhouse "$folder/.cache"
cp -r images/. "$folder/containers/images"
[[ ! -d data ]] || cp -r data "$folder"
[[ ! -d pins ]] || cp -r pins "$folder/config"
make --no-print-directory -C "$folder" head VARIANT="$variant"
echo "install: done, in $folder; there, copy cluster/slurm/site.example.yaml to cluster/slurm/site.yaml, edit it (variant: $variant), then run \`source .venv/bin/activate\` and \`make doctor SCENARIO=test\`"
