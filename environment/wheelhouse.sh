#!/usr/bin/env bash
# Gather every pinned wheel that images and the login node's environment are installed from.
#
#   environment/wheelhouse.sh cpu|cuda          fills .cache/wheelhouse/<variant>, once
#   environment/wheelhouse.sh cpu|cuda check    only says whether that is done
#
# Needs a network, Python 3.11 (PYTHON=/path/to/python3.11) and, for Horovod, a C++ compiler; what
# is installed from the folder needs none of them. Run it on Debian 12, or on a system whose C
# library is not newer. cuda needs the CUDA toolkit as well (CUDA_HOME, or /usr/local/cuda).
# Where pip looks is the machine's own configuration: PIP_INDEX_URL, PIP_FIND_LINKS, pip.conf.
set -euo pipefail
cd "$(dirname "$0")/.."
variant=${1:-} PYTHON=${PYTHON:-python3}
pip=26.3 # installs the others, in images that have no pip of their own
folder=.cache/wheelhouse/$variant

fail() {
    echo "wheelhouse: $1" >&2
    exit "${2:-1}"
}

[[ $variant = cpu || $variant = cuda ]] || fail "name a variant: environment/wheelhouse.sh cpu|cuda" 2
made_from=$(cat environment/{*.txt,build_horovod.sh,cuda.sh,wheelhouse.sh} pyproject.toml | sha256sum)
if [[ $(cat "$folder/complete" 2>/dev/null) = "$made_from" ]]; then
    echo "wheelhouse: $folder is complete"
    exit 0
fi
[[ ${2:-} != check ]] || fail "$folder is missing or of other pins; run \`make wheelhouse VARIANT=$variant\` where there is a network" 2
"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
    fail "Python 3.11 is needed; name it with PYTHON=/path/to/python3.11" 2

# torch of one version comes in several builds. === takes the one whose name is exactly this.
torch=$(sed -n 's/^torch==//p' environment/constraints.txt)
case $variant in
    cpu)
        build="torch===$torch+cpu" horovod=.cache/wheels/torch-$torch
        pins=(environment/constraints.txt)
        ;;
    cuda)
        build="torch===$torch" horovod=.cache/wheels/torch-$torch-cuda
        pins=(environment/constraints.txt environment/constraints-cuda.txt)
        ;;
esac

partial=.cache/wheelhouse/.$variant.partial
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rm -rf "$partial"
mkdir -p "$partial"
cat "${pins[@]}" >"$partial/constraints.txt"
"$PYTHON" -m venv "$scratch/venv" || fail "no virtual environment could be made: apt-get install python3-venv" 2
python=$scratch/venv/bin/python
"$python" -m pip install -qq "pip==$pip"

gather() {
    "$python" -m pip wheel -qq --constraint "$partial/constraints.txt" \
        --find-links "$partial" --wheel-dir "$partial" "$build" "$@"
}

build_horovod() {
    "$python" -m pip install -qq --no-index --find-links "$partial" "$build"
    "$python" -m pip install -qq --constraint "$partial/constraints.txt" \
        cmake ninja setuptools wheel packaging psutil cloudpickle pyyaml cffi
    if [[ $variant = cuda ]]; then
        source environment/cuda.sh
    fi
    environment/build_horovod.sh "$python" "$horovod"
}

echo "wheelhouse: fetching $build (cpu 0.2 GB, cuda 2.7 GB)"
gather || fail "pip finds no $build: name a place that has it in PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS"
compgen -G "$horovod/horovod-*.whl" >/dev/null || build_horovod
echo "wheelhouse: fetching everything else (about 1 minute)"
# A copy, because building leaves its traces beside the code.
mkdir "$scratch/calobatch"
cp -r pyproject.toml README.md LICENSE src "$scratch/calobatch"
gather --find-links "$horovod" "$scratch/calobatch[data,simulate,train,results,workflow]" \
    "pip==$pip" setuptools wheel || fail "pip could not gather the wheels; its message is above"
# calobatch itself is installed from the checkout, which is newer than any wheel of it.
rm -f "$partial"/calobatch-*.whl
echo "$made_from" >"$partial/complete"
rm -rf "$folder"
mv "$partial" "$folder"
echo "wheelhouse: $folder is complete ($(ls "$folder" | grep -c '\.whl$') wheels, $(du -sh "$folder" | cut -f1))"
