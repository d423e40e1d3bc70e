#!/usr/bin/env bash
# Look for what some steps need on this machine, and name everything that is missing at once.
#
#   environment/check_host.sh cpu|cuda STEP...      STEP: setup, wheelhouse or images
#
# It takes a second and needs no network, so that nothing is missed only after minutes of downloads. What
# is needed only to make something that exists already, like Horovod's wheel, is not looked for.
set -euo pipefail
cd "$(dirname "$0")/.."
variant=$1 PYTHON=${PYTHON:-python3}
shift
# Of Debian 12: what was compiled with newer ones does not load in the images.
image_glibc=2.36 image_gcc=12
# chroot, which debootstrap calls, is not on an ordinary user's path.
export PATH=$PATH:/usr/sbin:/sbin
missing=0

# lack STEP WHAT FIX
lack() {
    echo "$1: $2; $3" >&2
    missing=1
}

# check_space STEP FOLDER GB_FOR_CPU GB_FOR_CUDA FIX: generous, because a full disk shows late.
check_space() {
    local gb=$3 free_kb
    [[ $variant = cpu ]] || gb=$4
    read -r _ _ _ free_kb _ < <(df -Pk "$2" | tail -n 1) || return 0
    ((free_kb >= gb * 1000000)) ||
        lack "$1" "about $gb GB are needed in $2, and $((free_kb / 1000000)) GB are free" "$5"
}

has_horovod() {
    local tag torch
    tag=$("$1" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
    torch=.cache/wheels/torch-$(sed -nE 's/^torch==([^ ]+).*/\1/p' environment/constraints.txt)
    case $variant in
        cpu) compgen -G "$torch/horovod-*-$tag-*.whl" || compgen -G "$torch+*/horovod-*-$tag-*.whl" ;;
        cuda) compgen -G "$torch-nccl/horovod-*-$tag-*.whl" ;;
    esac >/dev/null
}

check_venv() {
    "$2" -c 'import venv, ensurepip' 2>/dev/null ||
        lack "$1" "$2 lacks the module venv or ensurepip, which make virtual environments" \
            "load or name another Python, or install them (on Debian: apt-get install python3-venv)"
}

check_build_of_horovod() {
    local step=$1 python=$2 gcc
    if ! command -v g++ >/dev/null; then
        lack "$step" "building Horovod needs a C++ compiler, and g++ is not on the path" \
            "load the module of a compiler, for example gcc, or install it (on Debian: apt-get install g++)"
    elif ! g++ -std=gnu++20 -x c++ -fsyntax-only - <<<'#include <concepts>' &>/dev/null; then
        lack "$step" "building Horovod needs a compiler for C++20, and $(command -v g++) is version $(g++ -dumpversion)" \
            "load the module of g++ 11 or $image_gcc"
    elif gcc=$(g++ -dumpversion) && [[ $step = wheelhouse && ${gcc%%.*} -gt $image_gcc ]]; then
        lack "$step" "a Horovod that g++ $gcc compiled does not load in the images, which have the C++ library of g++ $image_gcc" \
            "load the module of g++ 11 or $image_gcc"
    fi
    "$python" -c 'import os, sysconfig; os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2>/dev/null ||
        lack "$step" "building Horovod needs the headers of $python, and its Python.h does not exist" \
            "load or name another Python, or install them (on Debian: apt-get install python3-dev)"
}

check_wheelhouse() {
    local python glibc
    if ! python=$(environment/image_python.sh); then
        missing=1 python=$PYTHON
    elif [[ $python != "$PYTHON" ]]; then
        check_venv wheelhouse "$python"
    fi
    check_space wheelhouse "$PWD" 1 4 "remove something, or clone to a larger file system"
    check_space wheelhouse "${TMPDIR:-/tmp}" 2 10 "name another folder with TMPDIR=/path"
    has_horovod "$python" && return
    check_build_of_horovod wheelhouse "$python"
    if [[ $variant = cuda && ! -x ${CUDA_HOME:-/usr/local/cuda}/bin/nvcc ]]; then
        lack wheelhouse "building Horovod for GPUs needs the CUDA toolkit, and ${CUDA_HOME:-/usr/local/cuda}/bin/nvcc does not exist" \
            "load its module, or name the toolkit with CUDA_HOME=/path"
    fi
    glibc=$(getconf GNU_LIBC_VERSION)
    [[ $(printf '%s\n' $image_glibc "${glibc#* }" | sort -V | tail -n 1) = "$image_glibc" ]] ||
        lack wheelhouse "this system has $glibc, and a Horovod compiled with it does not load in the images, which have $image_glibc of Debian 12" \
            "use a machine that is not newer"
}

check_images() {
    command -v apptainer >/dev/null ||
        lack images "apptainer is not on the path" "load its module, or ask your administrators to install it"
    # Without a range of its own numbers, apptainer uses the program fakeroot.
    [[ $(id -u) = 0 ]] || command -v fakeroot >/dev/null || grep -qsE "^($(id -un)|$(id -u)):" /etc/subuid ||
        getsubids "$(id -un)" &>/dev/null ||
        lack images "apptainer --fakeroot needs a range of user numbers for $(id -un) in /etc/subuid, or the program fakeroot, and neither exists" \
            "ask your administrators for one of them"
    check_space images "$PWD" 1 5 "remove something, or clone to a larger file system"
    check_space images "${APPTAINER_TMPDIR:-${TMPDIR:-/tmp}}" 4 12 "name another folder with APPTAINER_TMPDIR=/path"
}

for step in "$@"; do
    case $step in
        setup) has_horovod "$PYTHON" || check_build_of_horovod setup "$PYTHON" ;;
        wheelhouse)
            check_venv wheelhouse "$PYTHON"
            environment/wheelhouse.sh "$variant" check &>/dev/null || check_wheelhouse
            ;;
        images) check_images ;;
    esac
done
if [[ $missing = 1 && " $* " != *" setup "* ]]; then
    echo "make: where that is not possible, run \`make wheelhouse images VARIANT=$variant\` on another machine and copy .cache/wheelhouse/$variant and containers/images from there, or copy everything with \`make bundle\`." >&2
fi
[[ $missing = 0 ]] || exit 2
