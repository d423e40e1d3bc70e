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
# Needs a network, a C++ compiler for Horovod, and for cuda the CUDA toolkit (CUDA_HOME, or
# /usr/local/cuda). Installing from the folder needs none of them. Run it on Debian 12, or on a system
# whose C library is not newer: a Horovod compiled against a newer one does not load in the images.
# Where pip looks for packages is this machine's configuration: PIP_INDEX_URL, PIP_FIND_LINKS, pip.conf.
set -euo pipefail
cd "$(dirname "$0")/.."
variant=${1:-} PYTHON=${PYTHON:-python3}
image_version=3.11 # of the Python in Debian 12, from which containers/base.def makes the images
pip=26.3           # is carried in the wheelhouse: the images have no pip of their own
folder=.cache/wheelhouse/$variant

fail() {
    echo "wheelhouse: $1" >&2
    exit "${2:-1}"
}

# A file of the folder says that its part is complete, by the hash of what that part was made from.
made_from=$(cat environment/{*.txt,build_horovod.sh,cuda.sh,wheelhouse.sh} pyproject.toml | sha256sum)
is_complete() {
    [[ $(cat "$folder/$1" 2>/dev/null) = "$made_from" ]]
}

# The images' Python: PYTHON if it has that version, otherwise the first one on the path that runs.
# (pyenv puts a python3.11 on the path that only runs where 3.11 is switched on.)
find_image_python() {
    local python
    for python in ${IMAGE_PYTHON:-"$PYTHON" $(type -ap "python$image_version")}; do
        if [[ $("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) = "$image_version" ]]; then
            echo "$python"
            return
        fi
    done
    fail "the images have Python $image_version, so their wheels need a Python $image_version, and ${IMAGE_PYTHON:-$PYTHON} is not one; name one with IMAGE_PYTHON=/path/to/python$image_version, or run this on Debian 12 and copy $folder from there" 2
}

make_venv() {
    "$1" -m venv "$2" || fail "no virtual environment can be made with $1; apt-get install python3-venv" 2
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
    # There are several builds of each torch version. === takes the one with exactly this name.
    local build horovod pins=(environment/constraints.txt) partial=.cache/wheelhouse/.$variant.partial
    local torch python=$scratch/venv/bin/python
    torch=$(sed -nE 's/^torch==([^ ]+).*/\1/p' environment/constraints.txt)
    case $variant in
        cpu)
            build=$torch+cpu horovod=.cache/wheels/torch-$build
            ;;
        cuda)
            build=$torch horovod=.cache/wheels/torch-$build-nccl
            pins+=(environment/constraints-cuda.txt)
            ;;
    esac
    rm -rf "$partial"
    mkdir -p "$partial"
    cat "${pins[@]}" >"$partial/constraints.txt"
    make_venv "$image_python" "$scratch/venv"
    echo "wheelhouse: fetching torch $build for Python $image_version (cpu 0.2 GB, cuda 2.7 GB)"
    gather "$python" "$partial" "torch===$build" ||
        fail "pip does not find torch===$build; name an index or a folder that has it in PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS"
    compgen -G "$horovod/horovod-*-cp${image_version/./}-*.whl" >/dev/null || build_horovod
    echo "wheelhouse: fetching everything else (about 1 minute)"
    gather "$python" "$partial" --find-links "$horovod" "pip==$pip" setuptools wheel \
        "$scratch/calobatch[data,simulate,train,results,workflow]" ||
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
    is_complete complete || fail "$folder is missing or has other versions than environment/constraints.txt; run \`make wheelhouse VARIANT=$variant\` where there is a network" 2
else
    version=$("$PYTHON" environment/check_python.py wheelhouse)
fi
if is_complete complete && is_complete "python-${version:-$image_version}"; then
    echo "wheelhouse: $folder is complete"
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/calobatch"
cp -r pyproject.toml README.md LICENSE src "$scratch/calobatch"
if ! is_complete complete; then
    image_python=$(find_image_python)
    gather_for_images
fi
is_complete "python-$version" || gather_for_login_node
echo "wheelhouse: $folder is complete ($(ls "$folder" | grep -c '\.whl$') wheels, $(du -sh "$folder" | cut -f1))"
