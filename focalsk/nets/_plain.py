"""Objects of torch as arrays, numbers, strings and dicts of these: a state that holds no code.

What is not known here stays the object that it is, so that pickle does with it what it always does,
while a format without code (skops) refuses it by its name.

A module of the user's is code. On the way into a file its weights are kept and its class is not:
see `_plain_context`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from skorch.callbacks import EarlyStopping, EpochScoring, EpochTimer, PassthroughScoring
from skorch.dataset import ValidSplit
from skorch.history import History
from torch import nn

from focalsk.losses import FocalLoss, OneVersusRestLoss, SigmoidFocalLoss
from focalsk.nets._batches import ArrayDataset, Batches
from focalsk.nets._mlp import FocalMLP
from focalsk.nets._plain_context import given, is_saving
from focalsk.nets._skorch import LazyPrintLog
from focalsk.nets._stacked_modules import StackedMLP, VmapStack

__all__ = [
    "NotPlain",
    "Weights",
    "decode",
    "encode",
    "encode_attributes",
    "encode_weights",
    "known",
    "name_of",
    "name_of_known",
    "read_module",
]

_KIND = "__focalsk__"  # what a dict stands for

# Classes by the names that a state has for them; no other can come out of one.
_OWN = {
    kind.__name__: kind
    for kind in (
        ArrayDataset, Batches, FocalLoss, FocalMLP, OneVersusRestLoss, SigmoidFocalLoss, StackedMLP,
        VmapStack,
    )
}  # fmt: skip
_TORCH = {"torch.nn": nn, "torch.optim": torch.optim, "torch.utils.data": torch.utils.data}
# Objects that are no more than their attributes, and run nothing when those are set.
_OBJECTS = {
    kind.__name__: kind
    for kind in (
        EarlyStopping, EpochScoring, EpochTimer, LazyPrintLog, PassthroughScoring, ValidSplit,
    )
}  # fmt: skip
# Types that numpy does not have, as integers of their width.
_AS_INTEGERS = {torch.bfloat16: torch.int16}


class NotPlain(TypeError):
    """A module or optimizer that is more than known classes, arrays and numbers."""


class Weights(dict):
    """The state of a user's module, until somebody builds the module."""


def name_of(value: Any) -> str:
    """The name of a class or function, or of an object's class, with where it is from."""
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


# Values -----------------------------------------------------------------------------------------


def encode(value: Any, strict: bool = False) -> Any:
    """A value as plain ones, as far as it is known.

    Raises NotPlain for what is not known, if `strict`; else that stays as it is.
    """
    if value is None or isinstance(value, (bool, int, float, str, bytes, np.generic)):
        return value
    if isinstance(value, nn.Module):
        return _encode_any_module(value, strict)
    kind = type(value)
    if kind is np.ndarray and value.dtype != object:
        return value
    if kind is list and value and all(type(item) is float for item in value):
        return {_KIND: "floats", "values": np.array(value)}
    if kind in (list, tuple, set):
        return kind(encode(item, strict) for item in value)
    if kind is dict:
        return _encode_dict(value, strict)
    if kind is History:
        return _encode_history(value)
    if isinstance(value, torch.Tensor):
        return _encode_tensor(value, strict)
    if kind in (torch.dtype, torch.device):
        return {_KIND: kind.__name__, "name": str(value).removeprefix("torch.")}
    if isinstance(value, type):
        return _encode_type(value, strict)
    if _OBJECTS.get(kind.__name__) is kind:
        return _encode_object(value, strict)
    if strict:
        raise NotPlain(f"an object of {name_of(value)}")
    return value


def _encode_dict(value: dict[Any, Any], strict: bool) -> dict[str, Any]:
    if _KIND not in value and all(type(key) is str for key in value):
        return {key: encode(item, strict) for key, item in value.items()}
    items = [[encode(key, strict), encode(item, strict)] for key, item in value.items()]
    return {_KIND: "dict", "items": items}


def _encode_history(history: History) -> dict[str, Any]:
    rows = list(history)
    if _is_json(rows):  # one string, exact to the last digit, in place of thousands of entries
        return {_KIND: "history", "json": json.dumps(rows)}
    return {_KIND: "history", "rows": encode(rows)}


def _is_json(value: Any) -> bool:
    if type(value) is list:
        return all(_is_json(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _is_json(item) for key, item in value.items())
    return value is None or type(value) in (bool, int, float, str)


def _encode_object(value: Any, strict: bool) -> Any:
    usual = _default_functions(type(value)) | _found_anew(value)
    state = {k: v for k, v in vars(value).items() if k not in usual or v is not usual[k]}
    try:
        return {_KIND: "object", "name": type(value).__name__, "state": encode(state, strict=True)}
    except NotPlain:  # it prints elsewhere, say
        if strict:
            raise
        return value


def _encode_type(kind: type, strict: bool) -> Any:
    name = name_of_known(kind)
    if name is not None:
        return {_KIND: "type", "name": name}
    if strict:
        raise NotPlain(name_of(kind))
    return kind


def name_of_known(kind: type) -> str | None:
    """The name that states have for a class; None if it is none of a net's."""
    name = kind.__name__
    if _OWN.get(name) is kind:
        return name
    found = (where for where, room in _TORCH.items() if getattr(room, name, None) is kind)
    where = next(found, None)
    return None if where is None else f"{where}.{name}"


def known(name: str) -> Any:
    """The class of such a name."""
    where, _, last = name.rpartition(".")
    kind = getattr(_TORCH.get(where), last, None) if where else _OWN.get(name)
    if not isinstance(kind, type):
        raise ValueError(f"A state names {name!r}, which is no class of a net.")
    return kind


def _encode_tensor(tensor: torch.Tensor, strict: bool) -> Any:
    usual = type(tensor) in (torch.Tensor, nn.Parameter) and tensor.layout is torch.strided
    if not usual or tensor.is_quantized or tensor.device.type == "meta":
        if strict:
            raise NotPlain(f"a tensor of {name_of(tensor)}")
        return tensor
    state: dict[str, Any] = {_KIND: "tensor"}
    values = tensor.detach()
    if not values.is_contiguous():
        state["stride"] = list(values.stride())
        values = values.contiguous()
    if values.dtype in _AS_INTEGERS:
        state["dtype"] = str(values.dtype).removeprefix("torch.")
        values = values.view(_AS_INTEGERS[values.dtype])
    if tensor.device.type != "cpu":
        state["device"] = str(tensor.device)
    if isinstance(tensor, nn.Parameter):
        state["parameter"] = tensor.requires_grad
    state["values"] = values.numpy(force=True)
    return state


def decode(value: Any) -> Any:
    """What :func:`encode` was given."""
    kind = type(value)
    if kind in (list, tuple, set):
        return kind(decode(item) for item in value)
    if kind is not dict:
        return value
    if _KIND not in value:
        return {key: decode(item) for key, item in value.items()}
    if value[_KIND] not in _DECODERS:
        raise ValueError(f"A state holds {value[_KIND]!r}, which this version does not know.")
    return _DECODERS[value[_KIND]](value)


def _decode_history(state: Mapping[str, Any]) -> History:
    return History(json.loads(state["json"]) if "json" in state else decode(state["rows"]))


def _decode_dtype(state: Mapping[str, Any]) -> torch.dtype:
    dtype = getattr(torch, state["name"], None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"A state names {state['name']!r}, which is no type of numbers.")
    return dtype


def _decode_tensor(state: Mapping[str, Any]) -> torch.Tensor:
    tensor = torch.tensor(state["values"])  # a copy: the array may be read-only
    if "dtype" in state:
        tensor = tensor.view(_decode_dtype({"name": state["dtype"]}))
    if "stride" in state:
        tensor = _with_stride(tensor, tuple(state["stride"]))
    if "device" in state:
        tensor = tensor.to(here(state["device"]))
    if "parameter" in state:
        return nn.Parameter(tensor, requires_grad=state["parameter"])
    return tensor


def _with_stride(tensor: torch.Tensor, stride: tuple[int, ...]) -> torch.Tensor:
    """The values in another order in memory, if that is one without gaps."""
    order = sorted(range(tensor.ndim), key=lambda axis: -stride[axis])
    moved = tensor.permute(order).contiguous()
    back = moved.permute([order.index(axis) for axis in range(tensor.ndim)])
    return back if back.stride() == stride else tensor


def here(device: str) -> torch.device:
    """The device of a state, or the CPU where that is not to be had."""
    wanted = torch.device(device)
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        return torch.device("cpu")
    return wanted


def _decode_object(state: Mapping[str, Any]) -> Any:
    kind = _OBJECTS[state["name"]]
    value = kind.__new__(kind)
    vars(value).update({**_default_functions(kind), **decode(state["state"])})
    return value


def _found_anew(value: Any) -> dict[str, Any]:
    """What EpochScoring finds out by the samples, each time that training begins."""
    names = ("X_indexing_", "y_indexing_") if isinstance(value, EpochScoring) else ()
    return {name: getattr(value, name, None) for name in names}


def _default_functions(kind: type) -> dict[str, Any]:
    """The parameters of a class that are functions unless said otherwise: `print`, say."""
    parameters = inspect.signature(kind).parameters.values()
    return {p.name: p.default for p in parameters if inspect.isroutine(p.default)}


def _decode_given(state: Mapping[str, Any]) -> Any:
    name = state["name"]
    found = given(name)
    if found is None:
        raise ValueError(
            f"The model has a module of your own, {name}, whose code is not in the file: pass "
            f"module={name.rpartition('.')[2]} (or a dict of names and modules)."
        )
    if isinstance(found, nn.Module) != state["instance"]:
        what = "an instance" if state["instance"] else "a class or factory"
        raise ValueError(
            f"The model was made with {what} of {name} as its module. Got {found!r} instead."
        )
    return found


def encode_attributes(attributes: Mapping[str, Any], strict: bool = False) -> dict[str, Any]:
    """The attributes of an object; `module` is what builds a module, not a trained one."""
    return {
        name: _encode_builder(value, strict) if name == "module" else encode(value, strict)
        for name, value in attributes.items()
    }


def _encode_builder(value: Any, strict: bool) -> Any:
    """A module class, factory or instance; one of the user's is given again when it is read."""
    try:
        return encode(value, strict=True)
    except NotPlain:
        if is_saving():
            made = isinstance(value, nn.Module)
            return {_KIND: "given", "name": name_of(value), "instance": made}
        if strict:
            raise
        return value


# Modules ----------------------------------------------------------------------------------------

_TABLES = ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "training")


def _encode_any_module(module: nn.Module, strict: bool) -> Any:
    try:
        return _encode_module(module)
    except NotPlain:
        if strict:
            raise
        return module


def encode_weights(module: nn.Module) -> dict[str, Any]:
    """The weights alone of a module of the user's."""
    return {_KIND: "weights", "name": name_of(module), "state": _state_of(module)}


def _state_of(module: nn.Module) -> dict[str, Any]:
    return {name: encode(value, strict=True) for name, value in module.state_dict().items()}


def _encode_module(module: nn.Module) -> dict[str, Any]:
    name, own, usual = name_of_known(type(module)), vars(module), vars(nn.Module())
    if name is None:
        raise NotPlain(name_of(module))
    if any(own.get(key) != value for key, value in usual.items() if key not in _TABLES):
        raise NotPlain(f"a {name} with hooks")
    tensors = [*module.parameters(), *module.buffers()]
    shared = [*module.named_parameters(remove_duplicate=False)]
    others = [*module.named_buffers(remove_duplicate=False)]
    if len(tensors) < len(shared) + len(others):
        raise NotPlain(f"a {name} with shared tensors")
    strictly: Any = {
        "attributes": {key: value for key, value in own.items() if key not in usual},
        "parameters": dict(own["_parameters"]),
        "buffers": dict(own["_buffers"]),
        "not_saved": sorted(own["_non_persistent_buffers_set"]),
        "modules": dict(own["_modules"]),
    }
    state = {key: encode(value, strict=True) for key, value in strictly.items()}
    return {_KIND: "module", "name": name, "training": module.training, **state}


def _decode_module(state: Mapping[str, Any]) -> nn.Module:
    kind = known(state["name"])
    if not issubclass(kind, nn.Module):
        raise ValueError(f"A state names {state['name']!r}, which is no module.")
    module = kind.__new__(kind)
    nn.Module.__init__(module)
    usual = set(vars(module))
    attributes = decode(state["attributes"])
    vars(module).update({key: value for key, value in attributes.items() if key not in usual})
    for name, value in state["parameters"].items():
        module.register_parameter(name, decode(value))
    for name, value in state["buffers"].items():
        persistent = name not in state["not_saved"]
        module.register_buffer(name, decode(value), persistent=persistent)
    for name, value in state["modules"].items():
        module.add_module(name, decode(value))
    module.training = state["training"]
    return module


def _decode_weights(state: Mapping[str, Any]) -> Weights:
    return Weights(name=state["name"], state=decode(state["state"]))


def read_module(module: nn.Module, weights: Weights) -> nn.Module:
    """A user's module, as it was built by the given code, with the weights of a state."""
    try:
        module.load_state_dict(weights["state"], assign=True)
    except RuntimeError as error:
        raise ValueError(
            f"The module given does not fit the weights of {weights['name']}: {error}"
        ) from error
    return module


_DECODERS = {
    "device": lambda state: torch.device(state["name"]),
    "dict": lambda state: {decode(key): decode(value) for key, value in state["items"]},
    "dtype": _decode_dtype,
    "floats": lambda state: state["values"].tolist(),
    "given": _decode_given,
    "history": _decode_history,
    "module": _decode_module,
    "object": _decode_object,
    "tensor": _decode_tensor,
    "type": lambda state: known(state["name"]),
    "weights": _decode_weights,
}
