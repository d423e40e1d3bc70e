"""Whole runs are kept apart, by a column that the layout does not know."""

import numpy as np
import pytest

from calobatch.config.dataset import Split
from calobatch.errors import UserError
from calobatch.pack.pack import pack
from calobatch.store import open_store
from tests.formats import WRITERS
from tests.layouts import SMALL_JETS
from tests.raw_files import random_events

LAYOUT = SMALL_JETS.model_copy(update={"official_test_mark": None})
EVENTS = random_events(LAYOUT, [0, 1] * 60, seed=2)
RUNS = np.repeat(np.arange(20) + 194_050, 6)
BY_RUN = Split.model_validate({"by": "column", "column": "run"})


def columns(**more):
    scalars = {s.name: EVENTS.scalars_BS[:, i] for i, s in enumerate(LAYOUT.scalars)}
    return {"X_jets": EVENTS.image_BCHW, "y": EVENTS.label, **scalars, **more}


@pytest.mark.parametrize("name", WRITERS)
def test_every_run_is_in_one_split(tmp_path, name):
    raw = WRITERS[name](tmp_path / name, columns(run=RUNS))
    pack("jets", LAYOUT, [raw], tmp_path / "store", split=BY_RUN, zero_below=0.0)
    store = open_store(tmp_path / "store")
    assert {len(set(store.split[run == RUNS])) for run in np.unique(RUNS)} == {1}
    assert set(store.split) == {0, 1, 2}
    assert store.manifest.split == BY_RUN


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_without_the_column_is_refused(tmp_path, name):
    raw = WRITERS[name](tmp_path / name, columns())
    with pytest.raises(UserError, match=rf"{name}.* has no (key|column|array|branch) run"):
        pack("jets", LAYOUT, [raw], tmp_path / "store", split=BY_RUN, zero_below=0.0)
