"""The graph of a model, found by running it once: layers, and the operations that join them.

Forward hooks name the layers; a torch function mode sees everything between them and carries along
from which layer each tensor came. Only this module of the report needs torch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from calobatch.layouts import Layout
from calobatch.models.build import build_model, example_inputs, input_names

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# Operations are named by the function that torch calls; those that mix tensors have short names.
OPERATIONS = {"__add__": "add", "cat": "concatenate", "scaled_dot_product_attention": "attention"}


@dataclass
class Node:
    """A layer, an input, or an operation that joins several.

    ``kind`` is what it does, ``name`` its path in the model, ``shape`` its output without the
    batch, ``parents`` the indices of the nodes that it takes its input from.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    parameters: int
    parents: tuple[int, ...]


def architecture(model: str, options: dict[str, Any], layout: Layout) -> list[Node]:
    """Return the nodes of a model in the order in which they run; the inputs come first."""
    built = build_model(model, layout, options).eval()
    trace = _Trace(built)
    inputs = example_inputs(built, layout)
    for name, tensor in zip(input_names(built), inputs, strict=True):
        trace.add("input", name, tensor, 0, ())
    handles = [
        handle
        for name, layer in _layers(built)
        for handle in (
            layer.register_forward_pre_hook(trace.enter),
            layer.register_forward_hook(trace.leave(name)),
        )
    ]
    try:
        with torch.no_grad(), trace:
            built(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return trace.nodes


def _layers(model: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield what is drawn as one box: torch's own layers, and modules that hold no others."""
    for name, child in model.named_children():
        path = f"{prefix}{name}"
        own = type(child).__module__.startswith("torch.nn") and not isinstance(child, CONTAINERS)
        if own or not list(child.children()):
            yield path, child
        else:
            yield from _layers(child, f"{path}.")


class _Trace(TorchFunctionMode):
    """Collects nodes while the model runs. ``source``: the node that a tensor came from, by id."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.source: dict[int, int] = {}
        self.kept: list[Tensor] = []  # so that no id is used twice
        self.seen: set[int] = set()
        self.depth = 0
        in_layers = {id(p) for _, layer in _layers(model) for p in layer.parameters()}
        self.loose = {
            id(p): (name, p) for name, p in model.named_parameters() if id(p) not in in_layers
        }

    def add(
        self, kind: str, name: str, output: Any, parameters: int, parents: Sequence[int]
    ) -> None:
        """Append a node and mark the tensors of ``output`` as its own."""
        tensors = list(_tensors(output))
        shape = tuple(tensors[0].shape[1:])
        self.nodes.append(Node(kind, name, shape, parameters, tuple(parents)))
        self._mark(tensors, len(self.nodes) - 1)

    def enter(self, layer: nn.Module, inputs: Any) -> None:
        """Stop watching operations: what happens inside a layer is the layer's."""
        self.depth += 1

    def leave(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        """Return the hook that adds the layer ``name``."""

        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            self.depth -= 1
            if self.depth == 0:
                self.add(_kind(layer), name, output, self._count(layer), self._sources(inputs))

        return hook

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        if self.depth == 0:
            self._follow(function, (args, kwargs or {}), output)
        return output

    def _follow(self, function: Any, arguments: Any, output: Any) -> None:
        outputs = list(_tensors(output))
        parents = self._sources(arguments)
        loose = [self.loose.pop(id(t)) for t in _tensors(arguments) if id(t) in self.loose]
        name = getattr(function, "__name__", "")
        if outputs and (len(parents) > 1 or loose or name == "scaled_dot_product_attention"):
            own = ", ".join(parameter for parameter, _ in loose)
            count = sum(p.numel() for _, p in loose if p.requires_grad)
            kind = f"{OPERATIONS.get(name, name.strip('_'))} {own}".strip()
            self.add(kind, own, output, count, parents)
        elif parents:
            self._mark(outputs, parents[0])

    def _sources(self, arguments: Any) -> list[int]:
        found = (self.source[id(t)] for t in _tensors(arguments) if id(t) in self.source)
        return list(dict.fromkeys(found))

    def _mark(self, tensors: Iterable[Tensor], node: int) -> None:
        for tensor in tensors:
            self.source[id(tensor)] = node
            self.kept.append(tensor)

    def _count(self, layer: nn.Module) -> int:
        """Count the parameters of a layer that no earlier layer shares."""
        new = {id(p): p.numel() for p in layer.parameters() if p.requires_grad}
        count = sum(size for key, size in new.items() if key not in self.seen)
        self.seen |= set(new)
        return count


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _kind(layer: nn.Module) -> str:
    kernel = getattr(layer, "kernel_size", None)
    if kernel is None:
        return type(layer).__name__
    sizes = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    return f"{type(layer).__name__} " + "\N{MULTIPLICATION SIGN}".join(map(str, sizes))
