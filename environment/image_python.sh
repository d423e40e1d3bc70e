#!/usr/bin/env bash
# Print the Python that makes the images' wheels, or fail: it has the version of the images' Python.
#
#   environment/image_python.sh
#
# IMAGE_PYTHON names it. Otherwise it is PYTHON, the first one on the path that runs, or one of pyenv.
# (pyenv puts a python3.11 on the path that only runs where 3.11 is switched on.)
set -euo pipefail
version=3.11 # of the Python in Debian 12, from which containers/base.def makes the images

mapfile -t on_the_path < <(type -ap python$version)
candidates=("${PYTHON:-python3}" "${on_the_path[@]}" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python)
[[ -z ${IMAGE_PYTHON:-} ]] || candidates=("$IMAGE_PYTHON")
for python in "${candidates[@]}"; do
    if [[ $("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) = "$version" ]]; then
        echo "$python"
        exit 0
    fi
done
found="no python$version that runs is on the path"
[[ -z ${IMAGE_PYTHON:-} ]] || found="$IMAGE_PYTHON does not have that version"
echo "wheelhouse: the images have Python $version, so Python $version must build their wheels, but $found; load its module, or name one with IMAGE_PYTHON=/path/to/python$version" >&2
exit 2
