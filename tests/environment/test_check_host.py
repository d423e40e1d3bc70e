"""What a step needs is looked for before it begins, and everything that is missing is named."""

import re
import subprocess

import pytest

VERSION_3_11 = "sys.version_info = (3, 11, 0)"
# A compiler that compiles everything.
GCC = "#!/bin/bash\n[[ $1 != -dumpversion ]] || echo {}\n"
HOROVOD = "horovod-0.28.1-cp311-cp311-linux_x86_64.whl"


@pytest.fixture
def include(tmp_path):
    """A folder with the headers of a Python."""
    folder = tmp_path / "include"
    folder.mkdir()
    (folder / "Python.h").touch()
    return folder


@pytest.fixture
def complete(programs, include):
    """The programs of a machine that lacks nothing for CPUs; its user is not root."""
    programs.write("g++", GCC.format(12))
    programs.answering("getconf", "glibc 2.36")
    programs.answering("id", "1000")
    programs.answering("apptainer", "")
    programs.answering("fakeroot", "")
    programs.python("python3", VERSION_3_11, f"sysconfig.get_path = lambda name: {str(include)!r}")
    return programs


def check(checkout, programs, *arguments, **environment):
    return subprocess.run(
        [checkout / "environment/check_host.sh", *arguments],
        env={"PATH": str(programs.folder), "HOME": str(checkout), **environment},
        capture_output=True,
        text=True,
    )


def named(answer):
    """Return the messages of a check that failed, each with the fix after the last semicolon."""
    assert (answer.returncode, answer.stdout) == (2, "")
    *messages, elsewhere = answer.stderr.splitlines()
    assert "on another machine" in elsewhere
    assert all("; " in message for message in messages)
    return messages


def test_nothing_is_said_where_nothing_is_missing(checkout, complete):
    answer = check(checkout, complete, "cpu", "setup", "wheelhouse", "images")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_everything_that_is_missing_is_named_at_once(checkout, complete, include):
    for name in ("g++", "apptainer", "fakeroot"):
        (complete.folder / name).unlink()
    (include / "Python.h").unlink()
    complete.answering("getconf", "glibc 2.41")
    messages = named(check(checkout, complete, "cuda", "wheelhouse", "images", CUDA_HOME="/no"))
    expected = {
        "wheelhouse": ["g\\+\\+", "Python.h", "/no/bin/nvcc", "glibc 2.41"],
        "images": ["apptainer", "/etc/subuid"],
    }
    for step, words in expected.items():
        for word in words:
            assert any(re.match(f"{step}: .*{word}", message) for message in messages), word
    assert len(messages) == 6


def test_a_compiler_that_is_newer_than_the_images_is_named(checkout, complete):
    complete.write("g++", GCC.format(13))
    (message,) = named(check(checkout, complete, "cpu", "wheelhouse"))
    assert re.search(r"g\+\+ 13 .*; .*g\+\+ 11 or 12$", message)
    assert check(checkout, complete, "cpu", "setup").returncode == 0


def test_a_compiler_that_is_too_old_is_named(checkout, complete):
    complete.write("g++", '#!/bin/bash\n[ "$1" = -dumpversion ] && echo 8.5\n')
    (message,) = named(check(checkout, complete, "cpu", "wheelhouse"))
    assert re.search(r"C\+\+20.* 8\.5; .*11 or 12", message)


def test_a_disk_that_is_almost_full_is_named_with_the_setting_for_another(checkout, complete):
    (complete.folder / "df").unlink()
    complete.answering("df", "/dev/sda1 50000000 49100000 900000 99% /")
    messages = named(check(checkout, complete, "cpu", "wheelhouse", "images", TMPDIR="/scratch"))
    assert len(messages) == 4
    for setting in ("TMPDIR", "APPTAINER_TMPDIR"):
        assert any(
            re.search(rf"in /scratch, and 0 GB are free; .* {setting}=", text) for text in messages
        )


def test_a_python_that_makes_no_virtual_environments_is_named(checkout, complete):
    python = complete.python("other", VERSION_3_11, 'sys.modules["ensurepip"] = None')
    messages = named(check(checkout, complete, "cpu", "wheelhouse", PYTHON=python))
    assert any(message.startswith(f"wheelhouse: {python} ") for message in messages)


@pytest.mark.parametrize("given", [{}, {"IMAGE_PYTHON": "PYTHON_3_12"}])
def test_without_the_python_of_the_images_the_setting_that_names_one_is_named(
    checkout, complete, include, given
):
    headers = f"sysconfig.get_path = lambda name: {str(include)!r}"
    python = complete.python("python3", "sys.version_info = (3, 12, 0)", headers)
    environment = dict.fromkeys(given, python)
    (message,) = named(check(checkout, complete, "cpu", "wheelhouse", **environment))
    assert re.search("IMAGE_PYTHON=/path/to/python3.11$", message)
    assert all(value in message for value in environment.values())


def test_the_python_of_the_images_is_found_beside_another_one(checkout, complete, include):
    headers = f"sysconfig.get_path = lambda name: {str(include)!r}"
    complete.python("python3", "sys.version_info = (3, 12, 0)", headers)
    complete.python("python3.11", VERSION_3_11, headers)
    assert check(checkout, complete, "cpu", "wheelhouse").returncode == 0


@pytest.mark.parametrize(
    ("variant", "folder"),
    [("cpu", "torch-{}"), ("cpu", "torch-{}+cpu"), ("cuda", "torch-{}-nccl")],
)
def test_a_horovod_that_was_built_needs_no_compiler(checkout, complete, variant, folder):
    (complete.folder / "g++").unlink()
    constraints = (checkout / "environment/constraints.txt").read_text()
    torch = re.search("^torch==(.*)$", constraints, re.MULTILINE).group(1)
    wheels = checkout / ".cache/wheels" / folder.format(torch)
    wheels.mkdir(parents=True)
    assert check(checkout, complete, variant, "wheelhouse", CUDA_HOME="/no").returncode == 2
    (wheels / HOROVOD).touch()
    assert check(checkout, complete, variant, "wheelhouse", CUDA_HOME="/no").returncode == 0


def test_wheelhouse_stops_before_it_makes_or_downloads_anything(checkout, complete):
    """Its Python fails when it is asked for an environment or for pip."""
    (complete.folder / "g++").unlink()
    answer = subprocess.run(
        [checkout / "environment/wheelhouse.sh", "cpu"],
        env={"PATH": str(complete.folder), "HOME": str(checkout)},
        capture_output=True,
        text=True,
    )
    assert len(named(answer)) == 1
    assert not (checkout / ".cache").exists()


def test_setup_names_itself(checkout, complete):
    (complete.folder / "g++").unlink()
    answer = check(checkout, complete, "cpu", "setup")
    assert answer.returncode == 2
    assert re.fullmatch(r"setup: .*g\+\+.*; .*\n", answer.stderr)
