"""Make pictures of a dataset: a few events of each class, and the mean image of each class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.colours import ColourScale
from calobatch.dense_images import mean_image
from calobatch.report.embed import png
from calobatch.store import Store

EVENTS_PER_CLASS = 4
# Events per class for a mean image: enough for a smooth mean, and quick even for a large store.
MEAN_EVENTS = 10_000


class Picture(NamedTuple):
    """An image of one channel as the address of a PNG, and its description for a screen reader."""

    address: str
    alternative: str


class Row(NamedTuple):
    """The pictures of one event or of one mean image, one per channel."""

    caption: str
    note: str
    pictures: tuple[Picture, ...]


class Legend(NamedTuple):
    """The colour scale of a channel.

    ``channel`` has name and unit, ``scale`` the kind of scale, ``bar`` the address of its picture.
    """

    channel: str
    scale: str
    bar: str
    ticks: tuple[str, str, str]


class Gallery(NamedTuple):
    """Rows of pictures. All pictures of a channel have the same colour scale."""

    legends: tuple[Legend, ...]
    rows: tuple[Row, ...]


def sample_events(store: Store) -> NDArray[np.int64]:
    """Return ``EVENTS_PER_CLASS`` events of each class, spread evenly over the training split."""
    chosen = [
        of_class[np.linspace(0, len(of_class), EVENTS_PER_CLASS, endpoint=False).astype(np.int64)]
        for of_class in _training_events(store)
    ]
    return np.concatenate(chosen)


def sample_gallery(store: Store) -> Gallery:
    """Return the images of :func:`sample_events`, energies on a log and times on a linear scale."""
    events = sample_events(store)
    image_BCHW = store.dense(events)
    rows = [(_class_of(store, k), f"event {k}{_scalars(store, k)}") for k in events.tolist()]
    return gallery(store, rows, image_BCHW, channel_scales(store, image_BCHW))


def mean_galleries(store: Store) -> tuple[Gallery, Gallery]:
    """Return the mean image of each class, and how they differ.

    Of two classes, that is the second minus the first; of more, each minus the mean of all.
    """
    of_class = [events[:MEAN_EVENTS] for events in _training_events(store)]
    mean_KCHW = np.stack([mean_image(store, events) for events in of_class])
    classes = store.manifest.classes
    rows = [
        (f"mean {name}", f"{len(events):,} events")
        for name, events in zip(classes, of_class, strict=True)
    ]
    means = gallery(store, rows, mean_KCHW, channel_scales(store, mean_KCHW))
    if len(classes) == 2:
        difference = np.diff(mean_KCHW, axis=0)
        captions = [(f"{classes[1]} \N{MINUS SIGN} {classes[0]}", "difference of the means")]
    else:
        difference = mean_KCHW - mean_KCHW.mean(axis=0)
        captions = [(f"{name} \N{MINUS SIGN} mean", "difference from all") for name in classes]
    scales = channel_scales(store, difference, sizes="symlog")
    return means, gallery(store, captions, difference, scales)


def _training_events(store: Store) -> list[NDArray[np.int64]]:
    training = store.events_of("train")
    labels = range(len(store.layout.classes))
    return [training[store.label[training] == label] for label in labels]


def channel_scales(
    store: Store, image_BCHW: NDArray[np.floating], sizes: str = "log"
) -> list[ColourScale]:
    """Return one scale per channel for images (B, C, H, W).

    ``sizes`` is its kind for channels without a sign.
    """
    return [
        ColourScale("linear" if channel.signed else sizes, _largest(image_BCHW[:, index]))
        for index, channel in enumerate(store.layout.channels)
    ]


def _largest(image: NDArray[np.floating]) -> float:
    return float(np.abs(image).max())


def gallery(
    store: Store,
    captions: Sequence[tuple[str, str]],
    image_BCHW: NDArray[np.floating],
    scales: Sequence[ColourScale],
) -> Gallery:
    """Return the images (B, C, H, W) with a caption and a note each, one scale per channel."""
    channels = store.manifest.channels
    legends = tuple(
        Legend(f"{channel.name} [{channel.unit}]", scale.name(), png(scale.bar()), scale.ticks())
        for channel, scale in zip(channels, scales, strict=True)
    )
    rows = []
    for (caption, note), image_CHW in zip(captions, image_BCHW, strict=True):
        pictures = tuple(
            Picture(png(scale.paint(image)), f"{caption}, {note}: {channel.name}")
            for channel, scale, image in zip(channels, scales, image_CHW, strict=True)
        )
        rows.append(Row(caption, note, pictures))
    return Gallery(legends, tuple(rows))


def _class_of(store: Store, event: int) -> str:
    return store.manifest.classes[int(store.label[event])]


def _scalars(store: Store, event: int) -> str:
    return "".join(
        f", {scalar.name} {value:.3g} {scalar.unit}"
        for scalar, value in zip(store.manifest.scalars, store.scalars_BS[event], strict=True)
    )
