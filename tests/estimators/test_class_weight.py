"""`compute_alpha`: schemes against their definitions, and every accepted form of alpha."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.utils.class_weight import compute_class_weight

from focalsk.estimators._class_weight import SCHEMES, compute_alpha

labels = st.lists(st.integers(0, 4), min_size=1, max_size=60)
weights = st.floats(1e-3, 1e3)


@st.composite
def weighted_labels(draw):
    """Labels with a weight for each, some of them zero but not all."""
    y = draw(labels)
    sample_weight = draw(st.lists(weights | st.just(0.0), min_size=len(y), max_size=len(y)))
    sample_weight[0] = draw(weights)
    return np.array(y), np.array(sample_weight)


def counts_of(y, sample_weight):
    return np.bincount(y, weights=sample_weight, minlength=5)


# --- Schemes -------------------------------------------------------------------------------------


def test_schemes_on_the_frequencies_of_the_literature():
    y = np.repeat([0, 1], [84, 16])
    assert_allclose(compute_alpha("balanced", y), [100 / 168, 100 / 32])
    assert_allclose(compute_alpha("inverse", y), [0.16, 0.84])
    assert_allclose(compute_alpha("geometric", y), [0.436, 2.291], atol=5e-4)
    assert_allclose(compute_alpha("sqrt", y), np.sqrt([100 / 168, 100 / 32]))
    raw = np.array([0.1 / (1 - 0.9**84), 0.1 / (1 - 0.9**16)])
    assert_allclose(compute_alpha("effective", y, beta=0.9), raw / raw.sum() * 2)


@given(labels)
def test_balanced_is_that_of_scikit_learn(y):
    y = np.array(y)
    expected = compute_class_weight("balanced", classes=np.unique(y), y=y)
    assert_array_equal(compute_alpha("balanced", y), expected)


@given(weighted_labels())
def test_balanced_has_expected_weight_one(problem):
    y, sample_weight = problem
    alpha = compute_alpha("balanced", y, classes=range(5), sample_weight=sample_weight)
    assert_allclose(np.average(alpha[y], weights=sample_weight), 1.0)


@given(weighted_labels())
def test_inverse_sums_to_one(problem):
    y, sample_weight = problem
    alpha = compute_alpha("inverse", y, classes=range(5), sample_weight=sample_weight)
    assert_allclose(alpha.sum(), 1.0)


@given(weighted_labels())
def test_geometric_has_geometric_mean_one(problem):
    y, sample_weight = problem
    alpha = compute_alpha("geometric", y, classes=range(5), sample_weight=sample_weight)
    present = counts_of(y, sample_weight) > 0
    assert_allclose(np.log(alpha[present]).mean(), 0.0, atol=1e-12)


@given(weighted_labels(), st.floats(0, 0.999999))
def test_effective_sums_to_the_number_of_classes_with_samples(problem, beta):
    y, sample_weight = problem
    alpha = compute_alpha("effective", y, classes=range(5), sample_weight=sample_weight, beta=beta)
    assert_allclose(alpha.sum(), (counts_of(y, sample_weight) > 0).sum())


@given(labels)
def test_effective_runs_from_equal_weights_to_inverse_frequency(y):
    classes = len(set(y))
    assert_allclose(compute_alpha("effective", y, beta=0.0), np.ones(classes))
    limit = compute_alpha("inverse", y) * classes
    assert_allclose(compute_alpha("effective", y, beta=1 - 1e-12), limit, rtol=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(problem=weighted_labels())
def test_a_class_without_samples_gets_zero_and_changes_nothing(scheme, problem):
    y, sample_weight = problem
    alpha = compute_alpha(scheme, y, classes=range(5), sample_weight=sample_weight)
    present = counts_of(y, sample_weight) > 0
    assert_array_equal(alpha > 0, present)
    assert np.isfinite(alpha).all()
    kept = sample_weight > 0
    alone = compute_alpha(scheme, y[kept], sample_weight=sample_weight[kept])
    assert_allclose(alpha[present], alone)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(y=labels, data=st.data())
def test_order_of_samples_and_classes_does_not_matter(scheme, y, data):
    alpha = compute_alpha(scheme, y, classes=range(5))
    assert_array_equal(
        compute_alpha(scheme, data.draw(st.permutations(y)), classes=range(5)), alpha
    )
    order = data.draw(st.permutations(range(5)))
    assert_allclose(compute_alpha(scheme, y, classes=order), alpha[order])


@pytest.mark.parametrize("scheme", SCHEMES)
@given(y=labels, data=st.data())
def test_a_weight_is_a_repetition(scheme, y, data):
    times = data.draw(st.lists(st.integers(1, 3), min_size=len(y), max_size=len(y)))
    weighted = compute_alpha(scheme, y, sample_weight=times)
    assert_allclose(weighted, compute_alpha(scheme, np.repeat(y, times)))


# --- What alpha and y may be ---------------------------------------------------------------------


def test_none_is_none():
    assert compute_alpha(None, [0, 1]) is None


@pytest.mark.parametrize("alpha", [0, 0.25, 1, np.float32(0.25)])
def test_number_is_the_weight_of_the_second_class(alpha):
    assert_allclose(compute_alpha(alpha, ["a", "b"]), [1 - alpha, alpha])
    assert_allclose(compute_alpha(alpha, ["a", "b"], classes=["b", "a"]), [1 - alpha, alpha])


def test_mapping_gives_one_to_classes_it_does_not_name():
    y = np.array(["a", "b", "c"])
    assert_array_equal(compute_alpha({"b": 3, "c": 0}, y), [1, 3, 0])
    assert_array_equal(compute_alpha({}, y), [1, 1, 1])
    assert_array_equal(compute_alpha({np.int64(2): 3}, [1, 2]), [1, 3])


def test_array_is_copied_in_the_order_of_the_classes():
    given_alpha = np.array([3.0, 1.0, 2.0])
    alpha = compute_alpha(given_alpha, [0, 1, 2])
    assert_array_equal(alpha, given_alpha)
    assert not np.shares_memory(alpha, given_alpha)
    assert_array_equal(compute_alpha((3, 1), [0, 1]), [3, 1])
    assert_array_equal(compute_alpha(pd.Series([3, 1]), [0, 1]), [3, 1])


@pytest.mark.parametrize("scheme", [*SCHEMES, 0.25, [1, 2]])
def test_result_is_float64(scheme):
    alpha = compute_alpha(scheme, np.array([0, 1, 1], dtype=np.int8))
    assert alpha.dtype == np.float64
    assert alpha.shape == (2,)


@pytest.mark.parametrize(
    "y",
    [
        np.array([0.0, 1.0, 1.0]),
        np.array([False, True, True]),
        np.array(["a", "b", "b"]),
        np.array(["a", "b", "b"], dtype=object),
        np.array([b"a", b"b", b"b"]),
        pd.Series(["a", "b", "b"]),
        pd.Series(["a", "b", "b"], dtype="category"),
        pl.Series(["a", "b", "b"]),
        ["a", "b", "b"],
    ],
    ids=lambda y: type(y).__module__ + "." + str(getattr(y, "dtype", "list")),
)
def test_labels_of_any_type(y):
    assert_allclose(compute_alpha("balanced", y), [1.5, 0.75])


# --- Multi-label ---------------------------------------------------------------------------------


@given(
    st.integers(1, 3).flatmap(
        lambda k: st.lists(st.lists(st.integers(0, 1), min_size=k, max_size=k), min_size=1)
    ),
    st.sampled_from(SCHEMES),
    st.data(),
)
def test_multilabel_scheme_is_each_label_by_itself(rows, scheme, data):
    Y = np.array(rows)
    drawn = st.lists(weights | st.just(0.0), min_size=len(Y), max_size=len(Y))
    sample_weight = np.array(data.draw(drawn))
    sample_weight[0] = 1.0
    alpha = compute_alpha(scheme, Y, sample_weight=sample_weight)
    assert alpha.shape == (2, Y.shape[1])
    for label, column in zip(alpha.T, Y.T, strict=True):
        alone = compute_alpha(scheme, column, classes=[0, 1], sample_weight=sample_weight)
        assert_allclose(label, alone)
    for form in (sparse.csr_matrix, sparse.coo_array, sparse.csc_array):
        assert_allclose(compute_alpha(scheme, form(Y), sample_weight=sample_weight), alpha)


Y = np.array([[1, 0, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1]])


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (0.25, [[0.75, 0.75, 0.75], [0.25, 0.25, 0.25]]),
        ([3, 1, 2], [[3, 1, 2], [3, 1, 2]]),
        ({2: 5}, [[1, 1, 5], [1, 1, 5]]),
        ([[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 5, 6]]),
        ("inverse", [[0.5, 0.25, 0.75], [0.5, 0.75, 0.25]]),
    ],
)
def test_multilabel_forms(alpha, expected):
    for indicators in (Y, Y.astype(bool), Y.tolist(), pd.DataFrame(Y), sparse.csr_array(Y)):
        assert_allclose(compute_alpha(alpha, indicators), expected)


def test_multilabel_classes_name_the_columns():
    named = compute_alpha({"rare": 5}, Y, classes=["rare", "other", "third"])
    assert_array_equal(named, [[5, 1, 1], [5, 1, 1]])


def test_multilabel_label_that_every_sample_has():
    sample_weight = np.full(7, 0.1)  # their sum depends on the order it is taken in
    alpha = compute_alpha("balanced", np.ones((7, 1), dtype=int), sample_weight=sample_weight)
    assert_allclose(alpha, [[0.0], [1.0]])


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        ("equal", r"alpha must be one of \['balanced', 'effective', .* Got 'equal'"),
        (0.5, "only rescale the loss"),
        ([1, 2], r"alpha must have the shape \(3,\). Got \(2,\)"),
        ([[1, 2, 3], [1, 2, 3]], r"alpha must have the shape \(3,\). Got \(2, 3\)"),
        ([1, 2, -1], "alpha must be finite and not negative"),
        ([1, 2, np.nan], "alpha must be finite and not negative"),
        ([1, 2, np.inf], "alpha must be finite and not negative"),
        ([1, 2, "many"], "alpha must hold numbers"),
        ([1, 2, [3]], "alpha must hold numbers"),
        ([0, 0, 0], "at least one class a positive weight"),
        ({0: -1}, "alpha must be finite and not negative"),
        ({0: None}, "alpha must be finite and not negative"),
        ({0: 1, 7: 1, "x": 1}, r"the keys \[7, 'x'\], which are not among the classes \[0, 1, 2\]"),
        (True, "alpha must hold numbers"),
    ],
)
def test_alpha_that_is_refused(alpha, message):
    with pytest.raises(ValueError, match=message):
        compute_alpha(alpha, [0, 1, 2])


@pytest.mark.parametrize("alpha", [-0.1, 1.1, np.nan, np.inf])
def test_number_outside_its_range(alpha):
    with pytest.raises(ValueError, match=r"in the range \[0.0, 1.0\] if it is a number"):
        compute_alpha(alpha, [0, 1])


@pytest.mark.parametrize("beta", [-0.1, 1.0, np.nan])
def test_beta_outside_its_range(beta):
    with pytest.raises(ValueError, match=r"beta must be in the range \[0.0, 1.0\)"):
        compute_alpha("effective", [0, 1], beta=beta)


@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [
        ([0, 0, 0], "only zeros"),
        ([1, 1], r"sample_weight must have the shape \(3,\). Got \(2,\)"),
        (2.0, r"sample_weight must have the shape \(3,\). Got \(\)"),
        ([1, -1, 1], "sample_weight must be finite and not negative"),
        ([1, np.nan, 1], "sample_weight must be finite and not negative"),
    ],
)
def test_sample_weight_that_is_refused(sample_weight, message):
    with pytest.raises(ValueError, match=message):
        compute_alpha("balanced", [0, 1, 1], sample_weight=sample_weight)


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        ([0, 1, 3], [0, 1], r"the labels \[3\], which are not among the classes \[0, 1\]"),
        ([1, 2], ["1", "2"], r"the labels \[1, 2\], which are not among the classes"),
        ([0, 1], [0, 1, 1], "classes must be distinct"),
        ([], None, "not be empty"),
        (0, None, "one or two dimensions"),
        (np.zeros((2, 2, 2)), None, "one or two dimensions"),
        ([0.0, np.nan], None, "missing labels"),
        (np.array(["a", None], dtype=object), None, "labels of one type"),
        (np.array([None, None], dtype=object), None, "missing labels|labels of one type"),
        ([[0, 2], [1, 1]], None, "only 0 and 1"),
        (sparse.csr_array([[0, 2], [1, 1]]), None, "only 0 and 1"),
        ([[0, 1], [1, 1]], [0, 1, 2], "classes must name the 2 columns of y. Got 3"),
    ],
)
def test_y_that_is_refused(y, classes, message):
    with pytest.raises(ValueError, match=message):
        compute_alpha("balanced", y, classes=classes)


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        ([1, 2], r"alpha must have the shape \(3,\) or \(2, 3\). Got \(2,\)"),
        (1.5, r"in the range \[0.0, 1.0\]"),
        ({3: 1}, r"the keys \[3\], which are not among the classes \[0, 1, 2\]"),
    ],
)
def test_multilabel_alpha_that_is_refused(alpha, message):
    with pytest.raises(ValueError, match=message):
        compute_alpha(alpha, Y)
