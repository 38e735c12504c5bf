"""FocalNetClassifier: what it answers, how it trains, what it refuses."""

import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_classification, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.metrics import balanced_accuracy_score, get_scorer
from torch import nn

from focalsk import FocalNetClassifier, compute_alpha

FAST = {"hidden_layer_sizes": (8,), "max_epochs": 6, "lr": 0.05, "batch_size": 32}


def make(**params):
    return FocalNetClassifier(**{**FAST, "random_state": 0, **params})


def make_data(n_classes, n=150, seed=0):
    weights = [0.7, 0.3] if n_classes == 2 else [0.6, 0.25, 0.15]
    return make_classification(
        n, 5, n_informative=4, n_redundant=0, n_classes=n_classes, n_clusters_per_class=1,
        weights=weights, class_sep=1.5, random_state=seed,
    )  # fmt: skip


BINARY, THREE = make_data(2), make_data(3)
LABELS = make_multilabel_classification(150, 5, n_classes=3, n_labels=2, random_state=0)
PROBLEMS = {
    f"{name}-{output}": (X, y, output)
    for name, (X, y) in {"binary": BINARY, "three": THREE, "labels": LABELS}.items()
    for output in ("softmax", "sigmoid")
}
problems = pytest.mark.parametrize(("X", "y", "output"), PROBLEMS.values(), ids=PROBLEMS)


def weights_of(classifier):
    return [p.detach().numpy().copy() for p in classifier.net_.module_.parameters()]


def assert_same_weights(a, b, **tolerance):
    check = assert_allclose if tolerance else assert_array_equal
    for p, q in zip(weights_of(a), weights_of(b), strict=True):
        check(p, q, **tolerance)


def differ(a, b):
    return any((p != q).any() for p, q in zip(weights_of(a), weights_of(b), strict=True))


# --- What it answers -----------------------------------------------------------------------------


LABEL_TYPES = {
    "str": ["no", "yes"],
    "bool": [False, True],
    "ints": [3, 7],
    "negative": [-1, 1],
    "float": [1.0, 2.0],
    "object": np.array(["b", "a"], dtype=object),
}


@pytest.mark.parametrize("names", LABEL_TYPES.values(), ids=LABEL_TYPES)
@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_labels_of_any_type(names, output):
    X, codes = BINARY
    names = np.asarray(names)
    y = names[codes]
    classifier = make(output=output).fit(X, y)
    assert_array_equal(classifier.classes_, np.unique(names))
    predicted = classifier.predict(X)
    assert predicted.dtype == names.dtype
    assert (predicted == y).mean() > 0.8
    assert classifier.score(X, y) == (predicted == y).mean()
    # Only the order of the classes can matter, and "a" < "b" turns it round.
    same = make(output=output).fit(X, np.searchsorted(classifier.classes_, y))
    assert_array_equal(classifier.predict_proba(X), same.predict_proba(X))


@problems
def test_shapes(X, y, output):
    classifier = make(output=output).fit(X, y)
    n_classes = 2 if X is BINARY[0] else 3
    assert classifier.predict(X).shape == y.shape
    assert classifier.predict_proba(X).shape == (len(X), n_classes)
    scores = classifier.decision_function(X)
    assert scores.shape == ((len(X),) if n_classes == 2 else (len(X), n_classes))
    assert_allclose(classifier.predict_log_proba(X), np.log(classifier.predict_proba(X)))
    if X is not LABELS[0]:
        assert_allclose(classifier.predict_proba(X).sum(axis=1), 1)
        assert classifier.score(X, y) > 0.8
    assert classifier.n_features_in_ == 5
    assert classifier.n_iter_ == len(classifier.loss_curve_) == FAST["max_epochs"]
    assert classifier.best_loss_ == min(classifier.loss_curve_)
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0]


@problems
@pytest.mark.parametrize("params", [{}, {"class_weight": "balanced", "gamma": 0.5}], ids=str)
def test_decision_is_the_argmax_or_sign_of_the_scores(X, y, output, params):
    classifier = make(output=output, **params).fit(X, y)
    scores, predicted = classifier.decision_function(X), classifier.predict(X)
    if y.ndim == 2 or scores.ndim == 1:
        assert_array_equal(predicted, scores > 0)
    else:
        assert_array_equal(predicted, scores.argmax(axis=1))
    assert len(np.unique(predicted)) > 1


@problems
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_weighted_probabilities_are_those_of_the_scores(X, y, output, gamma):
    classifier = make(output=output, gamma=gamma, alpha="balanced", proba="weighted").fit(X, y)
    scores, p = classifier.decision_function(X), classifier.predict_proba(X)
    if y.ndim == 2:
        expected = expit(scores)
        assert_array_equal(classifier.predict(X), p > 0.5)
    elif scores.ndim == 1:
        expected = np.column_stack([expit(-scores), expit(scores)])
        assert_array_equal(classifier.predict(X), p.argmax(axis=1))
    else:
        expected = expit(scores) if output == "sigmoid" else softmax(scores, axis=1)
        expected /= expected.sum(axis=1, keepdims=True)
        assert_array_equal(classifier.predict(X), p.argmax(axis=1))
    assert_allclose(p, expected)


@problems
def test_posterior_without_class_weights_is_the_weighted_one(X, y, output):
    classifier = make(output=output).fit(X, y)
    posterior = classifier.predict_proba(X)
    weighted = classifier.set_params(proba="weighted").predict_proba(X)
    raw = classifier.set_params(proba="raw").predict_proba(X)
    assert_array_equal(posterior, weighted)
    assert abs(posterior - raw).max() > 0.01


@problems
def test_raw_probabilities_are_those_of_the_logits(X, y, output):
    classifier = make(output=output, proba="raw", alpha="balanced").fit(X, y)
    logits = classifier.net_.forward(X).numpy()
    if y.ndim == 2:
        expected = expit(logits)
    elif logits.shape[1] == 1:
        expected = np.column_stack([expit(-logits), expit(logits)])
    elif output == "softmax":
        expected = softmax(logits, axis=1)
    else:
        expected = expit(logits) / expit(logits).sum(axis=1, keepdims=True)
    assert_allclose(classifier.predict_proba(X), expected)


@problems
def test_without_gamma_and_alpha_all_probabilities_agree(X, y, output):
    classifier = make(output=output, gamma=0.0).fit(X, y)
    posterior, weighted, raw = (
        classifier.set_params(proba=proba).predict_proba(X)
        for proba in ("posterior", "weighted", "raw")
    )
    assert_array_equal(posterior, weighted)
    assert_allclose(posterior, raw, rtol=1e-9)


@pytest.mark.parametrize("gamma", [[0.0, 1.0, 3.0], np.array([5.0, 2.0, 0.5])], ids=str)
@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_gamma_per_class(gamma, output):
    X, y = THREE
    classifier = make(gamma=gamma, output=output, alpha="sqrt", proba="weighted").fit(X, y)
    p = classifier.predict_proba(X)
    assert_array_equal(classifier.decision_function(X).argmax(axis=1), p.argmax(axis=1))
    assert_array_equal(classifier.predict(X), p.argmax(axis=1))
    assert classifier.score(X, y) > 0.8
    assert differ(classifier, make(gamma=2.0, output=output, alpha="sqrt").fit(X, y))


def test_gamma_per_class_that_is_the_same_is_one_gamma():
    each, one = make(gamma=[1.5] * 3).fit(*THREE), make(gamma=1.5).fit(*THREE)
    assert_same_weights(each, one, rtol=1e-9)


# --- The posterior of the data -------------------------------------------------------------------

# How often each class comes in each of four cells; a linear net of the cell's indicators can learn
# any posterior, so what it reports must be these frequencies.
COUNTS = np.array([[40, 15, 5], [10, 60, 20], [70, 10, 10], [30, 6, 14]])
LEARN = {
    "hidden_layer_sizes": (),
    "gamma": 2.0,
    "alpha": "balanced",
    "optimizer": torch.optim.LBFGS,
    "optimizer_params": {"line_search_fn": "strong_wolfe", "max_iter": 100},
    "lr": 1.0,
    "max_epochs": 3,
    "batch_size": -1,
    "random_state": 0,
}


def cells_and_classes(counts):
    cells, classes = np.indices(counts.shape)
    cells = np.repeat(cells.ravel(), counts.ravel())
    return np.eye(len(counts))[cells], np.repeat(classes.ravel(), counts.ravel())


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_posterior_undoes_gamma_and_class_weights(output, n_classes, gamma):
    counts = COUNTS[:, :n_classes]
    X, y = cells_and_classes(counts)
    classifier = FocalNetClassifier(**{**LEARN, "output": output, "gamma": gamma}).fit(X, y)
    posterior = counts / counts.sum(axis=1, keepdims=True)
    weighted = posterior * (len(y) / n_classes / counts.sum(axis=0))
    weighted /= weighted.sum(axis=1, keepdims=True)
    assert abs(posterior - weighted).max() > 0.1
    cells = np.eye(4)
    assert_allclose(classifier.predict_proba(cells), posterior, atol=2e-3)
    assert_array_equal(classifier.predict(cells), weighted.argmax(axis=1))
    classifier.set_params(proba="weighted")
    assert_allclose(classifier.predict_proba(cells), weighted, atol=2e-3)


def test_posterior_of_labels_undoes_gamma_and_label_weights():
    X, y = cells_and_classes(COUNTS)
    # Labels that overlap: class 1 has the first, class 2 both.
    labels = np.column_stack([y >= 1, y == 2]).astype(int)
    classifier = FocalNetClassifier(**LEARN).fit(X, labels)
    counts = np.column_stack([COUNTS[:, 1:].sum(axis=1), COUNTS[:, 2]])
    posterior = counts / COUNTS.sum(axis=1, keepdims=True)
    positive = len(y) / 2 / labels.sum(axis=0)
    negative = len(y) / 2 / (1 - labels).sum(axis=0)
    weighted = posterior * positive / (posterior * positive + (1 - posterior) * negative)
    cells = np.eye(4)
    assert_allclose(classifier.alpha_, [negative, positive])
    assert_allclose(classifier.predict_proba(cells), posterior, atol=2e-3)
    assert_array_equal(classifier.predict(cells), weighted > 0.5)
    classifier.set_params(proba="weighted")
    assert_allclose(classifier.predict_proba(cells), weighted, atol=2e-3)


# --- Class weights -------------------------------------------------------------------------------


@problems
def test_class_weight_balanced_is_alpha_balanced(X, y, output):
    by_alpha = make(output=output, alpha="balanced").fit(X, y)
    by_class_weight = make(output=output, class_weight="balanced").fit(X, y)
    assert_same_weights(by_alpha, by_class_weight)
    assert_array_equal(by_alpha.predict_proba(X), by_class_weight.predict_proba(X))
    assert differ(by_alpha, make(output=output).fit(X, y))


def test_every_form_of_class_weights_is_the_same():
    X, codes = THREE
    y = np.array(["a", "b", "c"])[codes]
    vector = [0.5, 2.0, 4.0]
    weights = dict(zip("abc", vector, strict=True))
    fits = [
        make(alpha=vector).fit(X, y),
        make(alpha=np.array(vector)).fit(X, y),
        make(alpha=weights).fit(X, y),
        make(class_weight=weights).fit(X, y),
    ]
    for other in fits[1:]:
        assert_same_weights(fits[0], other)
        assert_array_equal(other.alpha_, vector)


def test_number_is_the_weight_of_the_second_class():
    X, y = BINARY
    assert_same_weights(make(alpha=0.25).fit(X, y), make(alpha=[0.75, 0.25]).fit(X, y))


def test_class_weights_are_sample_weights_of_the_classes():
    X, y = THREE
    alpha = compute_alpha("balanced", y)  # of expected weight one: weights of samples keep it
    for output in ("softmax", "sigmoid"):
        by_alpha = make(alpha=alpha, output=output).fit(X, y)
        by_sample = make(output=output).fit(X, y, sample_weight=alpha[y])
        assert_same_weights(by_alpha, by_sample, rtol=1e-6, atol=1e-9)


def test_both_names_of_class_weights_are_refused():
    with pytest.raises(ValueError, match="Only one of 'alpha' and 'class_weight'"):
        make(alpha="sqrt", class_weight="balanced").fit(*BINARY)


# --- Multi-label targets -------------------------------------------------------------------------


def test_sparse_indicators_are_dense_ones():
    X, y = LABELS
    dense = make(alpha="balanced").fit(X, y)
    for kind in (sparse.csr_matrix, sparse.csc_matrix):
        assert_same_weights(make(alpha="balanced").fit(X, kind(y)), dense)


def test_labels_are_binary_problems_side_by_side():
    X, y = LABELS
    # A linear net shares nothing between its labels, from the same initial weights (here none).
    params = {"module": zeros, "module_params": {}}
    together = make(**params, alpha="balanced").fit(X, y).predict_proba(X)
    alone = [
        make(**params, alpha="balanced", output="sigmoid").fit(X, column).predict_proba(X)[:, 1]
        for column in y.T
    ]
    assert_allclose(together, np.column_stack(alone), rtol=1e-6)


def zeros(n_features, n_outputs):
    linear = nn.Linear(n_features, n_outputs)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


# --- Continued training --------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"dropout": 0.2, "optimizer": "adamw"}], ids=str)
def test_warm_start_goes_on_as_if_never_stopped(params):
    whole = make(**params, max_epochs=10).fit(*THREE)
    halves = make(**params, max_epochs=5, warm_start=True).fit(*THREE)
    assert differ(whole, halves)
    halves.fit(*THREE)
    assert_same_weights(whole, halves)
    assert halves.n_iter_ == 10
    assert halves.loss_curve_ == whole.loss_curve_


def test_without_warm_start_fit_forgets():
    classifier = make().fit(*THREE)
    assert_same_weights(classifier.fit(*BINARY), make().fit(*BINARY))


def test_partial_fit_epochs_are_those_of_fit():
    X, y = THREE
    parts = make(alpha="balanced")
    for _ in range(FAST["max_epochs"]):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    assert_same_weights(parts, make(alpha="balanced").fit(X, y))
    assert parts.n_iter_ == FAST["max_epochs"]


def test_partial_fit_counts_the_classes_of_all_calls():
    X, y = THREE
    classifier = make(alpha="balanced")
    classifier.partial_fit(X[y == 0], y[y == 0], classes=[0, 1, 2])
    assert_array_equal(classifier.class_count_, [(y == 0).sum(), 0, 0])
    assert_array_equal(classifier.alpha_[1:], 0)
    classifier.partial_fit(X[y != 0], y[y != 0], sample_weight=np.full((y != 0).sum(), 2.0))
    counts = np.bincount(y) * [1, 2, 2]
    assert_array_equal(classifier.class_count_, counts)
    assert_allclose(classifier.alpha_, counts.sum() / 3 / counts)
    assert_array_equal(classifier.classes_, [0, 1, 2])


def test_partial_fit_learns():
    X, y = THREE
    classifier = make()
    for start in np.tile(np.arange(0, 150, 50), 10):
        classifier.partial_fit(X[start : start + 50], y[start : start + 50], classes=[0, 1, 2])
    assert classifier.score(X, y) > 0.85


PARTIAL = {
    "no classes": (dict, "classes must be passed on the first call"),
    "unknown class": (lambda: {"classes": [0, 1]}, r"only have the classes \[0, 1\]. Got \[2\]"),
}


@pytest.mark.parametrize(("params", "message"), PARTIAL.values(), ids=PARTIAL)
def test_first_partial_fit_refuses(params, message):
    with pytest.raises(ValueError, match=message):
        make().partial_fit(*THREE, **params())


def test_later_fits_refuse_other_classes():
    X, y = THREE
    classifier = make(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="classes must be those of the first call"):
        classifier.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"only have the classes \[0, 1, 2\]. Got \[3\]"):
        classifier.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="warm_start=True needs the classes of the previous fit"):
        classifier.fit(X, y + 1)


# --- Early stopping ------------------------------------------------------------------------------


class Recorder:
    """A scorer that remembers what it was given."""

    def __init__(self, name):
        self.scorer = get_scorer(name)
        self.held_out = None

    def __call__(self, estimator, X, y, **kwargs):
        self.held_out = X, y
        return self.scorer(estimator, X, y, **kwargs)


STOP = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 3, "lr": 0.1}


@pytest.fixture(scope="module")
def noisy():
    X, y = make_blobs(200, centers=3, cluster_std=4.0, random_state=0)
    return X, np.array(["a", "b", "c"])[y]


@pytest.mark.parametrize("monitor", ["balanced_accuracy", "f1_macro", "roc_auc_ovr"])
def test_early_stopping_keeps_the_best_epoch(noisy, monitor):
    recorder = Recorder(monitor)
    classifier = make(**STOP, max_epochs=100, monitor=recorder).fit(*noisy)
    assert classifier.n_iter_ < 100
    assert len(classifier.validation_scores_) == classifier.n_iter_
    best = max(classifier.validation_scores_)
    assert classifier.validation_scores_.index(best) < classifier.n_iter_ - 1
    assert_allclose(recorder.scorer(classifier, *recorder.held_out), best)
    by_name = make(**STOP, max_epochs=100, monitor=monitor).fit(*noisy)
    assert by_name.validation_scores_ == classifier.validation_scores_
    assert_same_weights(by_name, classifier)


def test_early_stopping_on_the_loss(noisy):
    recorder = Recorder("accuracy")
    make(**STOP, max_epochs=1, monitor=recorder).fit(*noisy)
    X, y = recorder.held_out
    classifier = make(**STOP, max_epochs=100, alpha="balanced").fit(*noisy)
    assert classifier.n_iter_ < 100
    assert_array_equal(
        classifier.validation_scores_, np.negative(classifier.history_[:, "valid_loss"])
    )
    assert classifier.best_loss_ == -max(classifier.validation_scores_)
    codes = torch.as_tensor(np.searchsorted(classifier.classes_, y))
    logits = classifier.net_.forward(X)
    recomputed = classifier.net_.get_loss(logits, codes)
    assert_allclose(recomputed, classifier.best_loss_)


@pytest.mark.parametrize("monitor", ["balanced_accuracy", "roc_auc"])
def test_monitor_takes_string_labels(monitor):
    X, y = BINARY
    classifier = make(**STOP, monitor=monitor).fit(X, np.where(y, "yes", "no"))
    assert len(classifier.validation_scores_) == classifier.n_iter_
    assert max(classifier.validation_scores_) > 0.8


def test_monitor_of_labels():
    classifier = make(**STOP, monitor="f1_micro").fit(*LABELS)
    assert all(0 <= score <= 1 for score in classifier.validation_scores_)


def test_held_out_samples_are_stratified():
    rng = np.random.default_rng(0)
    y = np.repeat(["common", "rare", "pair", "single"], [60, 20, 2, 1])
    X = np.column_stack([np.arange(83.0), rng.normal(size=83)])
    recorder = Recorder("accuracy")
    classifier = make(**STOP, max_epochs=1, monitor=recorder).fit(X, y)
    X_valid, y_valid = recorder.held_out
    held_out = dict(zip(*np.unique(y_valid, return_counts=True), strict=True))
    assert held_out == {"common": 18, "rare": 6, "pair": 1}
    assert_array_equal(y[X_valid[:, 0].astype(int)], y_valid)
    assert "single" in classifier.classes_
    other = Recorder("accuracy")
    make(**STOP, max_epochs=1, monitor=other, random_state=1).fit(X, y)
    assert set(other.held_out[0][:, 0]) != set(X_valid[:, 0])


def test_early_stopping_needs_a_pair():
    with pytest.raises(ValueError, match="needs a class with two samples or more"):
        make(**STOP).fit(BINARY[0][:3], ["a", "b", "c"])


def test_patience_without_end_trains_all_epochs():
    classifier = make(**{**STOP, "n_iter_no_change": np.inf}, max_epochs=20).fit(*BINARY)
    assert classifier.n_iter_ == 20


def test_without_early_stopping_there_are_no_validation_scores():
    assert make().fit(*BINARY).validation_scores_ is None


# --- Sample weights ------------------------------------------------------------------------------


@problems
@pytest.mark.parametrize("value", [1, 1.0, 2.0])
def test_equal_weights_are_none(X, y, output, value):
    plain = make(output=output, alpha="balanced").fit(X, y)
    weighted = make(output=output, alpha="balanced").fit(X, y, np.full(len(X), value))
    assert_same_weights(plain, weighted)


@problems
@pytest.mark.parametrize("alpha", [None, "balanced"])
def test_weight_zero_is_removal(X, y, output, alpha):
    sample_weight = np.ones(len(X))
    sample_weight[::3] = 0
    kept = sample_weight > 0
    assert_same_weights(
        make(output=output, alpha=alpha).fit(X, y, sample_weight),
        make(output=output, alpha=alpha).fit(X[kept], y[kept]),
    )


@problems
@pytest.mark.parametrize("alpha", [None, "balanced"])
def test_whole_weights_are_repetitions(X, y, output, alpha):
    repeats = np.random.default_rng(0).integers(0, 4, len(X))
    params = {"output": output, "alpha": alpha, "batch_size": -1}
    assert_same_weights(
        make(**params).fit(X, y, repeats),
        make(**params).fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats, axis=0)),
        rtol=1e-6,
        atol=1e-9,
    )


def test_class_without_weight_is_no_class_to_learn():
    X, y = BINARY
    with pytest.raises(ValueError, match="contains only one class: 0"):
        make().fit(X, y, sample_weight=(y == 0).astype(float))


def test_weights_without_any_weight_are_refused():
    with pytest.raises(ValueError, match=r"only zeros|non-zero"):
        make().fit(*BINARY, sample_weight=np.zeros(150))
    with pytest.raises(ValueError, match="Negative"):
        make().fit(*BINARY, sample_weight=np.full(150, -1.0))


# --- What enters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_precision_follows_the_input(dtype):
    X, y = BINARY
    X = (X > 0).astype(dtype) if dtype in (np.int64, bool) else X.astype(dtype)
    classifier = make().fit(X, y)
    expected = np.float32 if dtype == np.float32 else np.float64
    assert {p.dtype for p in weights_of(classifier)} == {np.dtype(expected)}
    assert classifier.predict_proba(X).dtype == expected
    assert classifier.decision_function(X).dtype == expected
    if dtype in (np.int64, bool):
        assert_same_weights(classifier, make().fit(X.astype(float), y))


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
def test_sparse_is_dense(kind):
    X, y = THREE
    X = np.where(abs(X) > 1, X, 0)
    dense, thin = make().fit(X, y), make().fit(kind(X), y)
    assert_same_weights(dense, thin)
    assert_array_equal(dense.predict_proba(X), thin.predict_proba(kind(X)))


def test_read_only_memory_map(tmp_path):
    X, y = BINARY
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert not mapped.flags.writeable
    classifier = make(**STOP).fit(mapped, y)
    assert_same_weights(classifier, make(**STOP).fit(X, y))
    assert_array_equal(classifier.predict(mapped), classifier.predict(X))


def test_column_of_targets_warns_and_is_raveled():
    X, y = BINARY
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        classifier = make().fit(X, y[:, None])
    assert_same_weights(classifier, make().fit(X, y))


# --- Modules of the user's own -------------------------------------------------------------------


class CNN(nn.Module):
    def __init__(self, n_features, n_outputs, width=3):
        super().__init__()
        self.conv = nn.Conv2d(n_features, width, 3)
        self.out = nn.Linear(width, n_outputs)

    def forward(self, X):
        return self.out(torch.relu(self.conv(X)).amax(dim=(2, 3)))


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 120)
    X = rng.normal(size=(120, 2, 6, 6)).astype(np.float32) * 0.3
    X[np.arange(120), 0, 2, y] += 4.0
    X[y == 2, 1, 3:5, 3:5] += 3.0
    return X, y


def test_images_and_a_module_class(images):
    X, y = images
    classifier = make(module=CNN, module_params={"width": 12}, max_epochs=30).fit(X, y)
    assert classifier.net_.module_.conv.weight.shape == (12, 2, 3, 3)
    assert classifier.score(X, y) > 0.6
    assert classifier.predict_proba(X).shape == (120, 3)
    with pytest.raises(ValueError, match="Found array with dim 4"):
        make().fit(X, y)


def test_module_instance_is_left_as_it_was(images):
    X, y = images
    module = CNN(2, 3)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    classifier = make(module=module)
    first = clone(classifier).fit(X, y)
    classifier.fit(X, y)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    assert_same_weights(classifier, first)
    assert differ(classifier, make(module=module, max_epochs=1).fit(X, y))


def test_parameters_of_the_optimizer():
    params = {"weight_decay": 0.1, "max_epochs": 3}
    by_name = make(optimizer="sgd", optimizer_params={"momentum": 0.9}, **params).fit(*BINARY)
    by_class = make(optimizer=torch.optim.SGD, optimizer_params={"momentum": 0.9}, **params).fit(
        *BINARY
    )
    assert_same_weights(by_name, by_class)
    plain = make(optimizer="sgd", **params).fit(*BINARY)
    assert differ(by_name, plain)
    assert by_name.net_.optimizer_.param_groups[0]["weight_decay"] == 0.1


# --- A function of parameters, data and seed -----------------------------------------------------

SEEDED = {"dropout": 0.1, "early_stopping": True, "validation_fraction": 0.2}


def test_seed_decides():
    one, again, other = (make(**SEEDED, random_state=seed).fit(*THREE) for seed in (0, 0, 1))
    assert_same_weights(one, again)
    assert differ(one, other)


def test_global_generators_are_left_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    before = make(**SEEDED).fit(*THREE)
    assert torch.equal(torch.get_rng_state(), torch_state)
    for a, b in zip(np.random.get_state(), numpy_state, strict=True):  # noqa: NPY002
        assert_array_equal(a, b)
    torch.rand(3)
    np.random.random(3)  # noqa: NPY002
    assert_same_weights(before, make(**SEEDED).fit(*THREE))


def test_random_state_instance_moves_on():
    rng = np.random.RandomState(0)
    first, second = make(random_state=rng).fit(*THREE), make(random_state=rng).fit(*THREE)
    assert differ(first, second)


def test_threads_do_not_matter():
    threads = torch.get_num_threads()
    try:
        fits = []
        for n in (1, 2):
            torch.set_num_threads(n)
            fits.append(make(**SEEDED, hidden_layer_sizes=(64,)).fit(*THREE))
    finally:
        torch.set_num_threads(threads)
    assert_same_weights(*fits)


def test_batch_size_minus_one_is_all_samples():
    X, y = BINARY
    assert_same_weights(make(batch_size=-1).fit(X, y), make(batch_size=150).fit(X, y))


# --- What is refused -----------------------------------------------------------------------------

REFUSED = {
    "hidden_layer_sizes": [0, "10", 2.5, (5, 0), (2.5,), ("a",), ((2, 3), (4, 5))],
    "gamma": [-1, np.nan, np.inf, "two", None, [], [1, 2, 3], [1, np.nan], [1, -1], [np.inf, 1],
              ["a", "b"]],
    "alpha": ["blanced", -0.1, 1.5, np.nan],
    "class_weight": ["inverse", 0.5],
    "output": ["tanh", None],
    "proba": ["calibrated", True],
    "decision": ["mcc", None, 3],
    "checkpoint": [3, ["folder"]],
    "module": ["mlp", 3],
    "module_params": [[("width", 3)]],
    "optimizer": ["adamax", None],
    "optimizer_params": ["momentum"],
    "lr": [0, -1.0, np.nan, np.inf, "fast"],
    "weight_decay": [-1e-3, np.nan],
    "max_epochs": [0, 2.5],
    "batch_size": [0, -2, 16.0],
    "early_stopping": ["yes", 2],
    "validation_fraction": [0, 1.0, np.nan],
    "n_iter_no_change": [0, 2.5, np.nan],
    "tol": [-1.0, np.nan],
    "monitor": ["acuracy", None],
    "dropout": [1.0, -0.1, np.nan],
    "label_smoothing": [1.0, -0.1, np.nan],
    "callbacks": ["print"],
    "warm_start": [None],
    "device": [0, "warp"],
    "compile": ["fast"],
    "random_state": ["zero", -1],
    "verbose": [-1],
}  # fmt: skip


def test_table_of_refusals_has_every_parameter():
    assert set(REFUSED) == set(FocalNetClassifier().get_params())


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in REFUSED for value in REFUSED[name]]
)
def test_wrong_parameter_is_refused_by_name(name, value):
    message = f"The '{name}' parameter of FocalNetClassifier must be .* Got .* instead"
    classifier = make(**{name: value})
    for method in (classifier.fit, classifier.partial_fit):
        with pytest.raises(ValueError, match=f"(?s){message}") as refusal:
            method(*BINARY, **({"classes": [0, 1]} if method == classifier.partial_fit else {}))
        assert repr(value) in str(refusal.value)


WRONG = {
    "alpha of another length": ({"alpha": [1.0, 2.0, 3.0]}, r"alpha must have the shape \(2,\)"),
    "alpha of another class": ({"alpha": {0: 1, 5: 1}}, r"alpha has the keys \[5\]"),
    "negative alpha": ({"alpha": [1.0, -1.0]}, "alpha must be finite and not negative"),
    "alpha of nothing": ({"alpha": [0.0, 0.0]}, "at least one class a positive weight"),
    "gamma for both classes of one logit": (
        {"gamma": [1.0, 2.0], "output": "sigmoid"}, "'gamma' parameter .* or 1 of them"
    ),
    "module that fails": (
        {"module": nn.Linear(3, 2)}, r"The 'module' Linear failed on samples of shape \(2, 5\)"
    ),
    "module of another width": (
        {"module": nn.Linear(5, 4)},
        r"'module' Linear must map 2 samples to logits of shape \(2, 2\). Got shape \(2, 4\)",
    ),
    "module with parameters": (
        {"module": nn.Linear(5, 2), "module_params": {"bias": False}},
        "module_params are for a module class or factory",
    ),
    "divergence": ({"optimizer": "sgd", "lr": 1e30}, "Training diverged.*Lower 'lr'"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(params, message):
    X, y = BINARY
    with pytest.raises(ValueError, match=f"(?s){message}"):
        make(**params).fit(X * 1e3 if "lr" in params else X, y)


TARGETS = {
    "one class": (np.zeros(150), "needs samples of at least 2 classes"),
    "regression": (np.linspace(0, 1, 150), "Unknown label type"),
    "several classes per sample": (np.arange(300).reshape(150, 2) % 3, "Got several classes"),
    "NaN": (np.where(np.arange(150) % 3, 1.0, np.nan), "NaN"),
}


@pytest.mark.parametrize(("y", "message"), TARGETS.values(), ids=TARGETS)
def test_wrong_targets_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        make().fit(BINARY[0], y)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_unfitted_or_other_data_is_refused(method):
    with pytest.raises(NotFittedError, match=re.escape("not fitted yet")):
        getattr(make(), method)(BINARY[0])
    with pytest.raises(ValueError, match="X has 4 features"):
        getattr(make(max_epochs=1).fit(*BINARY), method)(BINARY[0][:, :4])


def test_balanced_weights_balance():
    X, y = make_classification(
        400, 5, n_informative=3, weights=[0.93], class_sep=0.5, random_state=0
    )
    params = {"max_epochs": 20, "lr": 0.02}
    plain, balanced = (
        balanced_accuracy_score(y, make(class_weight=weight, **params).fit(X, y).predict(X))
        for weight in (None, "balanced")
    )
    assert balanced > plain + 0.1
