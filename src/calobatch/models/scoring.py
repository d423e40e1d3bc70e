"""The number of events that a model scores at once."""

from calobatch.layouts import Layout

# A batch has 244 crops or 10 jets, about as many as in training. Larger batches are not faster, and
# the intermediate results of a Vision Transformer take a hundred times the memory of its input.
PIXELS_PER_BATCH = 500_000


def events_per_batch(layout: Layout) -> int:
    """Return the number of events of a batch, for a training's scores and for those of `predict`.

    Both have the same, because the last bits of a score depend on it. Those of a model of hits also
    depend on which events are in the batch.
    """
    return max(PIXELS_PER_BATCH // layout.pixels, 1)
