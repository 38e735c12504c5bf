"""What the ensemble's networks see of numbers."""

import numpy as np
import pytest

from focalsk.estimators._inputs import NumberEncoder


def first_view(column):
    return NumberEncoder().fit(column[:, None]).transform(column[:, None])[:, 0]


def test_a_number_is_seen_from_its_median_in_units_of_its_iqr():
    x = np.random.default_rng(0).normal(5, 3, 1001)
    low, median, high = np.percentile(x, [25, 50, 75])
    z = (x - median) / (high - low)
    np.testing.assert_allclose(first_view(x), z / np.sqrt(1 + (z / 3) ** 2), atol=5e-3)


@pytest.mark.parametrize("most", [0.0, 700.0])
def test_a_usual_value_is_apart_from_the_others(most):
    # As gains are, of which most are nothing.
    rare = np.random.default_rng(0).lognormal(8, 1, 200)
    column = np.concatenate([np.full(800, most), rare])[:, None]
    encoder = NumberEncoder().fit(column)
    robust, normal, usual, *bins = encoder.transform(column).T
    assert (usual == np.repeat([1, 0], [800, 200])).all()
    alone = NumberEncoder().fit(rare[:, None]).transform(rare[:, None])
    np.testing.assert_allclose(np.column_stack([robust, normal])[800:], alone)
    assert not np.column_stack([robust, normal, *bins])[:800].any()
    assert np.array_equal(np.sum(bins, axis=1), np.repeat(20, 10))  # 20 samples or more in each
    assert (np.sum(bins, axis=0)[800:] == 1).all()


def test_missing_values_are_neither_usual_nor_in_a_bin():
    column = np.concatenate([np.zeros(100), np.arange(1, 101), [np.nan]])[:, None]
    encoder = NumberEncoder().fit(column)
    *views, missing, usual, bin_1, bin_2, bin_3, bin_4, bin_5 = encoder.transform(column).T
    assert np.flatnonzero(missing).tolist() == [200]
    assert usual.sum() == 100
    assert not np.array([*views, bin_1, bin_2, bin_3, bin_4, bin_5])[:, 200].any()


def test_many_columns_stay_whole():
    x = np.concatenate([np.zeros(100), np.random.default_rng(0).lognormal(size=100)])
    X = np.column_stack([x * scale for scale in range(1, 34)])
    assert NumberEncoder().fit(X[:, :32]).transform(X[:, :32]).shape[1] == 32 * (2 + 1 + 5)
    assert NumberEncoder().fit(X).transform(X).shape[1] == 33 * 2


def test_few_others_stay_beside_the_usual_value():
    rare = np.random.default_rng(0).lognormal(8, 1, 39)
    z = first_view(np.concatenate([np.zeros(461), rare]))
    assert (z[:461] == 0).all()
    assert np.ptp(np.quantile(z[461:], [0.1, 0.9])) > 0.7


def test_flags_and_near_constants_have_half_their_range_for_a_unit():
    flag = np.repeat([0.0, 1.0], [95, 5])
    np.testing.assert_allclose(np.unique(first_view(flag)), [0, 2 / np.sqrt(1 + 4 / 9)])


def test_a_weight_of_two_is_two_samples():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=60), rng.poisson(0.3, 60), rng.integers(0, 3, 60) / 3])
    weight = rng.integers(1, 4, 60)
    once = NumberEncoder().fit(X, sample_weight=weight.astype(float)).transform(X)
    repeated = NumberEncoder().fit(np.repeat(X, weight, axis=0)).transform(X)
    np.testing.assert_allclose(once, repeated, rtol=1e-12, atol=1e-12)


def test_so_it_is_for_usual_values_and_bins():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(400) < 0.7, 0.0, rng.lognormal(size=400))[:, None]
    weight = rng.integers(0, 4, 400)
    once = NumberEncoder().fit(x, sample_weight=weight / 7).transform(x)
    repeated = NumberEncoder().fit(np.repeat(x, weight, axis=0)).transform(x)
    assert once.shape[1] > 5
    np.testing.assert_allclose(once, repeated, rtol=1e-12, atol=1e-12)
