"""The keys of a task that mean something for boosted trees, which are fitted without gradients."""

import json

from pydantic_core import to_jsonable_python

from calobatch.config.search import Search
from calobatch.config.training import Training
from calobatch.errors import UserError

# All other keys must have their defaults: a training that ignored them would not be what the user
# asked for. `batch_size` is the number of events whose features are computed at once.
KEYS_OF_TREES = frozenset(
    {
        "model",
        "model_options",
        "training_events",
        "epochs",
        "batch_size",
        "learning_rate",
        "threads",
        "early_stopping",
        "communicator",
        "device",
    }
)


def refuse_keys_of_networks(settings: Training, where: str) -> None:
    """Raise a UserError, beginning with ``where``, that names all keys that trees cannot follow."""
    needed = {
        name: field.get_default(call_default_factory=True)
        for name, field in Training.model_fields.items()
        if name not in KEYS_OF_TREES
    } | {"ranks": 1}
    wrong = [
        f"{name}: {json.dumps(to_jsonable_python(value))}"
        for name, value in needed.items()
        if getattr(settings, name) != value
    ]
    if wrong:
        raise UserError(
            f"{where}: model {settings.model} is fitted by one rank and without gradients, so it "
            f"cannot follow all keys of this task; set {', '.join(wrong)}"
        )


def refuse_search_of_networks(search: Search, where: str) -> None:
    """Raise a UserError, beginning with ``where``, if trees cannot be searched in this way."""
    if wrong := [key for key in search.ranges if key.partition(".")[0] not in KEYS_OF_TREES]:
        raise UserError(
            f"{where}.ranges: trees have no {', '.join(wrong)}; search other keys, such as "
            "learning_rate or those of model_options"
        )
    if search.rounds > 1:
        raise UserError(
            f"{where}.rounds: trees are grown completely in any number of epochs, so a second "
            "round would repeat the first; set rounds to 1"
        )
