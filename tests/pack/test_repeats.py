"""Events with the same image as another event are told, and counted in the store."""

import re

import numpy as np
import pytest

from calobatch.config.dataset import Split
from calobatch.pack.pack import pack
from calobatch.pack.repeats import FEWEST_HITS, image_keys
from calobatch.pack.sparsify import sparsify
from calobatch.store import open_store
from tests.formats import npz
from tests.layouts import SMALL_JETS
from tests.raw_files import random_events

LAYOUT = SMALL_JETS.model_copy(update={"official_test_mark": None, "shares": None})
EVENTS = random_events(LAYOUT, [0, 1] * 100, seed=5)
# With more hits than other tests need.
_random = np.random.default_rng(6).random(EVENTS.image_BCHW.shape, np.float32)
EVENTS = EVENTS._replace(image_BCHW=np.where(_random < 0.8, _random, 0))
AGAIN = 40


def packed(folder, chosen):
    """Pack two files, of which the second has the events ``chosen`` of the first, and others."""
    files = []
    for name, events in {"all": slice(None), "some": chosen}.items():
        scalars = {s.name: EVENTS.scalars_BS[events, i] for i, s in enumerate(LAYOUT.scalars)}
        arrays = {"X_jets": EVENTS.image_BCHW[events], "y": EVENTS.label[events], **scalars}
        files.append(npz(folder / f"{name}.npz", arrays))
    files = files if len(EVENTS.label[chosen]) else files[:1]
    pack("jets", LAYOUT, files, folder / "store", split=Split(), zero_below=0.0)
    return open_store(folder / "store")


def test_events_that_are_in_two_files_are_told_and_those_of_other_splits_are_counted(
    tmp_path, capsys
):
    chosen = np.arange(0, 3 * AGAIN, 3)
    store = packed(tmp_path, chosen)
    first, second = store.split[chosen], store.split[len(EVENTS.label) :]
    leaked = int(np.sum(first != second))
    assert 0 < leaked < AGAIN
    assert store.manifest.repeats == leaked
    told = capsys.readouterr().err
    assert f"{AGAIN} of {200 + AGAIN} events have the same image as an event before them" in told
    assert f"{leaked} of them are in different splits" in told
    example = re.search(r"event (\d+) of all.npz and event (\d+) of some.npz", told)
    assert int(example[1]) == chosen[int(example[2])]


def test_nothing_is_told_of_events_that_differ(tmp_path, capsys):
    store = packed(tmp_path, slice(0, 0))
    assert store.manifest.repeats == 0
    assert "same image" not in capsys.readouterr().err


@pytest.mark.parametrize("what", ["value", "pixel"])
def test_the_hash_of_an_image_depends_on_every_hit_and_on_nothing_else(what):
    image = EVENTS.image_BCHW[:3].copy()
    before = image_keys(sparsify(image, 0.0))
    alone = image_keys(sparsify(image[1:2], 0.0))
    assert alone[0] == before[1]
    hit = tuple(np.argwhere(image[1])[5])
    empty = tuple(np.argwhere(image[1] == 0)[5])
    if what == "value":
        image[(1, *hit)] = np.nextafter(image[(1, *hit)], np.float32(np.inf))
    else:
        image[(1, *empty)], image[(1, *hit)] = image[(1, *hit)], 0
    after = image_keys(sparsify(image, 0.0))
    assert [*(before == after)] == [True, False, True]


def test_images_with_few_hits_have_no_hash():
    image = np.zeros((1, 1, 4, 4), np.float32)
    image.reshape(-1)[: FEWEST_HITS - 1] = 1
    assert image_keys(sparsify(image, 0.0))[0] == 0
