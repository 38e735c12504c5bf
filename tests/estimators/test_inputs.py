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
def test_what_is_rarely_other_than_usual_keeps_its_differences(most):
    # As gains are, of which most are nothing.
    rare = np.random.default_rng(0).lognormal(8, 1, 80)
    z = first_view(np.concatenate([np.full(920, most), rare]))
    assert (z[:920] == 0).all()
    assert np.ptp(np.quantile(z[920:], [0.1, 0.9])) > 0.7


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
