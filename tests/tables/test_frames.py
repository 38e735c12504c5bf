"""Frames of pandas and polars, whatever their types, give what NumPy's types give."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from focalsk import FocalGridSearchCV, FocalNetClassifier
from focalsk.tables import infer_columns, make_encoder, plain_frame

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
