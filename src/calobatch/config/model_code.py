"""What the code of a model is: its file, the helper modules that it imports, and a hash of them.

Nothing is imported here, for the reason given in :mod:`calobatch.config.model_file`.
"""

import ast
import hashlib
import importlib.util
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

from calobatch.checksum import sha256_of
from calobatch.config.model_file import model_module, model_source, module_file

# Where a piece of text starts and ends, each as line (from 1) and character (from 0).
Span = tuple[tuple[int, int], tuple[int, int]]
# Helper modules that come with calobatch. `COMPUTATION` in train/identity.py is their version.
OWN_HELPERS = frozenset({"calobatch.models.keras_weights"})

# Files of calobatch's own models that were changed without a change of any number, with the hash
# that they had before. They count as the files that they were, so that no training is repeated.
SAME_NUMBERS = {
    # Version 0.2 had two classes in all datasets. In this order: cnn, jet_cnn, two_branch_cnn,
    # vision_transformer.
    "1bc4c5a1eb69b799f08fa2c35b98157a0fc94ee3e2b7e2635bd7a8dd75c6a8d2": (
        "9560c93ba4c55a09c5642bd0322b1c2d83aa59e2b877cef063cad6502a3db331"
    ),
    "ee2ae95757429329d38815b881b0258bd442df5f42473f9ddc031647ac8e3ee0": (
        "1a6191b43014fb34fadd18199755bdf32b36a8c9b9507094170fdd4f6daaf940"
    ),
    "ee11d03d20edc20f2d2439f7f9b3f3eb11db48ed3f85231c855da589bb9cf032": (
        "eb01fa056faa6d20f2d3cb5ba9e5e9c2f4e37536a7bb2202f1cccd57b7571296"
    ),
    "2bafb6397c0703193d6796458426eb1253e2b9199bdebbde66421c4ad2eadf8e": (
        "481fcf42169445b9e1b3ee6f2153adc1d85a53765e3b5a61f321a1ce2d33dff3"
    ),
}


def model_files(model: str) -> list[Path]:
    """Return the file of a model, then those of its helper modules, sorted.

    A helper is a module in the same folder or package as the model, which the model or one of its
    helpers imports. Raises UserError if the model has no file.
    """
    name = model_module(model)
    first = model_source(model)
    found = {name: first}
    waiting = [name]
    while waiting:
        importer = waiting.pop()
        for helper in _imports(importer, found[importer]):
            file = None if helper in found else _file_beside(helper, name, first)
            if file:
                found[helper] = file
                waiting.append(helper)
    return [first, *sorted(file for helper, file in found.items() if helper != name)]


def bytes_sha256(model: str) -> str:
    """Return a hash of the bytes of a model's files: of the only file, or of all their hashes."""
    sums = [SAME_NUMBERS.get(of_file := sha256_of(file), of_file) for file in model_files(model)]
    return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()


def code_sha256(model: str) -> str:
    """Return a hash of the code of a model's files, which comments and docstrings do not change."""
    code = (code_of(file.read_text(encoding="utf-8")) for file in model_files(model))
    return hashlib.sha256("\0".join(code).encode()).hexdigest()


def code_of(source: str) -> str:
    """Return the text of a Python file without comments, docstrings and blank lines.

    These are cut out of the text, so that the result is the same in all versions of Python. A text
    that is not Python is returned as it is.
    """
    try:
        spans = _comments_and_docstrings(source)
    except (SyntaxError, tokenize.TokenError):
        return source
    lines = source.splitlines()
    for (first, start), (last, end) in reversed(spans):
        # The number of lines stays the same, so that the other spans stay right.
        rest = lines[last - 1][end:]
        lines[first - 1 : last] = [lines[first - 1][:start] + rest] + [""] * (last - first)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _comments_and_docstrings(source: str) -> list[Span]:
    """Return where they are. A docstring is any statement that is only a text."""
    spans: list[Span] = []
    before, text = tokenize.NEWLINE, None
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            spans.append((token.start, token.end))
        elif token.type != tokenize.NL:
            if text and token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                spans.append((text.start, text.end))
            begins = before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
            text = token if begins and token.type == tokenize.STRING else None
            before = token.type
    return sorted(spans)


def _imports(name: str, file: Path) -> Iterator[str]:
    """Yield the full names of all modules that a module may import, wherever in its file."""
    package = name.rpartition(".")[0] if file.name != "__init__.py" else name
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError:  # the trial of the model will name the line
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            try:
                module = importlib.util.resolve_name(source, package)
            except ImportError:  # a relative import without a package
                continue
            yield module
            # `from package import name`: the name may be a module.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _file_beside(helper: str, model: str, model_file: Path) -> Path | None:
    """Return the file of a module if it belongs to the model, and None otherwise."""
    top = model.partition(".")[0]
    package = "calobatch.models" if top == "calobatch" else top if "." in model else ""
    if (package and not helper.startswith(f"{package}.")) or helper in OWN_HELPERS:
        return None
    file = module_file(helper)
    return file if file and (package or file.parent == model_file.parent) else None
