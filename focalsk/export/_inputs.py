"""The ensemble's encoding of numbers in operators of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from focalsk.export._graph import Value

__all__ = ["encoded", "numeric_columns"]

_WIDTH = 32  # of both levels of a search among up to _WIDTH ** 2 knots
_HUGE = 1e150  # whose square is finite
_REACH = 3.0  # as the encoder has it


def numeric_columns(encoder: Any, names: list[str] | None) -> list[int] | None:
    """Places of the columns that the encoder of an ensemble reads, None for all.

    Raises
    ------
    ValueError
        If it reads others than plain numbers.
    """
    table = encoder.table_
    if table is None:
        return None
    columns = table.columns_
    others = [*columns.categorical, *columns.text, *columns.dates, *columns.readings]
    if others or names is None:
        raise ValueError(
            "An ensemble that reads categories, texts, dates or words of a table cannot become "
            f"ONNX, here the columns {sorted(set(map(str, others)))}. Encode them first: a "
            "pipeline of a ColumnTransformer (OneHotEncoder, OrdinalEncoder, ...) and the ensemble "
            "can."
        )
    return [names.index(name) for name in columns.numeric]


def encoded(X: Value, encoder: Any) -> Value:
    """What the nets see (B, n_inputs) of numbers (B, D), NaN for missing, in float64.

    Parameters
    ----------
    X : Value
        Of float64.
    encoder : NumberEncoder
        Fitted.
    """
    graph = X.graph
    kept = np.asarray(encoder.columns_)
    numbers = X if len(kept) == encoder.n_features_in_ else X.take(kept, 1)
    unknown = numbers.op("IsNaN", dtype=bool)
    apart = np.flatnonzero(~np.isnan(encoder.usual_))
    if len(apart):
        usual = numbers.op("Equal", encoder.usual_, dtype=bool)
        unknown = unknown.op("Or", usual, dtype=bool)
    z = (numbers - encoder.center_) / encoder.scale_
    z = z.at_least(-_HUGE).at_most(_HUGE)
    z = z / ((z * z) * (1 / _REACH**2) + 1.0).op("Sqrt")
    zero = graph.constant(0.0)
    views = [zero.where(unknown, z)]
    if len(encoder.ranked_):
        all_ranked = len(encoder.ranked_) == len(kept)
        ranked = numbers if all_ranked else numbers.take(encoder.ranked_, 1)
        missing = unknown if all_ranked else unknown.take(encoder.ranked_, 1)
        knots = [encoder.quantiles_[j] for j in encoder.ranked_]
        views.append(zero.where(missing, _interpolated(ranked, knots)))
    if len(encoder.missing_):
        missing = X.take(encoder.missing_, 1).op("IsNaN", dtype=bool)
        views.append(missing.astype(np.float64))
    if len(apart):
        views.append(usual.take(apart, 1).astype(np.float64))
    if len(encoder.bin_columns_):
        views.append(_in_bins(numbers, unknown, encoder).astype(np.float64))
    return views[0] if len(views) == 1 else views[0].op("Concat", *views[1:], axis=1)


def _in_bins(numbers: Value, unknown: Value, encoder: Any) -> Value:
    """Whether the values that are known are in each of the bins."""
    binned, (low, high) = numbers.take(encoder.bin_columns_, 1), encoder.bin_edges_
    above = (binned > high).op("Or", unknown.take(encoder.bin_columns_, 1), dtype=bool)
    return (binned > low).op("And", above.op("Not", dtype=bool), dtype=bool)


def _interpolated(x: Value, knots: list[Any]) -> Value:
    """Piecewise linear functions of the columns of x (B, D), constant beyond their ends.

    ONNX has no binary search. The last knot not above a value is found among every 32nd, then among
    the 32 from there on.
    """
    n_columns = len(knots)
    places = np.full((n_columns, _WIDTH**2), np.inf)
    slopes, values = np.zeros((2, n_columns, _WIDTH**2))
    for j, (at, value) in enumerate(knots):
        places[j, : len(at)], values[j, : len(at)] = at, value
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            slope = np.diff(value) / np.diff(at)
        slopes[j, : len(slope)] = np.where(np.isfinite(slope), slope, 0.0)
    low, high = (np.array([at[end] for at, _ in knots]) for end in (0, -1))
    x = x.at_least(low).at_most(high)
    column = x.expand(-1)
    coarse = _n_reached(column, places[:, ::_WIDTH]) + (_WIDTH * np.arange(n_columns) - 1)
    blocks = x.graph.constant(places.reshape(-1, _WIDTH)).take(coarse, 0)
    place = coarse * _WIDTH + (_n_reached(column, blocks) - 1)
    at, slope, value = (
        x.graph.constant(table.ravel()).take(place, 0) for table in (places, slopes, values)
    )
    return value + slope * (x - at)


def _n_reached(x: Value, knots: Any) -> Value:
    """How many knots are not above a value, along the last axis."""
    return (x >= knots).astype(np.int64).sum(-1, keepdims=False)
