"""What a model says that it needs of a layout."""

from torch import nn

from calobatch.errors import UserError
from calobatch.layouts import Layout
from calobatch.models.build import input_names


def check_needs(model: nn.Module, name: str, layout: Layout) -> None:
    """Raise a UserError unless ``layout`` has what the ``model`` called ``name`` needs.

    A model that takes scalars needs at least one. Its class may say more: ``least_channels`` is a
    number of channels, and ``needed_scalars`` has names of scalars.
    """
    least = getattr(model, "least_channels", 1)
    if len(layout.channels) < least:
        raise UserError(
            f"model {name} needs at least {least} channels, but layout {layout.name} has "
            f"{len(layout.channels)} ({', '.join(channel.name for channel in layout.channels)}); "
            "choose another model or another dataset"
        )
    found = [scalar.name for scalar in layout.scalars]
    missing = [name for name in getattr(model, "needed_scalars", ()) if name not in found]
    if missing or ("scalars" in input_names(model) and not found):
        raise UserError(
            f"model {name} needs {'the scalars ' if missing else 'scalars'}{', '.join(missing)}, "
            f"but layout {layout.name} has {', '.join(found) or 'none'}; add them to the layout, "
            "or choose another model"
        )
