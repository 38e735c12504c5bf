"""Which nets can train as one stack.

A stack is one network, so its nets must have the same shapes, and one loop trains it, so they must
take as many batches and epochs. What else may differ, differs net by net: see `_PER_NET`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import joblib
import torch

from focalsk._compat._joblib import content_hash
from focalsk.estimators._building import OPTIMIZERS, find_device
from focalsk.estimators._classifier import FocalNetClassifier
from focalsk.estimators._stack import COUPLED_DECAY, Task
from focalsk.nets import ArrayDataset, VmapStack

__all__ = ["fingerprint", "group_tasks", "stack_key", "why_alone", "why_no_stack"]

# Parameters that may differ between the nets of a stack.
_PER_NET = {
    "gamma", "alpha", "class_weight", "label_smoothing", "proba", "decision", "lr", "weight_decay",
    "random_state", "dropout",
}  # fmt: skip
# Optimizers whose step is proportional to lr, unless given parameters change it. Only then may lr
# differ: the stack takes a step with lr 1 and each net its share of it.
_LINEAR_IN_LR = set(OPTIMIZERS.values())
_CHANGES_STEP = {"lr", "weight_decay", "decoupled_weight_decay", "maximize"}
# Optimizers that treat every weight by itself; others would mix the nets of a stack.
_ELEMENTWISE = tuple(
    getattr(torch.optim, name)
    for name in (
        "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop",
        "Rprop", "SGD",
    )
)  # fmt: skip

# Beyond these, nets of a user's module, which vmap runs side by side, were mostly slower than one
# by one: four or six nets, 1,024 rows, three repeats on a busy machine. Linear layers of 0.6
# million weights were 1.0 and 1.3 times as fast in a stack (batches of 32 and 128), of 1.1 million
# 0.9 and 1.5 (128 and 512), of 2.4 million 0.7 and 0.6; convolutions that compute 1.9, 3.9 and 7.7
# million values in a batch 0.9, 1.1 and 0.8 times. A line through so few points is rough.
_MOST_WEIGHTS, _MOST_VALUES = 2**20, 2**22


def stack_key(task: Task, known: dict[int, str]) -> tuple[Any, ...]:
    """All that must be the same in the nets of a stack, hashed where that is long.

    `known` remembers the hashes of classifiers and folds.

    These are the parameters that have no axis for the nets, the number of batches, the shape and
    type of a sample, and what the targets are.
    """
    batch_size = task.estimator.batch_size
    n_samples = len(task.train.codes)
    n_batches = 1 if batch_size == -1 else -(-n_samples // batch_size)
    data = getattr(task.train.X, "whole", task.train.X)
    shape = (n_batches, data.shape[1:], str(data.dtype), type(data))
    for part, hashed in ((task.estimator, _shared_params), (task.fold, _coding_of)):
        if id(part) not in known:
            known[id(part)] = joblib.hash(hashed(task))
    return known[id(task.estimator)], known[id(task.fold)], shape


def _coding_of(task: Task) -> Any:
    return task.fold.coding.key


def _shared_params(task: Task) -> dict[str, str]:
    """Fingerprints of the parameters that must be the same."""
    params = task.estimator.get_params(deep=False)
    shared = {name: value for name, value in params.items() if name not in _PER_NET}
    changes_step = not _CHANGES_STEP.isdisjoint(params["optimizer_params"] or {})
    if changes_step or task.optimizer not in _LINEAR_IN_LR:
        shared["lr"] = params["lr"]
    if changes_step or task.optimizer not in COUPLED_DECAY:
        shared["weight_decay"] = params["weight_decay"]
    return {name: fingerprint(value) for name, value in shared.items()}


def fingerprint(value: Any) -> str:
    """A hash of a parameter's content; of what cannot be pickled (a lambda), its identity."""
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)  # in a fiftieth of the time
    try:
        return content_hash(value)
    except Exception:
        return f"id {id(value)}"


def why_alone(estimator: Any) -> str | None:
    """Why a classifier's net cannot train beside others, or None if it can."""
    if type(estimator) is not FocalNetClassifier:
        return f"{type(estimator).__name__} is not a FocalNetClassifier"
    if estimator.callbacks:
        return "it has callbacks, which belong to one net"
    optimizer = estimator.optimizer
    if not isinstance(optimizer, str) and optimizer not in _ELEMENTWISE:
        name = getattr(optimizer, "__name__", type(optimizer).__name__)
        return f"its optimizer, {name}, may not treat every weight by itself"
    if "param_groups" in (estimator.optimizer_params or {}):
        return "its param_groups name the weights of one net"
    return None


def why_no_stack(task: Task) -> str | None:
    """Why a user's module cannot be stacked, or why it had better not be; or None.

    vmap refuses BatchNorm and dropout in training, say. A batch of a stack may be filled up, which
    a net notices whose logits of a sample depend on the other samples.
    """
    if task.estimator.module is None:
        return None
    try:
        stack = VmapStack([task.make_module(), task.make_module()])
        X = ArrayDataset(task.train.X).take(slice(0, 2))[0]
        X = X.to(stack.params[0].dtype)[None]
        logits, first = stack(X), stack(X[:, :1])
    except Exception as error:
        return f"vmap refused {type(task.make_module()).__name__}: {error}".splitlines()[0]
    if not torch.allclose(logits[..., :1], first, rtol=1e-3, atol=1e-5):
        return f"{type(stack.base[0]).__name__} mixes the samples of a batch"
    return why_slow(task, stack.base[0], X[0])


def why_slow(task: Task, module: torch.nn.Module, X: torch.Tensor) -> str | None:
    """Why nets of a user's module train faster one by one, or None.

    Side by side they save what a step costs whatever it computes, and pay for memory that no cache
    holds: see `_MOST_WEIGHTS` and `_MOST_VALUES`. The default network was never slower, up to
    1024-1024.
    """
    if find_device(task.estimator.device).type != "cpu":
        return None
    name = type(module).__name__
    n_weights = sum(p.numel() for p in module.parameters())
    if n_weights > _MOST_WEIGHTS:
        return f"{name} has {n_weights:,} weights, and trains faster one by one"
    size, n_samples = task.estimator.batch_size, len(task.train.codes)
    n_values = _values_per_sample(module, X) * (n_samples if size == -1 else min(size, n_samples))
    if n_values > _MOST_VALUES:
        return f"{name} computes {n_values:,} values in a batch, and trains faster one by one"
    return None


def _values_per_sample(module: torch.nn.Module, X: torch.Tensor) -> int:
    """How many values the layers of a module compute of a sample."""
    sizes = []

    def note(layer: Any, args: Any, output: Any) -> None:
        sizes.append(output.numel() if isinstance(output, torch.Tensor) else 0)

    layers = [layer for layer in module.modules() if not any(True for _ in layer.children())]
    handles = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            module(X)
    finally:
        for handle in handles:
            handle.remove()
    return sum(sizes) // max(1, len(X))


def group_tasks(tasks: Sequence[Task]) -> list[list[list[Task]]]:
    """Tasks as stacks of streams of nets; every stream of a stack has as many nets."""
    stacks: dict[Any, dict[Any, list[Task]]] = defaultdict(lambda: defaultdict(list))
    known: dict[int, str] = {}
    for task in tasks:
        same_samples = (id(task.fold), task.seed, task.estimator.validation_fraction)
        stacks[stack_key(task, known)][same_samples].append(task)
    by_size: dict[Any, list[list[Task]]] = defaultdict(list)
    for key, streams in stacks.items():
        for stream in streams.values():
            by_size[key, len(stream)].append(stream)
    return list(by_size.values())
