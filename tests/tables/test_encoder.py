"""Tables: any column becomes finite numbers, or is refused by name."""

import datetime
import decimal
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.over_sampling import SMOTEN, SMOTENC
from numpy.testing import assert_array_equal
from sklearn.base import clone

from focalsk.tables import (
    ColumnPicker,
    Columns,
    TableCleaner,
    describe,
    infer_columns,
    make_cleaner,
    make_encoder,
)

N = 60


@pytest.fixture
def awkward():
    """A column of every type that has given trouble."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=N)
    frame = pd.DataFrame(
        {
            "float": rng.normal(size=N),
            "Int64": pd.array([1, 2, None] * (N // 3), dtype="Int64"),
            "decimal": [decimal.Decimal(i % 7) for i in range(N)],
            "object": pd.Series([None, 1, 2.5] * (N // 3), dtype=object),
            "date": [datetime.date(2020, 1, 1 + i % 28) for i in range(N)],
            "datetime": days.where(np.arange(N) > 0),
            "zone": days.tz_localize("Europe/Paris"),
            "timedelta": days - days[0],
            "period": pd.period_range("2020-01", periods=N, freq="M"),
            3: 1.0 * (rng.random(N) > 0.3),
            "bool": rng.random(N) > 0.5,
            "boolean": pd.array([True, False, None] * (N // 3), dtype="boolean"),
            "object bool": [True, False, None] * (N // 3),
            "int category": pd.Categorical(rng.integers(0, 3, N)),
            "str": rng.choice(["a", "b", None], N),
            "string": pd.array(["x", "y", None] * (N // 3), dtype="string"),
            "many": [f"m{i // 2}" for i in range(N)],
            "text": [f"the quick brown {i} fox" for i in range(N)],
            "nothing": None,
            "one": 3,
            "id": [f"u{i}" for i in range(N)],
            "row": range(10, 10 + N),
        }
    )
    frame.loc[3, "float"] = np.nan
    return frame


# Columns ----------------------------------------------------------------------------------------


def test_columns_of_all_types_find_their_kind(awkward):
    columns = infer_columns(awkward)
    names = [str(name) for name in awkward]
    assert columns.numeric == names[: names.index("bool")]
    assert columns.categorical == names[names.index("bool") : names.index("text")]
    assert columns.text == ["text"]
    assert columns.dropped == {
        "nothing": "all missing",
        "one": "constant",
        "id": "identifier: all values differ",
        "row": "row numbers",
    }


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"a": [1, "x", 2]}, "'a' mixes numbers and strings"),
        ({"a": [[1], [2], [3]]}, "'a' mixes"),
        ({"a": [1j, 2j, 3]}, "'a' mixes"),
        ({"a": [1.0, np.inf, 2.0]}, "'a' holds infinite"),
        ({"a": [1.0, 1.0]}, "No column is of use: 'a' \\(constant\\)"),
        ({1: [1.0, 2.0], "1": [2.0, 1.0]}, "name of its own. Got '1' twice"),
    ],
)
def test_bad_columns_are_refused_by_name(frame, message):
    with pytest.raises(ValueError, match=message):
        infer_columns(pd.DataFrame(frame))


# Numbers ----------------------------------------------------------------------------------------


def test_encoder_makes_finite_numbers_of_every_column(awkward):
    encoder = make_encoder(infer_columns(awkward)).fit(awkward)
    encoded = encoder.transform(awkward)
    assert isinstance(encoded, np.ndarray)
    assert encoded.dtype == np.float64
    assert np.isfinite(encoded).all()
    restored = pickle.loads(pickle.dumps(encoder))
    assert_array_equal(restored.transform(awkward), encoded)


@pytest.mark.parametrize("text", [True, False])
def test_encoder_is_copied_hashed_and_printed_by_value(awkward, text):
    X = awkward if text else awkward.drop(columns="text")
    encoder = make_encoder(infer_columns(X))
    again = make_encoder(infer_columns(X.copy()))
    assert joblib.hash(encoder) == joblib.hash(clone(encoder)) == joblib.hash(again)
    import sklearn.compose
    import sklearn.decomposition
    import sklearn.impute
    import sklearn.pipeline
    import sklearn.preprocessing
    import skrub

    parts = ["compose", "decomposition", "impute", "pipeline", "preprocessing"]
    names = {"TableCleaner": TableCleaner, **vars(skrub)}
    for part in parts:
        names |= vars(getattr(sklearn, part))
    evaluated = eval(encoder.__repr__(N_CHAR_MAX=10**6), names)
    assert_array_equal(evaluated.fit_transform(X), encoder.fit_transform(X))


def test_encoder_takes_an_array():
    X = np.array([[1, np.nan], [2, 3], [3, 4]], dtype=np.float32)
    encoded = make_encoder(Columns(numeric=[0, 1])).fit_transform(X)
    assert encoded.shape == (3, 3)  # an indicator of the missing value
    assert encoded.dtype == np.float32


def test_unseen_rare_and_missing_categories_are_no_surprise():
    X = pd.DataFrame({"c": ["a"] * 5 + ["b"] * 5 + ["rare", "once"], "n": range(0, 24, 2)})
    encoder = make_encoder(infer_columns(X)).fit(X)
    new = pd.DataFrame({"n": [1.0] * 5, "c": ["rare", "unseen", None, "a", "b"], "more": 1})
    encoded = encoder.transform(new)  # warnings are errors here
    assert_array_equal(encoded[0], encoded[1])
    assert_array_equal(encoded[0], encoded[2])
    assert len(np.unique(encoded, axis=0)) == 3


def test_many_categories_take_few_columns():
    X = pd.DataFrame({"c": [f"c{i // 3}" for i in range(600)]})
    assert make_encoder(infer_columns(X)).fit_transform(X).shape == (600, 50)


@pytest.mark.filterwarnings("ignore:The matrix shape")  # skrub says that they are small
@pytest.mark.parametrize(
    "words", [["a b c", "a b d", "c b a e"], ["é è à " + "x" * i for i in range(9)]]
)
def test_small_vocabularies_make_finite_numbers(words):
    X = pd.DataFrame({"t": words, "n": np.arange(len(words)) ** 2})
    columns = infer_columns(X)
    assert columns.text == ["t"]
    assert np.isfinite(make_encoder(columns).fit_transform(X)).all()


def test_categories_are_the_same_with_and_without_a_fraction():
    X = pd.DataFrame({"c": pd.Series([1, 2, 1.0, "1", None], dtype=object)})
    assert TableCleaner(strings=["c"]).fit_transform(X)["c"].tolist() == [
        "1",
        "2",
        "1",
        "1",
        "missing",
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [(["x", 2], "must hold numbers. Got 'x'"), ([np.inf, 1], "infinite")],
)
def test_numbers_in_prediction_must_be_numbers(values, message):
    tidy = TableCleaner(numbers=["a"]).fit(pd.DataFrame({"a": [1, 2]}))
    with pytest.raises(ValueError, match=message):
        tidy.transform(pd.DataFrame({"a": values}))
    with pytest.raises(ValueError, match="lacks the columns 'a'"):
        tidy.transform(pd.DataFrame({"b": values}))
    with pytest.raises(TypeError, match="DataFrame of pandas or polars"):
        tidy.transform(np.ones((2, 1)))


def test_numbers_are_filled_with_the_medians_of_fit():
    tidy = TableCleaner(numbers=["a"], impute=True).fit(pd.DataFrame({"a": [1, 2, 9]}))
    assert tidy.transform(pd.DataFrame({"a": [None, 5]}))["a"].tolist() == [2, 5]
    assert tidy.get_feature_names_out().tolist() == ["a"]


def test_smote_of_categories_takes_every_column(awkward):
    y = np.repeat(["no", "yes"], [N - 10, 10])
    columns = infer_columns(awkward.drop(columns="text"))
    clean = make_cleaner(columns).fit_transform(awkward)
    assert not clean.isna().any(axis=None)
    resampled, labels = SMOTENC(columns.categorical, random_state=0).fit_resample(clean, y)
    assert np.bincount(labels == "yes").tolist() == [N - 10, N - 10]
    for name in columns.categorical:
        assert set(resampled[name]) == set(clean[name])
    encoded = make_encoder(columns).fit(clean).transform(resampled)
    assert np.isfinite(encoded).all()


def test_smote_of_nothing_but_categories(awkward):
    X = awkward[["bool", "str", "string", "int category"]]
    y = np.repeat(["no", "yes"], [N - 10, 10])
    columns = infer_columns(X)
    clean = make_cleaner(columns).fit_transform(X)
    resampled, _ = SMOTEN(random_state=0).fit_resample(clean, y)
    assert make_encoder(columns).fit(clean).transform(resampled).shape[0] == 2 * (N - 10)


def test_table_is_described():
    columns = Columns(numeric=["a", "b"], text=["t"], dropped={"id": "row numbers"})
    facts = describe("x.csv", columns, np.array([" not 1", "1"]), np.array([10, 30]))
    assert facts == [
        "x.csv: 40 rows; columns: 2 numeric, 1 text",
        "Classes: 1: 30 (75.0%), not 1: 10 (25.0%)",
        "Numeric: a, b",
        "Text: t",
        "Columns left out: id (row numbers)",
    ]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_columns_are_picked_by_name(make):
    picker = clone(ColumnPicker(["b", "a"]))
    rows = make({"a": [1, 2], "more": ["x", "y"], "b": ["3,5", None]})
    picked = picker.fit(rows).transform(rows)
    assert list(picked) == list(picker.get_feature_names_out()) == ["b", "a"]
    assert picked["a"].tolist() == [1, 2]
    with pytest.raises(ValueError, match="X lacks the columns 'b'"):
        picker.transform(make({"a": [1]}))
