"""Frames of pandas and polars, whatever their types, give what NumPy's types give."""

import datetime

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from focalsk import FocalEnsembleClassifier, FocalGridSearchCV, FocalNetClassifier
from focalsk.tables import TableCleaner, infer_columns, make_encoder, plain_frame

N = 90


@pytest.fixture(scope="module")
def plain():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "i": rng.integers(0, 50, N).astype(float),
            "f": rng.normal(size=N),
            "w": rng.choice(["x", "y", "z"], N).astype(object),
            "t": pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 999, N), "h"),
            "d": pd.to_timedelta(rng.integers(0, 99, N), "min"),
        }
    )
    for name in frame:
        frame.loc[rng.random(N) < 0.1, name] = None
    return frame.assign(b=rng.random(N) > 0.5, n=rng.integers(0, 9, N))


def of_polars(frame):
    polars = pytest.importorskip("polars")
    held = frame.astype(object).where(frame.notna(), None)
    return polars.DataFrame({name: polars.Series(held[name].to_list()) for name in frame})


FORMS = {
    "nullable": lambda frame: frame.convert_dtypes(),
    "arrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "categories": lambda frame: frame.assign(w=frame["w"].astype("category")),
    "objects": lambda frame: frame.astype({"i": object, "f": object, "b": object, "n": object}),
    "polars": of_polars,
}


@pytest.mark.parametrize("form", FORMS)
def test_other_types_are_encoded_as_numpys(plain, form):
    if form == "arrow":
        pytest.importorskip("pyarrow")
    other = FORMS[form](plain)
    columns = infer_columns(plain)
    assert infer_columns(other).used == columns.used
    expected = make_encoder(columns).fit(plain)
    assert_allclose(expected.transform(other), expected.transform(plain), atol=1e-9)
    again = make_encoder(infer_columns(other)).fit_transform(other)
    assert_allclose(again, expected.transform(plain), atol=1e-9)


@pytest.mark.parametrize("form", ["nullable", "arrow", "polars"])
def test_numbers_of_other_types_train_what_numpys_train(plain, form):
    if form == "arrow":
        pytest.importorskip("pyarrow")
    numbers = plain[["f", "n"]].fillna(0.0)
    other = FORMS[form](numbers)
    y = np.where(numbers["f"] > 0.5, "p", "q")
    net = FocalNetClassifier(max_epochs=2, random_state=0)
    search = FocalGridSearchCV(net, {"gamma": [0, 1]}, cv=2)
    for estimator in (net, search):
        expected = estimator.fit(numbers, y).predict_proba(numbers)
        assert_array_equal(estimator.fit(other, y).predict_proba(other), expected)


def test_plain_frame_leaves_a_plain_one_alone(plain):
    assert plain_frame(plain) is plain
    with pytest.raises(TypeError, match=r"DataFrame of pandas or polars\. Got list"):
        plain_frame([[1]])


DATES = [datetime.date(1, 1, 1), datetime.date(1970, 1, 2), None, datetime.date(9999, 12, 31)]
DAYS = [-719162.0, 1.0, np.nan, 2932896.0]
SPANS = [datetime.timedelta(days=2), None, datetime.timedelta(hours=12), datetime.timedelta()]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (DATES, DAYS),
        (np.array(["0001-01-01", "1970-01-02", "NaT", "9999-12-31"], "M8[s]"), DAYS),
        ([datetime.datetime(9999, 12, 31, 12), None], [2932896.5, np.nan]),
        (pd.Series(SPANS, dtype=object), [2.0, np.nan, 0.5, 0.0]),
        (pd.to_datetime(["1970-01-02 01:00"]).tz_localize("Europe/Berlin"), [1.0]),
        (pd.period_range("1970-02", periods=1, freq="M"), [31.0]),
        (pd.arrays.SparseArray([0, 0, 3]), [0.0, 0.0, 3.0]),
        (pd.arrays.SparseArray([0.5, np.nan]), [0.5, np.nan]),
    ],
)
def test_dates_of_all_years_are_days_and_sparse_numbers_are_numbers(values, expected):
    frame = pd.DataFrame({"x": values})
    found = TableCleaner(numbers=["x"]).fit_transform(frame)["x"]
    assert_array_equal(found, expected)


def test_types_of_polars_that_numpy_lacks():
    polars = pytest.importorskip("polars")
    large = polars.Series([1, None, 2**70], dtype=polars.Int128)
    found = TableCleaner(numbers=["x"]).fit_transform(polars.DataFrame({"x": large}))["x"]
    assert_array_equal(found, [1.0, np.nan, 2.0**70])
    for nested in ([{"a": 1}], polars.Series([[1, 2]], dtype=polars.Array(polars.Int64, 2))):
        with pytest.raises(ValueError, match=r"Column 'x' .* holds other objects"):
            infer_columns(polars.DataFrame({"x": nested}))


def test_an_ensemble_refuses_dates_where_it_learned_numbers(plain):
    y = np.where(plain["n"] > 4, "p", "q")
    clf = FocalEnsembleClassifier(2, max_epochs=1, random_state=0).fit(plain, y)
    with pytest.raises(ValueError, match=r"Column 'n' must hold numbers, as in fit\. Got dates"):
        clf.predict(plain.assign(n=plain["t"]))
    with pytest.raises(ValueError, match=r"Column 't' must hold dates, as in fit\. Got numbers"):
        clf.predict(plain.assign(t=2021))
    assert len(clf.predict(plain.assign(t=pd.NaT, n=np.nan))) == N  # all missing: of any type
