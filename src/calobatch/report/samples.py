"""Make pictures of a dataset: a few events of each class, and the mean image of each class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calobatch.report.colours import ColourScale
from calobatch.report.embed import png
from calobatch.store import ChannelStatistics, Store

EVENTS_PER_CLASS = 4
# Events per class for a mean image: enough for a smooth mean, and quick even for a large store.
MEAN_EVENTS = 10_000
BLOCK = 256  # events that are in memory as dense images at one time


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
    """Return the images of :func:`sample_events`, energies on a log scale and times on a linear."""
    events = sample_events(store)
    image_BCHW = store.dense(events)
    rows = [(_class_of(store, k), f"event {k}{_scalars(store, k)}") for k in events.tolist()]
    return _gallery(store, rows, image_BCHW, _scales(store, image_BCHW))


def mean_galleries(store: Store) -> tuple[Gallery, Gallery]:
    """Return the mean images of both classes, and the difference: second minus first class."""
    of_class = [events[:MEAN_EVENTS] for events in _training_events(store)]
    mean_KCHW = np.stack([_mean_image(store, events) for events in of_class])
    first, second = store.manifest.classes
    rows = [
        (f"mean {name}", f"{len(events):,} events")
        for name, events in zip((first, second), of_class, strict=True)
    ]
    means = _gallery(store, rows, mean_KCHW, _scales(store, mean_KCHW))
    difference_1CHW = np.diff(mean_KCHW, axis=0)
    scales = _scales(store, difference_1CHW, sizes="symlog")
    caption = (f"{second} \N{MINUS SIGN} {first}", "difference of the means")
    return means, _gallery(store, [caption], difference_1CHW, scales)


def _training_events(store: Store) -> list[NDArray[np.int64]]:
    training = store.events_of("train")
    return [training[store.label[training] == label] for label in (0, 1)]


def _mean_image(store: Store, events: NDArray[np.int64]) -> NDArray[np.float64]:
    total = np.zeros(store.layout.shape)
    for start in range(0, len(events), BLOCK):
        total += store.dense(events[start : start + BLOCK]).sum(axis=0, dtype=np.float64)
    return total / len(events)


def _scales(
    store: Store, image_BCHW: NDArray[np.floating], sizes: str = "log"
) -> list[ColourScale]:
    """Return one scale per channel. ``sizes`` is its kind for channels without a sign."""
    return [
        ColourScale("linear" if _is_signed(channel) else sizes, _largest(image_BCHW[:, index]))
        for index, channel in enumerate(store.manifest.channels)
    ]


def _is_signed(channel: ChannelStatistics) -> bool:
    """Return whether a channel has a sign, such as a time, which is negative if it is early.

    The noise of an energy can be slightly negative too, so it is compared with the maximum.
    """
    return -channel.minimum > 0.1 * channel.maximum


def _largest(image: NDArray[np.floating]) -> float:
    return float(np.abs(image).max())


def _gallery(
    store: Store,
    captions: Sequence[tuple[str, str]],
    image_BCHW: NDArray[np.floating],
    scales: Sequence[ColourScale],
) -> Gallery:
    channels = store.manifest.channels
    legends = tuple(
        Legend(f"{channel.name} [{channel.unit}]", scale.name(), scale.bar(), scale.ticks())
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
    return store.manifest.classes[store.label[event]]


def _scalars(store: Store, event: int) -> str:
    return "".join(
        f", {scalar.name} {value:.3g} {scalar.unit}"
        for scalar, value in zip(store.manifest.scalars, store.scalars_BS[event], strict=True)
    )
