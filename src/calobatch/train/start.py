"""Start from the weights of another run, and keep some parameters as they are."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from calobatch.checksum import sha256_of
from calobatch.config.training import Training
from calobatch.errors import UserError
from calobatch.run.checked import finished_run
from calobatch.run.name import RunName
from calobatch.store import Store

# The most names of parameters in one message.
MOST_NAMED = 6


class Start(NamedTuple):
    """How a model began.

    ``sha256`` is the checksum of the weights that were taken, ``anew`` has the parameters that were
    not among them, and ``resting`` the layers without a parameter that is trained. All are empty
    for a model with new weights.
    """

    sha256: str = ""
    anew: tuple[str, ...] = ()
    resting: tuple[nn.Module, ...] = ()

    def rest(self) -> None:
        """Let frozen layers work as they do in evaluation.

        Otherwise a frozen batch normalisation would still change its running means.
        """
        for layer in self.resting:
            layer.eval()


def begin(model: nn.Module, settings: Training, store: Store) -> Start:
    """Give ``model`` the weights that ``settings`` start from, and freeze parameters.

    Parameters of another shape, and those that the other model does not have, keep the new weights
    that they have. Raises UserError if no training has finished in the folder, if it is a run of
    another fold of this ``store``, if none of its weights fits, or if nothing would be left to
    train.
    """
    start = Start()
    if settings.start_from:
        weights = _weights_of(Path(settings.start_from), store)
        start = Start(sha256_of(weights), _take(model, weights))
    if settings.freeze:
        _freeze(model, settings.freeze)
        start = start._replace(resting=tuple(layer for layer in model.modules() if _rests(layer)))
    return start


def start_line(name: RunName, folder: str, start: Start) -> str:
    """Return the line that says from where a training starts."""
    line = f"train {name}: starts from the weights of {folder}"
    if start.anew:
        more = len(start.anew) - MOST_NAMED
        line += (
            f"; these do not fit and start anew: {', '.join(start.anew[:MOST_NAMED])}"
            f"{f' and {more} more' if more > 0 else ''}"
        )
    return line


def _weights_of(folder: Path, store: Store) -> Path:
    try:
        record, weights = finished_run(folder)
    except UserError as error:
        raise UserError(f"start_from: {error}") from None
    if record.dataset_sha256 == store.manifest.events_sha256 and record.fold != store.fold:
        raise UserError(
            f"start_from: {folder} is a run of fold {record.fold}, which was trained on events "
            f"that fold {store.fold} is tested on; name a run of another dataset"
        )
    return weights


def _take(model: nn.Module, path: Path) -> tuple[str, ...]:
    """Load all weights that fit; return the names of the parameters for which there are none."""
    own = model.state_dict()
    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"start_from: cannot read {path} ({error}); train that run again") from None
    fitting = {name: found[name] for name in own if _fits(found.get(name), own[name])}
    if not fitting:
        raise UserError(
            f"start_from: no weight in {path} has the name and shape of one in this model (it "
            f"begins with {', '.join(list(own)[:MOST_NAMED])}); name a run of a similar model"
        )
    model.load_state_dict(fitting, strict=False)
    return tuple(name for name in own if name not in fitting)


def _fits(found: Tensor | None, own: Tensor) -> bool:
    return found is not None and found.shape == own.shape


def _freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    names = dict(model.named_parameters())
    for pattern in patterns:
        # The name of a layer stands for all its parameters.
        frozen = [name for name in names if fnmatch(name, pattern) or fnmatch(name, f"{pattern}.*")]
        if not frozen:
            raise UserError(
                f"freeze: no parameter of the model is called {pattern!r}; its parameters are "
                f"{', '.join(names)}"
            )
        for name in frozen:
            names[name].requires_grad_(False)
    if not any(parameter.requires_grad for parameter in names.values()):
        raise UserError(
            f"freeze: {', '.join(patterns)} freezes all parameters of the model, so nothing is "
            "left to train; freeze fewer layers"
        )


def _rests(layer: nn.Module) -> bool:
    own = list(layer.parameters(recurse=False))
    return bool(own) and not any(parameter.requires_grad for parameter in own)
