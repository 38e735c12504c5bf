"""Nothing leaks: what names the rows or copies the target is left out, or warned about by name."""

import uuid

import numpy as np
import pandas as pd
import pytest

from focalsk.tables import infer_columns

N = 200
RNG = np.random.default_rng(0)
Y = np.where(RNG.random(N) < 0.2, "yes", "no")
NOISE = RNG.normal(size=N)


def infer(name, values, y=Y):
    return infer_columns(pd.DataFrame({"noise": NOISE, name: values}), y)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("x", np.arange(N)),
        ("x", RNG.permutation(N) + 1),
        ("x", RNG.permutation(N) * 1.0),
        ("x", [str(k) for k in RNG.permutation(N)]),
        ("Unnamed: 0", np.sort(RNG.choice(10**5, N, replace=False))),
        ("customer_id", RNG.choice(10**8, N, replace=False)),
        ("customerID", RNG.choice(10**8, N, replace=False)),
        ("x", RNG.permutation(3 * N)[:N]),
        ("x", [f"C{k:05d}" for k in RNG.permutation(N)]),
        ("x", [str(uuid.UUID(int=k)) for k in range(N)]),
        ("x", [f"+49 30 {k}" for k in range(N)]),
    ],
)
def test_identifiers_are_left_out(name, values):
    columns = infer(name, values)
    assert columns.used == ["noise"]
    assert name in columns.dropped
    assert any(name in remark for remark in columns.remarks())


@pytest.mark.parametrize(
    "values",
    [
        RNG.integers(18, 90, N),
        RNG.choice(90_000, N, replace=False),
        NOISE,
        pd.date_range("2020-01-01", periods=N),
        [f"the quick brown {k} fox" for k in range(N)],
    ],
)
def test_what_may_be_a_cause_stays(values):
    assert "x" in infer("x", values).used


def test_column_that_is_named_by_the_user_stays():
    frame = pd.DataFrame({"rank": RNG.permutation(N), "copy": Y, "noise": NOISE})
    types = {"rank": "numeric", "copy": "categorical", "noise": "drop"}
    columns = infer_columns(frame, Y, types=types)
    assert columns.numeric == ["rank"]
    assert columns.categorical == ["copy"]
    assert columns.dropped == {"noise": "as you say"}


def recoded(table, y=Y):
    return [table[label] for label in y]


@pytest.mark.parametrize(
    "values",
    [
        Y,
        recoded({"yes": 1, "no": 0}),
        recoded({"yes": -1.0, "no": 1.0}),
        recoded({"yes": "B", "no": "A"}),
        recoded({"yes": True, "no": False}),
        pd.Categorical(recoded({"yes": "ja", "no": "nein"})),
        [None if k % 4 == 0 else label for k, label in enumerate(Y)],
        [f" {label} " for label in Y],
    ],
)
def test_copies_of_the_target_are_left_out(values):
    columns = infer("x", values)
    assert columns.used == ["noise"]
    assert "copy of the target" in columns.dropped["x"]


def test_coarser_copy_is_left_out_too():
    y = RNG.choice(["a", "b", "c"], N)
    assert "x" in infer("x", y == "c", y).dropped


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(N) == np.argmax(Y == "yes"), "no", Y),
        (Y == "yes") * 3 + NOISE / 10,
        np.where(Y == "yes", RNG.random(N), np.nan),
        [f"{label}{k % 3}" for k, label in enumerate(Y)],
        np.where(Y == "yes", np.abs(NOISE) + 2, NOISE.clip(-1.9, 1.9)) * RNG.choice([-1, 1], N),
    ],
    ids=["noisy copy", "threshold", "missing", "finer", "both tails"],
)
def test_what_tells_the_classes_alone_is_warned_about(values):
    columns = infer("x", values)
    assert "x" in columns.used
    assert "by itself" in columns.suspects["x"]
    assert any(line.startswith("Look at x") for line in columns.lines())


def test_honest_columns_are_not_suspected():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        good = (Y == "yes") * 2 + rng.normal(size=N)
        frame = pd.DataFrame(
            {"x": rng.normal(size=N), "good": good, "c": rng.choice(["a", "b"], N)}
        )
        columns = infer_columns(frame, Y)
        assert not columns.suspects
        assert not columns.dropped


def test_few_rows_agree_by_accident():
    frame = pd.DataFrame({"x": [0, 0, 1, 1, 0, 1], "z": [1.5, 2.5, 3.5, 0.5, 1.0, 9.0]})
    assert infer_columns(frame, frame["x"]).numeric == ["x", "z"]
