"""Means over data sets are over those that all methods finished."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from _ranking import SHOWN, finished, mean_table


def test_method_that_fails_on_hard_sets_does_not_lead_by_that():
    scores = {"easy": 0.9, "fair": 0.7, "hard": 0.2}
    rows = [
        {"data": data, "method": method, "repeat": 0, "fold": fold}
        | dict.fromkeys(SHOWN, score + (method == "smote") * 0.01)
        for data, score in scores.items()
        for method in ("smote", "adasyn", "near-miss")
        for fold in (1, 2)
        if not (method == "adasyn" and data == "hard" and fold == 2)
        and not (method == "near-miss" and data != "easy")
    ]
    table = mean_table(pd.DataFrame(rows), ["smote", "adasyn", "near-miss"])
    assert table["AP"]["smote"] == pytest.approx(0.81)
    assert table["AP"]["adasyn"] == pytest.approx(0.8)
    assert np.isnan(table["AP"]["near-miss"])  # failed on most, and takes no sets from others
    assert table["failed on"].to_dict() == {"smote": 0, "adasyn": 1, "near-miss": 2}


def test_nothing_is_left_out_where_nothing_failed():
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 3.0]})
    assert finished(table).equals(table)
