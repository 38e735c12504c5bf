"""Decision trees and sparse matrices of a file: refused where they point outside themselves.

Compiled code follows their indices without looking, so that one made up by hand could read memory
that is not its own. Here they are looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from focalsk._compat._trees import Tree, TreePredictor

__all__ = ["check_indices"]


def check_indices(model: Any) -> None:
    """Refuse a model with a tree or a sparse matrix whose indices are out of range.

    Raises ValueError.
    """
    for matrix in _within(model, (sparse.spmatrix, sparse.sparray)):
        matrix.check_format(full_check=True)
    for owner, trees in _owners(model):
        width = getattr(owner, "n_features_in_", None)
        for tree in trees:
            if isinstance(tree, Tree):
                _check_tree(tree, width)
            else:
                _check_predictor(tree, width)


def _owners(model: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Each estimator in a model with the trees that it hands its samples to."""
    for owner in _within(model, BaseEstimator):
        parts = [item for value in vars(owner).values() for item in (value, *_items(value))]
        parts += [getattr(part, "tree_", None) for part in parts]  # of a forest, or of boosting
        trees = [part for part in parts if isinstance(part, (Tree, TreePredictor))]
        if trees:
            yield owner, trees


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel().tolist()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            if not isinstance(item, (bool, int, float, str)):
                yield item
                yield from _items(item)


def _within(model: Any, kind: Any) -> Iterator[Any]:
    """All objects of a kind, or several, that a model is made of, each once."""
    seen, todo = set(), [model]
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, kind):
            yield value
        todo += _items(value)
        known = type(value).__module__.partition(".")[0] in ("focalsk", "imblearn", "sklearn")
        todo += vars(value).values() if known and hasattr(value, "__dict__") else []


def _check_tree(tree: Tree, width: int | None) -> None:
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    place = np.arange(tree.node_count)
    inner = left != -1
    _check(place, inner, (left, right), feature, min(tree.n_features, width or tree.n_features))


def _check_predictor(tree: Any, width: int | None) -> None:
    nodes = tree.nodes
    inner = nodes["is_leaf"] == 0
    children = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    _check(np.arange(len(nodes)), inner, children, nodes["feature_idx"], width)
    by_category = inner & (nodes["is_categorical"] != 0)
    if (nodes["bitset_idx"][by_category] >= len(tree.raw_left_cat_bitsets)).any():
        raise ValueError("a tree points outside its categories")


def _check(place: Any, inner: Any, children: Any, feature: Any, width: int | None) -> None:
    if not len(place):
        raise ValueError("a tree has no node")
    for child in children:  # further down, so that no walk goes in a circle
        if not ((child > place) & (child < len(place)))[inner].all():
            raise ValueError("a tree points outside itself")
    used = feature[inner]
    if len(used) and (used.min() < 0 or width is None or used.max() >= width):
        raise ValueError("a tree asks for a feature that there is not")
