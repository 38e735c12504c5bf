"""The coding: coding of targets, counts, class weights, splits, and scores back to targets."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from focalsk.estimators._target_coding import Samples, TargetCoding

NAMES = np.array(["b", "a", "c", "a", "b", "a"])
LABELS = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 1]])
HEADS = {
    "binary softmax": (np.array([3, 7, 7]), "softmax", 2),
    "binary sigmoid": (np.array([3, 7, 7]), "sigmoid", 1),
    "softmax": (NAMES, "softmax", 3),
    "one versus rest": (NAMES, "sigmoid", 3),
    "labels": (LABELS, "softmax", 3),
}
heads = pytest.mark.parametrize(("y", "output", "n_outputs"), HEADS.values(), ids=HEADS)


@heads
def test_decoded_codes_are_the_targets(y, output, n_outputs):
    coding = TargetCoding.of(y, output)
    assert coding.n_outputs == n_outputs
    codes = coding.encode(y)
    assert len(codes) == len(y)
    if coding.multilabel:
        scores = codes * 2 - 1
    elif len(coding.classes) == 2:
        scores = codes * 2.0 - 1
    else:
        scores = np.eye(len(coding.classes))[codes]
    decoded = coding.decode(scores)
    assert_array_equal(decoded, y)
    assert decoded.dtype == y.dtype


@heads
def test_scores_and_probabilities_agree(y, output, n_outputs):
    coding = TargetCoding.of(y, output)
    logits = torch.randn(20, n_outputs, generator=torch.Generator().manual_seed(0)).double()
    p = coding.probabilities(logits, 2.0, None, "posterior").numpy()
    decided = coding.decode(coding.scores(logits, 2.0).numpy())
    expected = (p > 0.5) if coding.multilabel else coding.classes[p.argmax(axis=1)]
    assert_array_equal(decided, expected)
    assert p.shape == (20, len(coding.classes))


@heads
def test_probabilities_in_front_axes(y, output, n_outputs):
    coding = TargetCoding.of(y, output)
    logits = torch.randn(2, 5, n_outputs, generator=torch.Generator().manual_seed(0))
    whole = coding.probabilities(logits, 2.0, None, "weighted")
    alone = [coding.probabilities(part, 2.0, None, "weighted") for part in logits]
    torch.testing.assert_close(whole, torch.stack(alone))


@pytest.mark.parametrize("proba", ["posterior", "weighted"])
def test_far_from_every_class_is_still_a_distribution(proba):
    coding = TargetCoding.of(NAMES, "sigmoid")
    logits = torch.tensor([[-900.0, -901.0, -902.0], [900.0, 901.0, 902.0]])
    p = coding.probabilities(logits, 2.0, np.array([1.0, 2.0, 3.0]), proba)
    assert_allclose(p.sum(dim=1), 1, rtol=1e-6)
    assert p[0].argmax() == 0


def test_class_of_weight_zero_has_no_posterior():
    for output in ("softmax", "sigmoid"):
        p = TargetCoding.of(NAMES, output).probabilities(
            torch.zeros(1, 3), 0.0, np.array([0.0, 1.0, 1.0]), "posterior"
        )
        assert_allclose(p, [[0, 0.5, 0.5]])


def test_sparse_indicators():
    coding = TargetCoding.of(sparse.csr_matrix(LABELS), "softmax")
    assert coding.multilabel
    assert_array_equal(coding.encode(sparse.csr_matrix(LABELS)), LABELS)


def test_classes_beyond_those_of_y():
    coding = TargetCoding.of(NAMES, "softmax", classes=["d", "c", "b", "a"])
    assert coding.classes.tolist() == ["a", "b", "c", "d"]
    assert_array_equal(coding.encode(NAMES), [1, 0, 2, 0, 1, 0])
    assert_array_equal(coding.count(coding.encode(NAMES), None), [3, 2, 1, 0])


def test_counts_are_summed_weights():
    coding, weight = TargetCoding.of(NAMES, "softmax"), np.arange(6.0)
    assert_array_equal(coding.count(coding.encode(NAMES), weight), [9, 4, 2])
    labels = TargetCoding.of(LABELS, "softmax")
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    assert_array_equal(labels.count(LABELS, weight), [[5, 6, 2], [5, 4, 8]])
    assert_array_equal(labels.count(LABELS, None).sum(axis=0), 4)


def test_one_logit_wants_a_column_and_weights_of_both_outcomes():
    coding = TargetCoding.of(np.array([3, 7, 7]), "sigmoid")
    assert_array_equal(coding.targets(np.array([0, 1, 1])), [[0], [1], [1]])
    assert_array_equal(coding.loss(0.0, np.array([0.25, 0.75])).alpha, [[0.25], [0.75]])
    assert coding.loss(0.0, None).alpha is None


def test_labels_are_balanced_one_by_one():
    coding = TargetCoding.of(LABELS, "softmax")
    counts = coding.count(LABELS, None)
    assert_allclose(coding.alpha("balanced", counts), 4 / 2 / counts)
    assert coding.alpha(None, counts) is None


@pytest.mark.parametrize("fraction", [0.01, 0.3, 0.99])
def test_split_has_every_class_in_both_parts(fraction):
    y = np.repeat([0, 1, 2, 3], [50, 10, 2, 1])
    samples = Samples(np.arange(63)[:, None], y, np.arange(63.0))
    train, valid = TargetCoding.of(y, "softmax").split(samples, fraction, seed=0)
    assert_array_equal(np.unique(train.codes), [0, 1, 2, 3])
    assert_array_equal(np.unique(valid.codes), [0, 1, 2])
    rows = np.concatenate([train.X[:, 0], valid.X[:, 0]])
    assert_array_equal(np.sort(rows), np.arange(63))
    for part in (train, valid):
        assert_array_equal(y[part.X[:, 0]], part.codes)
        assert_array_equal(part.weight, part.X[:, 0])
    again, _ = TargetCoding.of(y, "softmax").split(samples, fraction, seed=0)
    assert_array_equal(again.X, train.X)


REFUSED = {
    "regression": (lambda: TargetCoding.of(np.linspace(0, 1, 5), "softmax"), "Unknown label type"),
    "several": (
        lambda: TargetCoding.of(LABELS + 1 + np.arange(3), "softmax"),
        "Got several classes",
    ),
    "unknown": (
        lambda: TargetCoding.of(NAMES, "softmax").encode(["z"]),
        r"classes \['a', 'b', 'c'\]",
    ),
    "labels": (lambda: TargetCoding.of(LABELS, "softmax").encode(LABELS[:, :2]), r"shape \(4, 2\)"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
