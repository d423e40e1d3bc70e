"""Find and check the Python file of a model without importing it.

Importing a model imports torch, which takes seconds and is not installed on a login node.
"""

import importlib.util
import symtable
from pathlib import Path

from calobatch.config.explain import closest_to
from calobatch.errors import UserError


def model_module(model: str) -> str:
    """Return the name of a model's module: one of calobatch.models, unless the name has a dot."""
    return model if "." in model else f"calobatch.models.{model}"


def model_source(model: str) -> Path:
    """Return the file of a model. Raises UserError if it has none."""
    found = importlib.util.find_spec(model_module(model))
    if found is None or found.origin is None:
        raise UserError(
            f"model {model!r}: module {model_module(model)} has no file; correct the name"
        )
    return Path(found.origin)


def check_model(model: str, where: str) -> None:
    """Raise UserError, beginning with ``where``, unless the model's file has a class Model."""
    try:
        found = importlib.util.find_spec(model_module(model))
    except (ImportError, ValueError):  # the package does not exist; the name cannot be a module
        found = None
    if found is None:
        similar = "" if "." in model else closest_to(model, _known())
        raise UserError(
            f"{where}: module {model_module(model)} does not exist; correct the name, or add the "
            f"file{similar}"
        )
    try:
        defined = _defines_model(Path(found.origin or ""))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{where}: cannot read the model {model}: {error}; fix its file") from None
    if not defined:
        raise UserError(f"{where}: {found.origin} has no class Model; add it, or name another file")


def _known() -> list[str]:
    """Return the names of the models that come with calobatch, or were added beside them."""
    folder = Path(__file__).parents[1] / "models"
    return [path.stem for path in folder.glob("*.py") if _defines_model(path)]


def _defines_model(source: Path) -> bool:
    """Return whether a file defines or imports the name Model."""
    names = symtable.symtable(source.read_text(encoding="utf-8"), str(source), "exec")
    return "Model" in names.get_identifiers() and (
        names.lookup("Model").is_assigned() or names.lookup("Model").is_imported()
    )
