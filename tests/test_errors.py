"""Every verb ends with one message, whatever a library raises."""

import json
import subprocess
import sys

import pytest

from calobatch.cli import VERBS
from calobatch.errors import JobError, UserError, error_to_tell, exiting
from tests.checkout import CHECKOUT

# Importing the module that the first argument names raises an error of two lines.
FAILING = """
import sys
from importlib.abc import MetaPathFinder

class Failing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == library:
            raise RuntimeError("made to\\nfail")

library = sys.argv.pop(1)
sys.meta_path.insert(0, Failing())
from calobatch.cli import main
main()
"""
SETTINGS = json.dumps({"model": "cnn", "epochs": 1, "batch_size": 8, "learning_rate": 0.1})
PACKING = json.dumps({"layout": "electron_photon", "split": {}, "zero_below": 0})
CROPS = json.dumps({"source": "simulate", "events": 20})
PUBLIC = "QCDToGGQQ_IMGjet_RH1all_jet0_run0_n36272.test.snappy.parquet"
RAW = "SinglePhotonPt50_IMGCROPS_n500k_RHv1.hdf5"
# Of each verb a library that it imports, and options with which it comes to import it.
VERBS_WITH_A_LIBRARY = {
    "fetch": ("requests", "quark_gluon", PUBLIC, "--output", "/no/" + PUBLIC),
    "simulate": ("h5py", "electron_photon", "--output", RAW, "--settings", CROPS),
    "pack": ("pyarrow", "d", "x.hdf5", "--output", "/nowhere", "--settings", PACKING),
    "train": ("torch", "t", "--run", "seed1", "--store", "/no", "--output", "/no",
              "--settings", SETTINGS),
    "try": ("torch", "electron_photon_cnn", "--settings", "{}"),
    "ensemble": ("scipy.special", "both", "/nowhere", "--output", "/nowhere/both"),
    "propose": ("optuna", "t", "--output", "/nowhere/x", "--settings", "{}"),
    "trial": ("calobatch.search.trial", "/nowhere", "1", "--store", "/no", "--folder", "/no",
              "--output", "/no"),
    "choose": ("calobatch.search.choose", "t", "/nowhere", "--epochs", "1", "--output", "/no"),
    "evaluate": ("sklearn.metrics", "/nowhere"),
    "export": ("torch", "/nowhere", "--store", "/no"),
    "interpret": ("torch", "/nowhere", "--store", "/no"),
    "collect": ("mlflow", "/nowhere", "--leaderboard", "/nowhere/x", "--settings", "{}"),
    "report": ("matplotlib", "/nowhere", "--stores", "/no", "--leaderboard", "/nowhere/x",
               "--settings", "{}", "--output", "/nowhere/y"),
    "check": ("yaml",),
    "schema": ("pydantic",),
    "leaderboard": ("pydantic", "quickstart"),
    "watch": ("rich.live",),
    "plan": ("pydantic", "electron_photon_cnn"),
    "inspect": ("numpy", "x.hdf5"),
    "predict": ("torch", "/nowhere", "x.hdf5", "--output", "/nowhere/y"),
    "publish": ("yaml", "--author", "Ada", "--output", "/nowhere/published"),
    "compare": ("numpy", "/nowhere", "/nowhere"),
    "download": ("mlflow", "runs:/0", "--output", "/nowhere"),
    "ui": ("socket",),
    "launch": ("ctypes", "-n", "1", "true"),
    "contain": ("pydantic", "data", "true"),
    "requeue": ("calobatch.slurm.requeue", "true"),
    "submit": ("yaml",),
    "images": ("hashlib",),
    "doctor": ("yaml",),
    "usage": ("pydantic",),
}  # fmt: skip


def test_every_verb_is_here():
    assert set(VERBS_WITH_A_LIBRARY) == {verb.name for verb in VERBS}


@pytest.mark.parametrize("verb", VERBS_WITH_A_LIBRARY)
def test_a_verb_says_in_one_line_what_a_library_raised(verb):
    library, *options = VERBS_WITH_A_LIBRARY[verb]
    answer = subprocess.run(
        [sys.executable, "-c", FAILING, library, verb, *options],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1, answer.stderr
    (line,) = answer.stderr.splitlines()
    assert line.startswith(f"calobatch {verb}: unexpected RuntimeError at line ")
    assert "src/calobatch/" in line
    assert ": made to fail; to see the traceback, set CALOBATCH_TRACEBACK=1" in line


class OutOfMemoryError(RuntimeError):
    """An error of the same name as torch's."""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "too little memory"),
        (OutOfMemoryError("CUDA out of memory"), "too little memory"),
        (ModuleNotFoundError("No module named 'h5py'", name="h5py"), "the package h5py is not"),
        (OSError(28, "No space left on device", "a.hdf5"), "'a.hdf5'; free space on that disk"),
        (KeyError("x"), "unexpected KeyError"),
    ],
)
def test_the_message_says_what_helps(error, message):
    assert message in str(error_to_tell(error))


@pytest.mark.parametrize(
    ("error", "code"),
    [(UserError("a"), 2), (JobError("b"), 1), (OSError("c"), 1), (KeyError("d"), 1)],
)
def test_a_block_that_fails_ends_the_process_with_one_message(capsys, error, code):
    with pytest.raises(SystemExit) as stopped, exiting():
        raise error
    assert stopped.value.code == code
    assert capsys.readouterr().err.startswith("calobatch: ")
