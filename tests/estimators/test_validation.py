"""What a classifier is given: checked, coded, weighed."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from focalsk import FocalNetClassifier
from focalsk.estimators._validation import check_X, check_X_y, read_samples, weigh

X = np.arange(12.0).reshape(6, 2)
Y = np.array(["b", "a", "b", "c", "a", "b"])
MODULE = dict  # any callable


def make(**params):
    return FocalNetClassifier(**params)


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (X, np.float64),
        (X.astype(np.float32), np.float32),
        (X.astype(int), np.float64),
        (X > 3, np.float64),
        (X.astype(np.float16), np.float64),
        (X.tolist(), np.float64),
        (pd.DataFrame(X, columns=["p", "q"]), np.float64),
    ],
    ids=["float64", "float32", "int", "bool", "half", "list", "frame"],
)
def test_types_of_samples(given, dtype):
    _, samples = read_samples(make(), given, Y)
    assert samples.X.dtype == dtype
    assert_array_equal(samples.X, np.asarray(given, dtype=dtype))


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_array])
def test_sparse_samples_become_csr(kind):
    _, samples = read_samples(make(), kind(X), Y)
    assert samples.X.format == "csr"
    assert_array_equal(samples.X.toarray(), X)


def test_samples_are_not_copied():
    _, samples = read_samples(make(), X, Y)
    assert samples.X is X
    _, samples = read_samples(make(), X, Y, np.ones(6))
    assert samples.X is X


def test_classes_are_coded():
    coding, samples = read_samples(make(), X, Y)
    assert coding.classes.tolist() == ["a", "b", "c"]
    assert samples.codes.tolist() == [1, 0, 1, 2, 0, 1]
    assert samples.weight is None


def test_what_X_is_like_is_noted():
    clf = make()
    check_X_y(clf, pd.DataFrame(X, columns=["p", "q"]), Y, reset=True)
    assert clf.n_features_in_ == 2
    assert clf.feature_names_in_.tolist() == ["p", "q"]
    with pytest.raises(ValueError, match="feature names should match"):
        check_X(clf, pd.DataFrame(X, columns=["q", "p"]))
    with pytest.raises(ValueError, match=r"feature names should match|3 features, but"):
        check_X(clf, pd.DataFrame(np.ones((6, 3)), columns=["p", "q", "r"]))
    read_samples(clf, np.ones((6, 3)), Y)
    assert clf.n_features_in_ == 3


def test_more_dimensions_are_for_a_module():
    images = np.zeros((6, 2, 3, 3))
    with pytest.raises(ValueError, match="dim 4"):
        check_X_y(make(), images, Y, reset=True)
    _, samples = read_samples(make(module=MODULE), images, Y)
    assert samples.X.shape == images.shape


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_holes(bad):
    holed = X.copy()
    holed[2, 1] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        read_samples(make(), holed, Y)


def test_a_column_of_targets_is_unrolled():
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        _, y = check_X_y(make(), X, Y[:, None], reset=True)
    assert y.shape == (6,)


def test_weights_are_scaled_to_mean_1_without_zeros():
    _, samples = read_samples(make(), X, Y, [0, 1, 2, 3, 0, 6])
    assert_array_equal(samples.X, X[[1, 2, 3, 5]])
    assert samples.codes.tolist() == [0, 1, 2, 1]
    assert_array_equal(samples.weight, np.array([1, 2, 3, 6]) / 3)


def test_weigh_leaves_weights_as_they_are():
    codes = np.arange(6)
    assert weigh(X, codes, None).weight is None
    assert weigh(X, codes, np.full(6, 3.0)).weight.tolist() == [3.0] * 6
    assert weigh(X, codes, [0, 5, 0, 0, 0, 7]).weight.tolist() == [5.0, 7.0]


def test_weights_of_sparse_samples():
    _, samples = read_samples(make(), sparse.csr_array(X), Y, [0, 1, 1, 1, 0, 1])
    assert_array_equal(samples.X.toarray(), X[[1, 2, 3, 5]])


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(6), "Got only zeros|at least one non-zero"),
        ([1, 1, 1, 1, 1, -1], "Negative values"),
        (np.ones(5), r"sample_weight.shape == \(5,\), expected \(6,\)"),
        ([1, 1, 1, 1, 1, np.nan], "sample_weight contains NaN"),
    ],
)
def test_wrong_weights(weight, message):
    with pytest.raises(ValueError, match=message):
        read_samples(make(), X, Y, weight)


def test_one_class_is_not_enough():
    with pytest.raises(ValueError, match=r"FocalNetClassifier needs .* only one class: 'a'"):
        read_samples(make(), X, ["a"] * 6)
    with pytest.raises(ValueError, match=r"only one class: .*'b'"):
        read_samples(make(), X, Y, Y == "b")


def test_labels_of_one_kind_are_enough():
    coding, samples = read_samples(make(), X, np.tile([1, 0], (6, 1)))
    assert coding.multilabel
    assert_array_equal(samples.codes, np.tile([1.0, 0.0], (6, 1)))
