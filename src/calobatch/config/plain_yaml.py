"""Read YAML that has nothing but text, finite numbers, true or false, null, lists and mappings.

PyYAML reads more, and some of it ends far from the file that had it: a date fails in a training's
settings, an infinite number becomes null there, and of two equal keys the first one is lost.
"""

import math
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from calobatch.errors import UserError, reading

PREFIX = "tag:yaml.org,2002:"
# What a value of each kind must be.
KINDS = {
    "null": "null",
    "bool": "true or false",
    "int": "a whole number of at most 63 bits",
    "float": "a finite number",
    "str": "text without null characters or halves of characters",
    "seq": "a list",
    "map": "a set of keys and values",
}
# Far more than a configuration needs. A few lines of aliases can stand for billions of values, and
# a list that contains itself for infinitely many.
MOST_LEVELS = 50
MOST_VALUES = 100_000
# Larger whole numbers fit in no array and in no random generator.
LARGEST = 2**63 - 1


def plain_yaml(text: str) -> Any:
    """Return the value that ``text`` contains, or None if it is empty.

    Raises a ValueError that says in one line what is wrong, and where.
    """
    try:
        value = yaml.load(text, _PlainLoader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        reason = " ".join(part for part in (error.context, error.problem) if part)
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(place + reason) from None
    except yaml.reader.ReaderError as error:
        raise ValueError(f"character {error.position + 1}: {error.reason}") from None
    except RecursionError:
        raise ValueError("a value contains itself") from None
    _check_size(value)
    return value


FOUND = {list: "a list", type(None): "an empty file"}


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file. Raises UserError if it is not a set of keys and values."""
    with reading(path, "correct the file"):
        content = plain_yaml(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise UserError(
            f"{path}: expected lines of the form `key: value`, found "
            f"{FOUND.get(type(content), 'a single value')}"
        )
    return content


class _PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader, whose every error has a place, and which refuses what is not plain."""

    level = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self.level += 1
        if self.level > MOST_LEVELS:
            place = self.peek_event()  # type: ignore[no-untyped-call]
            raise _error(place, f"more than {MOST_LEVELS} levels of lists and mappings")
        node = super().compose_node(parent, index)
        self.level -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        node = super().compose_mapping_node(anchor)
        found = set()
        for key, _ in node.value:
            if key.tag not in (f"{PREFIX}str", f"{PREFIX}merge"):
                raise _error(key, f"the key {_shown(key)} is not text; put it in quotes")
            if key.value in found:
                raise _error(key, f"the key {_shown(key)} appears twice; remove one")
            found.add(key.value)
        return node

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        kind = node.tag.removeprefix(PREFIX)
        if kind not in KINDS:
            fix = "put it in quotes" if isinstance(node, ScalarNode) else "remove the tag"
            raise _error(node, f"{_shown(node)} is read as a {kind}; {fix}")
        try:
            value = super().construct_object(node, deep)
            _check_scalar(value)
        except (yaml.YAMLError, RecursionError):
            raise
        # Conversions raise ValueError, AttributeError, IndexError and more.
        except Exception:
            raise _error(node, f"{_shown(node)} is not {KINDS[kind]}") from None
        return value


def _check_scalar(value: Any) -> None:
    """Raise ValueError if no JSON, command line or array can hold ``value``."""
    if isinstance(value, str):
        value.encode("utf-8")  # fails for a half of a surrogate pair
        if "\0" in value:
            raise ValueError
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError


def _check_size(value: Any) -> None:
    """Raise ValueError if ``value`` is too large once every alias is written out."""
    count, waiting = 0, [(value, 0)]
    while waiting:
        part, level = waiting.pop()
        count += 1
        if level > MOST_LEVELS or count > MOST_VALUES:
            raise ValueError(
                f"aliases make more than {MOST_VALUES} values or {MOST_LEVELS} levels; write out "
                "what is needed"
            )
        if isinstance(part, dict | list):
            parts = part.values() if isinstance(part, dict) else part
            waiting.extend((inner, level + 1) for inner in parts)


def _shown(node: Node) -> str:
    """Return a scalar as the user wrote it, or the kind of a longer node."""
    if isinstance(node, ScalarNode):
        return repr(node.value if len(node.value) <= 60 else f"{node.value[:60]}...")
    return "this list" if isinstance(node, SequenceNode) else "this set of keys and values"


def _error(place: Any, message: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=place.start_mark)
