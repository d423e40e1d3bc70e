#!/usr/bin/env bash
# Build the Horovod wheel against the torch that is installed, once; later calls find it made.
#
#   environment/build_horovod.sh PYTHON FOLDER     leaves FOLDER/horovod-*.whl
#
# Horovod 0.28.1 (2023, the last release) asks for C++14, torch 2.13's headers need C++20; it
# compiles unchanged as C++20, so a wrapper in place of the compiler changes that one flag.
# With CUDA and NCCL at hand: HOROVOD_GPU_OPERATIONS=NCCL in the environment.
set -euo pipefail
python=$1 folder=$2 version=0.28.1

if compgen -G "$folder/horovod-$version-*.whl" >/dev/null; then
    exit 0
fi
command -v g++ >/dev/null || {
    echo "setup: building Horovod needs a C++ compiler: apt-get install g++ python3-dev" >&2
    exit 2
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/c++" <<'WRAPPER'
#!/usr/bin/env bash
exec g++ "${@/#-std=*1[47]/-std=gnu++20}"
WRAPPER
chmod +x "$scratch/c++"

echo "setup: building Horovod $version (2 to 4 minutes, once)"
PATH=$(dirname "$(realpath -s "$python")"):$PATH \
    CXX=$scratch/c++ MAKEFLAGS=-j$(nproc) \
    HOROVOD_WITH_PYTORCH=1 HOROVOD_WITHOUT_TENSORFLOW=1 HOROVOD_WITHOUT_MXNET=1 \
    HOROVOD_WITH_GLOO=1 HOROVOD_WITHOUT_MPI=1 \
    "$python" -m pip wheel --quiet --no-cache-dir --no-deps --no-build-isolation --no-binary horovod \
    --wheel-dir "$scratch/wheel" "horovod==$version" >"$scratch/log" 2>&1 || {
    tail -n 40 "$scratch/log" >&2
    echo "setup: Horovod did not build; the last lines of the compiler's log are above" >&2
    exit 1
}
mkdir -p "$folder"
wheel=$(basename "$scratch"/wheel/horovod-*.whl)
# The folder may be on another file system, where a move is a copy that can be cut short.
cp "$scratch/wheel/$wheel" "$folder/.$wheel"
mv "$folder/.$wheel" "$folder/$wheel"
