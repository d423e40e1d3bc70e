#!/usr/bin/env bash
# Set calobatch up from this bundle, without a network.
#
#   ./install FOLDER       makes FOLDER, on the file system that all nodes share
#
# Needs git, make and Python 3.11 (PYTHON=/path/to/python3.11).
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
[[ ! -e $folder ]] || fail "$folder exists; name a folder that does not, or remove it" 2
for program in git make; do
    command -v "$program" >/dev/null || fail "there is no $program; load its module, or install it" 2
done
"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    fail "the wheels are for Python 3.11; name it with PYTHON=/path/to/python3.11" 2

echo "install: checking every file"
sha256sum --check --quiet SHA256SUMS ||
    fail "the bundle is not what was sent: carry the files named above over again"

trap 'rm -rf "$folder"; echo "install: that failed, and $folder was removed; the reason is above" >&2' ERR
git clone --quiet calobatch.bundle "$folder"
mkdir -p "$folder/.cache" "$folder/containers/images"
cp -r wheelhouse "$folder/.cache"
cp -r images/. "$folder/containers/images"
[[ ! -d data ]] || cp -r data "$folder"
[[ ! -d pins ]] || cp -r pins "$folder/config"
make --no-print-directory -C "$folder" head VARIANT="$variant"
echo "install: done, in $folder; go on with \"On a cluster\" in its README"
