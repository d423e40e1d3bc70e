#!/usr/bin/env bash
# Collect the pinned wheels that the images and the login node's environment are installed from.
#
#   environment/wheelhouse.sh cpu|cuda          fill .cache/wheelhouse/<variant>, once
#   environment/wheelhouse.sh cpu|cuda check    only say whether the images' wheels are complete
#
# The wheels for the images are for the Python of their distribution, 3.11, and are made with a Python
# 3.11: Horovod is compiled, and pip reads the conditions in requirements by the Python that runs it.
# The login node may have any supported Python: PYTHON is the one that `make head` will use there, and
# its wheels are added to the same folder. Run this again with another PYTHON to add that one too.
#
# Needs a network and what check_host.sh looks for: a compiler for Horovod, the headers of Python 3.11,
# and for cuda the CUDA toolkit (CUDA_HOME, or /usr/local/cuda). Installing from the folder needs none of
# them. Run it on Debian 12, or on a system whose C library is not newer: a Horovod compiled with a newer
# one does not load in the images.
# Where pip looks for packages is this machine's configuration: PIP_INDEX_URL, PIP_FIND_LINKS, pip.conf.
set -euo pipefail
cd "$(dirname "$0")/.."
variant=${1:-} PYTHON=${PYTHON:-python3}
pip=26.3 # is carried in the wheelhouse: the images have no pip of their own
folder=.cache/wheelhouse/$variant

fail() {
    echo "wheelhouse: $1" >&2
    exit "${2:-1}"
}

# A file of the folder says that its part is complete, by the hash of what that part was made from.
made_from=$(cat environment/{*.txt,build_horovod.sh,cuda.sh,torch_build.sh,wheelhouse.sh} pyproject.toml | sha256sum)
is_complete() {
    [[ $(cat "$folder/$1" 2>/dev/null) = "$made_from" ]]
}

make_venv() {
    "$1" -m venv "$2" || fail "$1 could not make a virtual environment; name another Python with PYTHON=/path/to/python3" 2
    "$2/bin/python" -m pip install -qq "pip==$pip"
}

# pip wheel, with calobatch from a copy: building it leaves files beside the code.
gather() {
    local python=$1 target=$2
    shift 2
    "$python" -m pip wheel -qq --constraint "$target/constraints.txt" \
        --find-links "$target" --wheel-dir "$target" "$@"
    # calobatch itself is installed from the checkout, which is newer than any wheel of it.
    rm -f "$target"/calobatch-*.whl
}

gather_for_images() {
    local build horovod image_version partial=.cache/wheelhouse/.$variant.partial
    local python=$scratch/venv/bin/python
    rm -rf "$partial"
    mkdir -p "$partial"
    # The packages of CUDA are fetched only if the build of torch requires them.
    cat environment/constraints{,-cuda}.txt >"$partial/constraints.txt"
    make_venv "$image_python" "$scratch/venv"
    image_version=$("$python" environment/check_python.py wheelhouse)
    build=$(environment/torch_build.sh "$python" "$variant")
    horovod=.cache/wheels/torch-$build$([[ $variant = cpu ]] || echo -nccl)
    echo "wheelhouse: fetching torch $build for Python $image_version (without CUDA 0.2 GB, with CUDA 2.7 GB)"
    gather "$python" "$partial" "torch===$build" || fail "pip could not fetch torch; its message is above"
    compgen -G "$horovod/horovod-*-cp${image_version/./}-*.whl" >/dev/null || build_horovod
    echo "wheelhouse: fetching everything else (about 1 minute)"
    gather "$python" "$partial" --find-links "$horovod" "pip==$pip" setuptools wheel \
        "$scratch/calobatch[data,simulate,train,export,results,workflow]" ||
        fail "pip could not collect the wheels; its message is above"
    # The login node's wheels, if its Python has this version, are among them.
    tee "$partial/python-$image_version" <<<"$made_from" >"$partial/complete"
    rm -rf "$folder"
    mv "$partial" "$folder"
}

build_horovod() {
    "$python" -m pip install -qq --no-index --find-links "$partial" "torch===$build"
    "$python" -m pip install -qq --constraint "$partial/constraints.txt" \
        cmake ninja setuptools wheel packaging psutil cloudpickle pyyaml cffi
    if [[ $variant = cuda ]]; then
        source environment/cuda.sh
    fi
    environment/build_horovod.sh "$python" "$horovod"
}

gather_for_login_node() {
    echo "wheelhouse: fetching the login node's packages for Python $version (about 1 minute)"
    make_venv "$PYTHON" "$scratch/login"
    gather "$scratch/login/bin/python" "$folder" setuptools wheel "$scratch/calobatch[workflow]" ||
        fail "pip could not collect the wheels for Python $version; its message is above"
    echo "$made_from" >"$folder/python-$version"
}

[[ $variant = cpu || $variant = cuda ]] || fail "name a variant: environment/wheelhouse.sh cpu|cuda" 2
if [[ ${2:-} = check ]]; then
    is_complete complete && exit 0
    fail "$folder is missing or has other versions than environment/constraints.txt; run \`make wheelhouse VARIANT=$variant\` where there is a network" 2
fi
version=$("$PYTHON" environment/check_python.py wheelhouse)
if is_complete complete && is_complete "python-$version"; then
    echo "wheelhouse: $folder is complete"
    exit 0
fi
environment/check_host.sh "$variant" wheelhouse
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/calobatch"
cp -r pyproject.toml README.md LICENSE src "$scratch/calobatch"
if ! is_complete complete; then
    image_python=$(environment/image_python.sh)
    gather_for_images
fi
is_complete "python-$version" || gather_for_login_node
echo "wheelhouse: $folder is complete ($(ls "$folder" | grep -c '\.whl$') wheels, $(du -sh "$folder" | cut -f1))"
