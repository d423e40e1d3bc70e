"""Find and check the Python file of a model without importing it.

Importing a model imports torch, which takes seconds and is not installed on a login node.
"""

import importlib.util
import symtable
from importlib.machinery import PathFinder
from pathlib import Path

from calobatch.config.explain import closest_to
from calobatch.errors import UserError


def model_module(model: str) -> str:
    """Return the name of a model's module: one of calobatch.models, unless the name has a dot."""
    return model if "." in model else f"calobatch.models.{model}"


def module_file(name: str) -> Path | None:
    """Return the file of a module, or None if it has none. Nothing is imported.

    importlib.util.find_spec would import the packages around the module.
    """
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    try:
        found = importlib.util.find_spec(parts[0])
    except ValueError:  # a module that was started as a program, such as __main__
        return None
    for last in range(2, len(parts) + 1):
        if found is None or found.submodule_search_locations is None:
            return None
        found = PathFinder.find_spec(".".join(parts[:last]), found.submodule_search_locations)
    if found is None or not found.has_location or found.origin is None:
        return None
    return Path(found.origin)


def model_source(model: str) -> Path:
    """Return the file of a model. Raises UserError if it has none."""
    file = module_file(model_module(model))
    if file is None:
        raise UserError(
            f"model {model!r}: module {model_module(model)} has no file; correct the name"
        )
    return file


def check_model(model: str, where: str) -> None:
    """Raise UserError, beginning with ``where``, unless the model's file has a class Model."""
    file = module_file(model_module(model))
    if file is None:
        similar = "" if "." in model else closest_to(model, _known())
        raise UserError(
            f"{where}: module {model_module(model)} does not exist; correct the name, or add the "
            f"file{similar}"
        )
    try:
        defined = _defines_model(file)
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{where}: cannot read the model {model}: {error}; fix its file") from None
    if not defined:
        raise UserError(f"{where}: {file} has no class Model; add it, or name another file")


def grows_trees(model: str) -> bool:
    """Return whether class Model in the model's file says that it is made of decision trees.

    ``grows_trees`` is then a name in the body of the class.
    """
    for names in _names_in(model_source(model)).get_children():
        if names.get_name() == "Model" and "grows_trees" in names.get_identifiers():
            return True
    return False


def _known() -> list[str]:
    """Return the names of the models that come with calobatch, or were added beside them."""
    folder = Path(__file__).parents[1] / "models"
    return [path.stem for path in folder.glob("*.py") if _defines_model(path)]


def _defines_model(source: Path) -> bool:
    """Return whether a file defines or imports the name Model."""
    names = _names_in(source)
    return "Model" in names.get_identifiers() and (
        names.lookup("Model").is_assigned() or names.lookup("Model").is_imported()
    )


def _names_in(source: Path) -> symtable.SymbolTable:
    return symtable.symtable(source.read_text(encoding="utf-8"), str(source), "exec")
