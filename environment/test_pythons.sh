#!/usr/bin/env bash
# Run the tests that need neither torch nor Horovod on the other supported versions of Python.
#
#   environment/test_pythons.sh [VERSION...]      3.12 and 3.13 unless some are named
#
# Each version has an environment in .cache/pythons, made once from the pinned packages and without
# torch, which is the same for all versions and takes gigabytes. All versions are tested at the same
# time: the newest with all these tests, and those between it and the version of `make test` with the
# tests that take little time and import most of the code. A version that is not on this machine is
# named and left out, but is an error if CALOBATCH_REQUIRE_PYTHONS is set.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -gt 0 ]] || set -- 3.12 3.13
newest=$(printf '%s\n' "$@" | sort --version-sort | tail -n 1)
tests_of_others=(tests/config tests/evaluate tests/models tests/public tests/raw tests/run
    tests/test_rooms.py tests/test_errors.py)
log=$(mktemp -d)
# The tests are started in the background, so an interrupt of this script does not end them by itself.
# Without jobs kill fails, and under set -e the trap's status would then be that of the script.
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$log"' EXIT

# pyenv's own folder comes last: its commands on the path only run where a version is switched on.
find_python() {
    local python
    for python in $(type -ap "python$1") "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python"$1"; do
        if "$python" -c 'import venv' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

# The name holds a hash of what the environment is made from: checkouts that share .cache and differ
# in that have one each. The two that were used last are kept for each version, at 1.4 GB each.
environment_of() {
    local version=$1 hash
    hash=$(cat environment/constraints.txt pyproject.toml environment/test_pythons.sh | sha256sum | cut -c1-12)
    echo ".cache/pythons/$version-$hash"
}

make_environment() {
    local version=$1 python=$2 venv
    venv=$(environment_of "$version")
    if [[ ! -e $venv/complete ]]; then
        echo "test-pythons: installing packages for Python $version, without torch (1 to 2 minutes)"
        "$python" -m venv --clear "$venv"
        "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-compile \
            --constraint environment/constraints.txt setuptools wheel $("$venv/bin/python" - <<'LIST'
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
for names in project["dependencies"], *project["optional-dependencies"].values():
    print(*(name for name in names if name not in ("torch", "horovod")))
LIST
            )
        # What an installation of calobatch would put there; the code comes from PYTHONPATH. It finds its
        # Python beside itself, because several checkouts may share .cache and each has another path.
        cat >"$venv/bin/calobatch" <<'COMMAND'
#!/bin/sh
exec "$(dirname "$0")/python" -c 'from calobatch.cli import main; main()' "$@"
COMMAND
        chmod +x "$venv/bin/calobatch"
        touch "$venv/complete"
    fi
    touch "$venv"
    ls -dt ".cache/pythons/$version-"* | tail -n +3 | xargs --no-run-if-empty rm -rf
}

run_tests() {
    local version=$1 python=$2 venv
    make_environment "$version" "$python"
    venv=$(environment_of "$version")
    local tests=()
    [[ $version = "$newest" ]] || tests=("${tests_of_others[@]}")
    PATH=$PWD/$venv/bin:$PATH PYTHONPATH=$PWD/src python -m pytest -q -p no:cacheprovider -p tests.without_torch \
        -n 2 --dist loadfile "${tests[@]}"
}

declare -A jobs
for version in "$@"; do
    if python=$(find_python "$version"); then
        run_tests "$version" "$python" >"$log/$version" 2>&1 &
        jobs[$version]=$!
    elif [[ ${CALOBATCH_REQUIRE_PYTHONS:-} ]]; then
        echo "test-pythons: there is no Python $version on this machine; install it, or put python$version on the path" >&2
        exit 2
    else
        echo "test-pythons: Python $version is not tested: it is not on this machine"
    fi
done
failed=()
for version in "${!jobs[@]}"; do
    wait "${jobs[$version]}" || failed+=("$version")
    echo "test-pythons: Python $version"
    cat "$log/$version"
done
[[ ${#failed[@]} -eq 0 ]] || {
    echo "test-pythons: tests failed on Python ${failed[*]}; their output is above" >&2
    exit 1
}
