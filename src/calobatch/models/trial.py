"""Give a model a batch of zeros, to find a mistake in it before the first event is read."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from calobatch.errors import SettingsError, UserError
from calobatch.hits import HitMaker
from calobatch.layouts import Layout
from calobatch.models.blame import blaming_model
from calobatch.models.build import example_inputs, input_names, towers_of
from calobatch.models.needs import check_needs

# Two, because the mean over one event is that event, and the variance of one is not a number.
EVENTS = 2
# Share of the largest logit by which sums of other lengths may differ, also in TF32.
ROUNDING = 1e-3


def try_model(model: nn.Module, name: str, layout: Layout) -> None:
    """Raise a UserError unless ``model`` can be trained on images of ``layout``.

    The layout must have what the model needs. The model must take a batch, return one logit per
    event and class, shape (B, classes), and have gradients. If it takes hits, those that are zero
    everywhere must not change its logits. The model and torch's random numbers stay as they are.
    """
    check_needs(model, name, layout)
    if "hits" in input_names(model):
        HitMaker(layout, towers_of(model))
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError(f"model {name} has no parameters to train; add layers to it")
    device = next(model.parameters()).device
    labels = torch.arange(EVENTS, device=device) % len(layout.classes)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        inputs = [tensor.to(device) for tensor in example_inputs(model, layout, EVENTS)]
        with blaming_model(name, "a batch of zeros"):
            # A copy, because the running means of batch normalisation would change.
            model = copy.deepcopy(model)
            logits = model(*inputs)
            _check_logits(logits, name, layout)
            functional.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
            model.eval()
            with torch.no_grad():
                model(*inputs)
                if "hits" in input_names(model):
                    _check_zero_hits(model, name, inputs)


def _check_logits(logits: object, name: str, layout: Layout) -> None:
    expected = (EVENTS, len(layout.classes))
    if isinstance(logits, Tensor):
        found = f"numbers of shape {tuple(logits.shape)} and type {logits.dtype}"
        right = logits.shape == expected and logits.is_floating_point()
    else:
        found, right = f"a {type(logits).__name__}", False
    if not right:
        raise SettingsError(
            f"model {name}: forward must return one floating-point logit per event and class, here "
            f"of shape {expected}, but it returned {found}; correct its last layer"
        )


def _check_zero_hits(model: nn.Module, name: str, inputs: list[Tensor]) -> None:
    """Raise a SettingsError if the logits depend on how many hits of zeros an event has.

    They would depend on the other events of the batch, which decide to which length it is filled.
    """
    place = input_names(model).index("hits")
    hit_BLF = torch.rand_like(inputs[place])
    longer = functional.pad(hit_BLF, (0, 0, 0, hit_BLF.shape[1]))
    alone, among_longer = (
        model(*inputs[:place], hits, *inputs[place + 1 :]) for hits in (hit_BLF, longer)
    )
    if (alone - among_longer).abs().max() > ROUNDING * alone.abs().max():
        raise SettingsError(
            f"model {name}: hits that are zero everywhere change its logits, but they only make "
            "the events of a batch equally long; leave them out of its sums, means, maxima and "
            "attention, as hit_transformer does with mask_BL1"
        )


def check_number_of_trees(model: nn.Module, epochs: int, task: str) -> None:
    """Raise a SettingsError if a model that is made of trees has fewer than ``epochs`` of them.

    Other models are accepted.
    """
    if getattr(model, "grows_trees", False) and epochs > (trees := vars(model)["number"]):
        raise SettingsError(
            f"{task}: {epochs} epochs are more than the {trees} trees of the model; lower epochs, "
            "or raise trees in model_options"
        )
