#!/usr/bin/env bash
# Print the build of torch that pip finds for a variant, for instance 2.13.0+cpu.
#
#   environment/torch_build.sh PYTHON cpu|cuda
#
# torch has several builds of each version. The default package index has one of them, under the plain
# version; on Linux it is the CUDA build. The build without CUDA is in an index of torch's own, where pip
# looks only if this machine's configuration names it. If pip does not find that build, the plain one is
# used, which runs on CPUs too and is only larger.
set -euo pipefail
python=$1 variant=$2
torch=$(sed -nE 's/^torch==([^ ]+).*/\1/p' "$(dirname "$0")/constraints.txt")

# === takes the build with exactly this name. --dry-run fetches only a description of the package.
finds() {
    "$python" -m pip install -qq --dry-run --ignore-installed --no-deps "torch===$1"
}

if [[ $variant = cpu ]]; then
    if finds "$torch+cpu" 2>/dev/null; then
        echo "$torch+cpu"
        exit 0
    fi
    echo "wheelhouse: pip finds no torch $torch+cpu, the build without CUDA, so it fetches the default build, which runs on CPUs too but brings CUDA with it (2.7 GB instead of 0.2 GB); for the smaller one, interrupt this and set PIP_EXTRA_INDEX_URL to the address that torch's installation page gives for CPUs" >&2
fi
finds "$torch" || {
    echo "wheelhouse: pip does not find torch $torch, as its message above says; check the network, or name an index or a folder that has it in PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS" >&2
    exit 1
}
echo "$torch"
