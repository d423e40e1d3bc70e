"""Find out what the model of a finished training looks at in the events of the test split.

The answer has three parts: where in the energies and other quantities it is better and worse, what
the events look like that it is most certain about, and how its scores change if a part of the event
is set to zero. Nothing is drawn at random except the replicas of a bootstrap, which has a fixed
seed: the same run gives the same files.
"""

from pathlib import Path

import numpy as np

from calobatch.checksum import sha256_of
from calobatch.dense_images import mean_image
from calobatch.interpret.bins import quantities
from calobatch.interpret.chosen import affordable, spread_events
from calobatch.interpret.confident import confident_groups, described
from calobatch.interpret.occlusion import PATCHES, Occlusion
from calobatch.interpret.plots import draw_plots
from calobatch.interpret.scorer import scorer_of
from calobatch.interpret.without import names_of, without_inputs
from calobatch.progress import Progress
from calobatch.run.files import (
    INTERPRETATION_FILE,
    INTERPRETATION_FILES,
    INTERPRETATION_FOLDER,
    OCCLUSION_PLOT,
    PREDICTIONS_FILE,
)
from calobatch.run.folder import read_run, store_of
from calobatch.run.interpretation import Images, Interpretation, write_images
from calobatch.run.predictions import read_events, read_predictions

# What the model scores again, in pixels of images, and at most how many events of each class: some
# seconds on one core for both parts together. With two classes, sixty crops or six jets of each are
# occluded, and a thousand crops or 88 jets of each are scored without an input.
PIXELS_OF_OCCLUSION, MOST_OCCLUDED = 140_000_000, 60
PIXELS_WITHOUT_INPUTS, MOST_WITHOUT_INPUTS = 50_000_000, 1_000


def interpret(folder: Path, store_folder: Path) -> None:
    """Write the interpretation of the run in ``folder``, trained on the store in ``store_folder``.

    A model that takes no images has no occlusion. Raises UserError if the run is not evaluated, if
    one of its files is damaged, or if the store is not the one of the training.
    """
    run = read_run(folder)
    store, layout = store_of(run, store_folder), run.record.layout
    target = folder / INTERPRETATION_FOLDER
    # Those of an earlier training, the record first.
    for name in (*reversed(INTERPRETATION_FILES), OCCLUSION_PLOT):
        (target / name).unlink(missing_ok=True)
    predictions = run.file(PREDICTIONS_FILE)
    test, events = read_predictions(predictions)["test"], read_events(predictions, "test")
    # An event with a weight of zero counts for nothing. Every class has others, or there would be
    # no metrics.
    counted = events if store.weight is None else events[store.weight[events] > 0]
    confidence = run.metrics.confidence
    scorer = scorer_of(run)
    names = names_of(layout, scorer.inputs)
    scores = 1 + len(names)
    per_class = affordable(layout, scores, pixels=PIXELS_WITHOUT_INPUTS, most=MOST_WITHOUT_INPUTS)
    of_inputs = np.concatenate(spread_events(store, counted, per_class))
    per_class = affordable(
        layout,
        1 + len(layout.channels) * PATCHES**2,
        pixels=PIXELS_OF_OCCLUSION,
        most=MOST_OCCLUDED if scorer.inputs.from_images else 0,
    )
    occluded = spread_events(store, counted, per_class)
    occlusion = Occlusion(store, np.concatenate(occluded))
    total = scores * len(of_inputs) + occlusion.images
    with Progress(f"interpret {run.record.name}", total, "images") as progress:
        auc, without = without_inputs(store, of_inputs, scorer, progress, confidence)
        occlusion_KCHW = occlusion.falls(scorer, progress)
    groups = confident_groups(test)
    images = Images(
        confident_GCHW=np.stack(
            [mean_image(store, events[group.place]).astype(np.float32) for group in groups]
        ),
        occlusion_KCHW=occlusion_KCHW,
    )
    found = Interpretation(
        predictions_sha256=sha256_of(predictions),
        confidence=confidence,
        quantities=quantities(store, events, test, confidence),
        confident=tuple(described(group, store) for group in groups),
        input_events=len(of_inputs),
        auc=auc,
        without=without,
        patch=occlusion.patches.size,
        occluded_events=tuple(map(len, occluded)),
        files={},
    )
    write_images(images, target)
    draw_plots(run, found, images, target)
    written = [*INTERPRETATION_FILES[:-1], *([OCCLUSION_PLOT] if found.sees_images else [])]
    checksums = {name: sha256_of(target / name) for name in written}
    found.model_copy(update={"files": checksums}).write(target / INTERPRETATION_FILE)
    print(f"interpret: wrote {target}", flush=True)
