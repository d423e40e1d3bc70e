"""Check settings, and explain each mistake in one plain line instead of pydantic's report."""

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from calobatch.errors import UserError

Model = TypeVar("Model", bound=BaseModel)
NONE: Mapping[str, str] = MappingProxyType({})


def validated(
    model: type[Model],
    content: dict[str, Any],
    source: str,
    prefix: str = "",
    overrides: Mapping[str, str] = NONE,
) -> Model:
    """Return ``content`` as a ``model``. Raises one UserError with one line per mistake.

    ``source`` is the name of the file or option that the content comes from. ``prefix`` is put
    before every key if the content is only a part of a file. ``overrides`` has the keys that the
    user changed beside the source, each with the change as it was written, so that the message
    names the change if that is the mistake.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [
            f"{blamed(where, source, overrides)}: {line}"
            for where, line in explained(error, model, content, prefix)
        ]
        raise UserError("\n".join(lines)) from None


def explained(
    error: ValidationError, model: type[BaseModel], content: dict[str, Any], prefix: str = ""
) -> list[tuple[str, str]]:
    """Return, for each mistake, its key and one line that begins with the key and explains it."""
    places = [(prefix + _key(e["loc"], content)).removesuffix(".") for e in error.errors()]
    return [
        (where, _explain(problem, model, where))
        for where, problem in zip(places, error.errors(), strict=True)
    ]


def blamed(where: str, source: str, overrides: Mapping[str, str]) -> str:
    """Return where the user wrote the key ``where``: in an override, or in the ``source``.

    A mistake of a whole section may come from each change in it, so both are named.
    """
    for key, override in overrides.items():
        if f"{where}.".startswith(f"{key}."):
            return f"override {override!r}"
        if f"{key}.".startswith(f"{where}."):
            return f"{source} with the override {override!r}"
    return source


def closest_to(word: str, known: Iterable[object]) -> str:
    """Return the end of a message about an unknown ``word``: the most similar known one, or all."""
    names = sorted(str(name) for name in known)
    matches = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else f"; known: {', '.join(names)}"


def _explain(problem: Any, model: type[BaseModel], where: str) -> str:
    """Return one line for one mistake at the key ``where``, with the most similar known key."""
    if problem["type"] == "union_tag_not_found":
        key = problem["ctx"]["discriminator"].strip("'")
        return f"{where}.{key}: this key is missing; add it"
    if problem["type"] == "union_tag_invalid":
        key = problem["ctx"]["discriminator"].strip("'")
        return (
            f"{where}.{key}: {problem['ctx']['tag']!r} is not one of "
            f"{problem['ctx']['expected_tags']}"
        )
    if problem["type"] == "extra_forbidden":
        # pydantic does not say which kind of section an unknown key is in, so the key is compared
        # with the keys of all sections.
        known = model.model_fields if len(problem["loc"]) == 1 else _all_fields(model)
        return f"{where}: unknown key{closest_to(str(problem['loc'][-1]), known)}"
    if problem["type"] == "missing":
        return f"{where}: this key is missing; add it"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{where}: {message}" if where else message
    return f"{where}: {message} (found {problem['input']!r})"


def _key(location: tuple[str | int, ...], content: Any) -> str:
    """Return the key as the user wrote it, with dots.

    If a section can be of several kinds, pydantic's location also has the name of the kind, which
    is not in the file.
    """
    written = []
    for depth, part in enumerate(location, start=1):
        if isinstance(content, dict) and depth < len(location):
            following, inside = location[depth], content.get(part)
            # A kind can have the name of a key, as in {source: files, files: ..., split: ...}.
            is_kind = following in content and not (
                isinstance(inside, dict) and following in inside
            )
            if part not in content or is_kind:
                continue
        written.append(str(part))
        content = content.get(part) if isinstance(content, dict) else None
    return ".".join(written)


def _all_fields(model: type[BaseModel]) -> set[str]:
    """Return the names of all keys of a model and of the sections in it."""
    schema = model.model_json_schema()
    sections = [schema, *schema.get("$defs", {}).values()]
    return {key for section in sections for key in section.get("properties", {})}
