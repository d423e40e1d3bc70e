"""The parts of a checkout that set up an environment, and a PATH with chosen programs only."""

import shutil
import sys

import pytest

from tests.checkout import CHECKOUT

# What the shell scripts call besides the programs that they look for.
PROGRAMS = ("bash", "cat", "df", "dirname", "grep", "sed", "sha256sum", "sort", "tail")
# A Python that answers as another version or installation would: {pretend} are statements that
# change what it says about itself.
PYTHON = """#!{executable}
import sys, sysconfig
{pretend}
if sys.argv[1] == "-m":
    sys.exit("python -m was called, which makes environments and downloads")
file, code = ("-c", sys.argv[2]) if sys.argv[1] == "-c" else (sys.argv[1], open(sys.argv[1]).read())
sys.argv = sys.argv[1:]
exec(compile(code, file, "exec"), {{"__file__": file}})
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with the Makefile and the scripts of the checkout, and nothing built."""
    folder = tmp_path / "checkout"
    for name in ("environment", "containers", "cluster"):
        shutil.copytree(
            CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("images", "site.yaml")
        )
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, folder)
    return folder


class Programs:
    """A folder of programs, which is the whole PATH of a script."""

    def __init__(self, folder) -> None:
        self.folder = folder
        folder.mkdir()
        for name in PROGRAMS:
            (folder / name).symlink_to(shutil.which(name))

    def write(self, name: str, text: str) -> str:
        """Write a program, and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def answering(self, name: str, answer: str) -> str:
        """Write a program that prints ``answer``, and return its path."""
        return self.write(name, f"#!{shutil.which('bash')}\necho '{answer}'\n")

    def python(self, name: str, *pretend: str) -> str:
        """Write a Python that differs from this one by some statements, and return its path."""
        return self.write(
            name, PYTHON.format(executable=sys.executable, pretend="\n".join(pretend))
        )


@pytest.fixture
def programs(tmp_path):
    return Programs(tmp_path / "bin")
