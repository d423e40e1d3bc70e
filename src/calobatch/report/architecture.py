"""Find the graph of a model by running it: its layers, and the operations that join them.

A first run finds which modules are called, and so what is drawn as one box. In a second run,
forward hooks record the boxes. A torch function mode sees every operation between them and keeps
track of the box that each tensor came from. Only this module of the report needs torch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from calobatch.layouts import Layout
from calobatch.models.build import build_model, example_inputs, input_names

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# Short names of functions of torch; every other operation has the name of its function.
OPERATIONS = {"__add__": "add", "cat": "concatenate", "scaled_dot_product_attention": "attention"}


@dataclass
class Node:
    """A layer, an input, or an operation that joins several tensors.

    ``kind`` is the class of the layer or the name of the operation, ``name`` its path in the model.
    ``shape`` is the shape of its output without the batch. ``parents`` has the indices of the nodes
    whose outputs it takes. ``parameters`` counts those that no earlier node has.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    parameters: int
    parents: tuple[int, ...]


def architecture(model: str, options: dict[str, Any], layout: Layout) -> list[Node]:
    """Return the nodes of a model, the inputs first and the others in the order in which they run.

    Raises UserError if the model does not accept the ``options``.
    """
    built = build_model(model, layout, options).eval()
    inputs = example_inputs(built, layout)
    boxes: dict[nn.Module, str] = {}
    for name, layer in _boxes(built, _used(built, inputs)):
        boxes.setdefault(layer, name)  # a layer that two modules share has the first one's path
    trace = _Trace(built, boxes)
    for name, tensor in zip(input_names(built), inputs, strict=True):
        trace.add("input", name, tensor, 0, ())
    for layer, name in boxes.items():
        layer.register_forward_pre_hook(trace.enter)
        layer.register_forward_hook(trace.leave(name), with_kwargs=True)
    with torch.no_grad(), trace:
        built(*inputs)
    return trace.nodes


class _Use(TorchFunctionMode):
    """Finds the modules that a model calls, and the parameters that its operations take."""

    def __init__(self) -> None:
        super().__init__()
        self.called: set[nn.Module] = set()
        self.parameters: set[int] = set()  # their ids

    def call(self, module: nn.Module, inputs: Any) -> None:
        """Record a call; this is a hook of the modules."""
        self.called.add(module)

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        # A look at the shape or the type of a parameter is no use of it.
        if any(True for _ in _tensors(output)):
            taken = _tensors([args, kwargs or {}])
            self.parameters |= {id(t) for t in taken if isinstance(t, nn.Parameter)}
        return output

    def hides(self, module: nn.Module) -> bool:
        """Return whether the module has a layer that it does not call but uses parameters of."""
        return any(
            self.hides(child)
            if list(child.children())
            else any(id(parameter) in self.parameters for parameter in child.parameters())
            for child in module.children()
            if child not in self.called
        )


def _used(model: nn.Module, inputs: Sequence[Tensor]) -> _Use:
    """Run the model once to find what it uses."""
    use = _Use()
    handles = [module.register_forward_pre_hook(use.call) for module in model.modules()]
    with torch.no_grad(), use:
        model(*inputs)
    for handle in handles:
        handle.remove()
    return use


def _boxes(model: nn.Module, use: _Use, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield path and module of all that is drawn as one box.

    These are the layers of torch itself, even if they contain others, modules without children,
    and modules that use the parameters of a layer without calling it, which would otherwise be
    drawn as many operations on bare weights.
    """
    for name, child in model.named_children():
        path = f"{prefix}{name}"
        if child in use.called and (_is_layer(child) or use.hides(child)):
            yield path, child
        else:
            yield from _boxes(child, use, f"{path}.")


def _is_layer(module: nn.Module) -> bool:
    of_torch = type(module).__module__.startswith("torch.nn")
    return not isinstance(module, CONTAINERS) if of_torch else not list(module.children())


class _Trace(TorchFunctionMode):
    """Collects nodes while the model runs.

    ``source`` has the node that each tensor came from, by the id of the tensor. ``depth`` is the
    number of layers that are running now. ``loose`` has the parameters in no box, with their names,
    by the ids of the tensors that were made of nothing else.
    """

    def __init__(self, model: nn.Module, boxes: Iterable[nn.Module]) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.source: dict[int, int] = {}
        self.kept: list[Tensor] = []  # Python reuses the id of an object that was freed
        self.seen: set[int] = set()
        self.depth = 0
        in_boxes = {id(p) for layer in boxes for p in layer.parameters()}
        self.loose: dict[int, dict[str, nn.Parameter]] = {
            id(p): {name: p} for name, p in model.named_parameters() if id(p) not in in_boxes
        }

    def add(
        self, kind: str, name: str, output: Any, parameters: int, parents: Sequence[int]
    ) -> None:
        """Append a node, and record it as the source of the tensors in ``output``."""
        tensors = list(_tensors(output))
        shape = tuple(tensors[0].shape[1:]) if tensors else ()
        self.nodes.append(Node(kind, name, shape, parameters, tuple(parents)))
        self._mark(tensors, len(self.nodes) - 1)

    def enter(self, layer: nn.Module, inputs: Any) -> None:
        """Stop recording operations: those inside a layer are part of the layer."""
        self.depth += 1

    def leave(self, name: str) -> Callable[[nn.Module, Any, Any, Any], None]:
        """Return the hook that adds the layer ``name``."""

        def hook(layer: nn.Module, inputs: Any, named_inputs: Any, output: Any) -> None:
            self.depth -= 1
            if self.depth == 0:
                parents = self._sources([inputs, named_inputs])
                self.add(_kind(layer), name, output, self._count(layer.parameters()), parents)

        return hook

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        if self.depth == 0:
            self._follow(function, (args, kwargs or {}), output)
        return output

    def _follow(self, function: Any, arguments: Any, output: Any) -> None:
        """Add a node for an operation that joins tensors; otherwise keep the source of its input.

        An operation on a single tensor, such as a reshape, is not drawn, and neither is one on
        parameters alone: these are drawn where they meet data.
        """
        outputs = list(_tensors(output))
        parents = self._sources(arguments)
        loose: dict[str, nn.Parameter] = {}
        for tensor in _tensors(arguments):
            loose |= self.loose.get(id(tensor), {})
        name = getattr(function, "__name__", "")
        if not parents:
            if loose:
                self.loose |= dict.fromkeys(map(id, outputs), loose)
                self.kept += outputs
        elif outputs and (len(parents) > 1 or loose or name == "scaled_dot_product_attention"):
            own = ", ".join(loose)
            kind = f"{OPERATIONS.get(name, name.strip('_'))} {own}".strip()
            self.add(kind, own, output, self._count(loose.values()), parents)
        else:
            self._mark(outputs, parents[0])

    def _sources(self, arguments: Any) -> list[int]:
        found = (self.source[id(t)] for t in _tensors(arguments) if id(t) in self.source)
        return list(dict.fromkeys(found))

    def _mark(self, tensors: Iterable[Tensor], node: int) -> None:
        for tensor in tensors:
            self.source[id(tensor)] = node
            self.kept.append(tensor)

    def _count(self, parameters: Iterable[nn.Parameter]) -> int:
        """Return the number of ``parameters``, without those that an earlier node has."""
        new = {id(p): p.numel() for p in parameters if p.requires_grad}
        count = sum(size for key, size in new.items() if key not in self.seen)
        self.seen |= set(new)
        return count


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield all tensors in nested tuples, lists, dicts and dataclasses."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _tensors([getattr(value, field.name) for field in fields(value)])


def _kind(layer: nn.Module) -> str:
    kernel = getattr(layer, "kernel_size", None)
    if kernel is None:
        return type(layer).__name__
    sizes = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    return f"{type(layer).__name__} " + "\N{MULTIPLICATION SIGN}".join(map(str, sizes))
