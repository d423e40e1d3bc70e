#!/usr/bin/env bash
# Build the Horovod wheel for a Python and the torch installed in it, unless FOLDER has that wheel.
#
#   environment/build_horovod.sh PYTHON FOLDER     leaves FOLDER/horovod-*.whl
#
# FOLDER belongs to one build of torch. It may hold wheels for several Python versions: a wheel's name
# says which. To reduce on GPUs with NCCL: HOROVOD_GPU_OPERATIONS=NCCL in the environment, with the CUDA
# toolkit (CUDA_HOME, or /usr/local/cuda) and NCCL.
set -euo pipefail
python=$1 folder=$2 version=0.28.1

tag=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
if compgen -G "$folder/horovod-$version-$tag-*.whl" >/dev/null; then
    exit 0
fi
command -v g++ >/dev/null || {
    echo "horovod: building Horovod needs a C++ compiler, and g++ is not on the path; load the module of a compiler, or install it (on Debian: apt-get install g++ python3-dev)" >&2
    exit 2
}

mkdir -p "$folder"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Horovod 0.28.1 (2023, the last release) compiles as C++14, but the headers of torch 2.13 need C++20.
# It compiles unchanged as C++20, so this wrapper around the compiler replaces that one flag.
cat >"$scratch/c++" <<'WRAPPER'
#!/usr/bin/env bash
exec g++ "${@/#-std=*1[47]/-std=gnu++20}"
WRAPPER
chmod +x "$scratch/c++"

# With torch's CUDA build Horovod is built for GPUs if torch finds a CUDA toolkit. torch's first guess
# is the parent of whatever nvcc is on the path, which may be a wrapper script without a toolkit.
: "${CUDA_HOME:=/usr/local/cuda}"
if [[ -x $CUDA_HOME/bin/nvcc ]]; then
    # torch reads the first name, Horovod the second.
    export CUDA_HOME HOROVOD_CUDA_HOME=$CUDA_HOME
fi
# From Turing to Blackwell. Without this, Horovod compiles for every architecture that nvcc knows.
export HOROVOD_BUILD_CUDA_CC_LIST=${HOROVOD_BUILD_CUDA_CC_LIST:-75,80,86,89,90,100,120}

# Flags for conda's own compiler and libraries, which `conda activate` sets, do not suit g++.
if [[ ${CONDA_PREFIX:-} ]]; then
    unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LD AR RANLIB NM CMAKE_ARGS CMAKE_PREFIX_PATH
fi
export CC=gcc

echo "horovod: building Horovod $version for Python ${tag/cp3/3.} (2 to 4 minutes, up to 10 with CUDA; once)"
# Its CMake files import distutils, which left Python in 3.12: setuptools provides it, so the build
# happens in PYTHON's own environment (--no-build-isolation) with setuptools installed.
PATH=$(dirname "$(realpath -s "$python")"):$PATH \
    CXX=$scratch/c++ MAKEFLAGS=-j$(nproc) \
    HOROVOD_WITH_PYTORCH=1 HOROVOD_WITHOUT_TENSORFLOW=1 HOROVOD_WITHOUT_MXNET=1 \
    HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1 \
    "$python" -m pip wheel --quiet --no-cache-dir --no-deps --no-build-isolation --no-binary horovod \
    --wheel-dir "$scratch/wheel" "horovod==$version" >"$scratch/log" 2>&1 || {
    tail -n 40 "$scratch/log" >&2
    cp "$scratch/log" "$folder/horovod.log"
    echo "horovod: Horovod could not be built; the end of the log is above, all of it in $folder/horovod.log" >&2
    exit 1
}
wheel=$(basename "$scratch"/wheel/horovod-*.whl)
# FOLDER may be on another file system, where a move is a copy that an interruption leaves unfinished.
cp "$scratch/wheel/$wheel" "$folder/.$wheel"
mv "$folder/.$wheel" "$folder/$wheel"
