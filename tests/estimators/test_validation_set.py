"""A validation set of one's own: what `fit` does with it, alone, in a pipeline and in a search."""

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EarlyStopping, EpochScoring
from torch import nn

from focalsk import FocalGridSearchCV, FocalNetClassifier

STOP = {
    "hidden_layer_sizes": (8,), "max_epochs": 40, "lr": 0.05, "batch_size": 32,
    "early_stopping": True, "n_iter_no_change": 3, "random_state": 0,
}  # fmt: skip
X, Y = make_classification(
    240, 5, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, flip_y=0.2,
    random_state=0,
)  # fmt: skip
NAMES = np.array(["a", "b", "c"])[Y]
TRAIN, VALID = train_test_split(np.arange(240), stratify=Y, random_state=0)


def make(**params):
    return FocalNetClassifier(**{**STOP, **params})


def given(X=X, y=NAMES):
    """The training part, and the validation part by its names in `fit`."""
    return (X[TRAIN], y[TRAIN]), {"X_val": X[VALID], "y_val": y[VALID]}


def weights_of(classifier):
    return [p.detach().numpy().copy() for p in classifier.net_.module_.parameters()]


def assert_same(a, b):
    assert a.validation_scores_ == b.validation_scores_
    for p, q in zip(weights_of(a), weights_of(b), strict=True):
        assert_array_equal(p, q)


def test_the_best_epoch_is_that_of_the_set():
    samples, valid = given()
    classifier = make(alpha="balanced").fit(*samples, **valid)
    assert classifier.n_iter_ < 40
    assert classifier.best_loss_ == -max(classifier.validation_scores_)
    codes = torch.as_tensor(np.searchsorted(classifier.classes_, valid["y_val"]))
    logits = classifier.net_.forward(valid["X_val"])
    assert_allclose(classifier.net_.get_loss(logits, codes), classifier.best_loss_)


def test_all_other_samples_are_trained_on():
    samples, valid = given()
    classifier = make(n_iter_no_change=np.inf).fit(*samples, **valid)
    whole = make(early_stopping=False).fit(*samples)
    assert classifier.loss_curve_ == whole.loss_curve_
    assert_array_equal(classifier.class_count_, whole.class_count_)


def test_what_is_held_out_is_a_validation_set():
    recorder = {}

    def monitor(classifier, X, y):
        recorder["X"], recorder["y"] = X, y
        return get_scorer("balanced_accuracy")(classifier, X, y)

    held_out = make(monitor=monitor, batch_size=-1).fit(X, NAMES)
    kept = ~(X[:, None, 0] == recorder["X"][:, 0]).any(axis=1)
    valid = {"X_val": recorder["X"], "y_val": recorder["y"]}
    same = make(monitor="balanced_accuracy", batch_size=-1).fit(X[kept], NAMES[kept], **valid)
    assert_allclose(same.validation_scores_, held_out.validation_scores_)


@pytest.mark.parametrize("convert", [pd.DataFrame, sparse.csr_matrix, np.float32], ids=str)
def test_frames_sparse_matrices_and_types(convert):
    samples, valid = given()
    expected = make(monitor="accuracy").fit(*samples, **valid)
    valid["X_val"] = convert(valid["X_val"])
    found = make(monitor="accuracy").fit(convert(samples[0]), samples[1], **valid)
    assert_allclose(found.validation_scores_, expected.validation_scores_, atol=0.05)


def test_a_sparse_set_beside_dense_samples():
    samples, valid = given()
    expected = make().fit(*samples, **valid)
    valid["X_val"] = sparse.csr_matrix(valid["X_val"])
    assert_allclose(make().fit(*samples, **valid).validation_scores_, expected.validation_scores_)


def test_labels():
    samples, valid = given(*make_multilabel_classification(240, 5, n_classes=3, random_state=0))
    expected = make(monitor="f1_micro").fit(*samples, **valid)
    valid["y_val"] = sparse.csr_matrix(valid["y_val"])
    assert_same(make(monitor="f1_micro").fit(*samples, **valid), expected)


def test_weights_are_repetitions():
    samples, valid = given()
    repeats = np.random.default_rng(0).integers(0, 3, len(VALID))
    weighted = make(monitor="accuracy").fit(*samples, **valid, sample_weight_val=repeats)
    repeated = {name: np.repeat(value, repeats, axis=0) for name, value in valid.items()}
    expected = make(monitor="accuracy").fit(*samples, **repeated)
    assert_allclose(weighted.validation_scores_, expected.validation_scores_)
    by_loss = make().fit(*samples, **valid, sample_weight_val=7.0 * repeats)
    assert_allclose(by_loss.validation_scores_, make().fit(*samples, **repeated).validation_scores_)


def test_a_set_may_lack_a_class():
    samples, valid = given()
    some = valid["y_val"] != "c"
    classifier = make().fit(*samples, X_val=valid["X_val"][some], y_val=valid["y_val"][some])
    assert classifier.classes_.tolist() == ["a", "b", "c"]


def test_a_module_of_the_users_and_callbacks():
    samples, valid = given()
    scores = EpochScoring("accuracy", lower_is_better=False, use_caching=False, name="acc")
    net = nn.Linear(5, 3)
    classifier = make(module=net, callbacks=[scores], max_epochs=5).fit(*samples, **valid)
    assert "valid_loss" in classifier.history_[-1]
    assert len(classifier.history_[:, "acc"]) == classifier.n_iter_


def test_warm_start_and_partial_fit():
    samples, valid = given()
    classifier = make(warm_start=True, max_epochs=3).fit(*samples, **valid)
    assert classifier.fit(*samples, **valid).n_iter_ == 6
    assert classifier.partial_fit(*samples).n_iter_ == 7


def test_partial_fit_says_that_callbacks_have_no_validation_there():
    classifier = make(callbacks=[EarlyStopping()], max_epochs=2).fit(X, Y)
    with pytest.raises(ValueError, match="partial_fit of FocalNetClassifier never holds any out"):
        classifier.partial_fit(X, Y)


def test_a_killed_fit_goes_on_only_with_the_same_set(tmp_path, monkeypatch):
    monkeypatch.setattr("focalsk.nets._checkpoint.SECONDS", 0.0)
    samples, valid = given()
    expected = make().fit(*samples, **valid)
    kept = make(checkpoint=tmp_path)
    assert_same(kept.fit(*samples, **valid), expected)
    assert len(list(tmp_path.iterdir())) == 1
    assert_same(kept.fit(*samples, **valid), expected)
    assert len(list(tmp_path.iterdir())) == 1
    kept.fit(*samples)
    kept.fit(*samples, **valid, sample_weight_val=np.arange(1, 1 + len(VALID)))
    assert len(list(tmp_path.iterdir())) == 3


_, SET = given()
REFUSED = {
    "X alone": ({"y_val": None}, "y_val must be passed too. Got only X_val"),
    "y alone": ({"X_val": None}, "X_val must be passed too. Got only y_val"),
    "weights alone": (
        {"X_val": None, "y_val": None, "sample_weight_val": np.ones(60)},
        "X_val must be passed too. Got only sample_weight_val",
    ),
    "unknown class": ({"y_val": np.full(60, "d")}, r"\['a', 'b', 'c'\]. Got \['d'\]"),
    "codes": ({"y_val": Y[VALID]}, r"\['a', 'b', 'c'\]. Got \[0, 1, 2\]"),
    "labels": ({"y_val": np.eye(3, dtype=int)[Y[VALID]]}, "one class per sample, as in training"),
    "numbers": ({"y_val": X[VALID][:, 0]}, "Unknown label type: continuous"),
    "columns": ({"X_val": X[VALID][:, :4]}, "X has 4 features, but .* is expecting 5"),
    "length": ({"y_val": NAMES[:9]}, "inconsistent numbers of samples"),
    "NaN": ({"X_val": np.full((60, 5), np.nan)}, "contains NaN"),
    "empty": ({"X_val": X[:0], "y_val": NAMES[:0]}, "Found array with 0 sample"),
    "negative weights": ({"sample_weight_val": -np.ones(60)}, "Negative values"),
}


@pytest.mark.parametrize(("changed", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("Search", [None, GridSearchCV, FocalGridSearchCV])
def test_what_is_refused(changed, message, Search):
    model = make()
    if Search is not None:
        model = Search(model, {"gamma": [0.0, 1.0]}, cv=2, error_score="raise")
    with pytest.raises(ValueError, match=message):
        model.fit(X, NAMES, **{**SET, **changed})
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("Search", [GridSearchCV, FocalGridSearchCV])
def test_without_early_stopping_there_is_no_use_for_a_set(Search):
    samples, valid = given()
    with pytest.raises(ValueError, match="Got early_stopping=False; set it to True"):
        make(early_stopping=False).fit(*samples, **valid)
    search = Search(make(max_epochs=3), {"early_stopping": [False, True]}, cv=2)
    with (
        pytest.warns(FitFailedWarning, match="2 fits failed"),
        pytest.warns(UserWarning, match="scores are non-finite"),
    ):
        search.fit(*samples, **valid)
    assert_array_equal(np.isnan(search.cv_results_["mean_test_score"]), [True, False])


def test_columns_by_name():
    columns = list("abcde")
    samples, valid = given()
    frame = pd.DataFrame(samples[0], columns=columns)
    valid["X_val"] = pd.DataFrame(valid["X_val"], columns=columns[::-1])
    with pytest.raises(ValueError, match=r"In the validation set .* should match"):
        make().fit(frame, samples[1], **valid)


def assert_same_search(found, expected):
    for name in ("mean_test_score", "split0_test_score", "split1_test_score"):
        assert_allclose(found.cv_results_[name], expected.cv_results_[name])
    assert_same(
        *(
            getattr(s.best_estimator_, "steps", [[s.best_estimator_]])[-1][-1]
            for s in (found, expected)
        )
    )


@pytest.mark.parametrize("labels", [False, True])
def test_a_search_trains_one_stack_with_the_set(labels):
    data = make_multilabel_classification(240, 5, n_classes=3, random_state=0)
    samples, valid = given(*data) if labels else given()
    valid["sample_weight_val"] = np.linspace(0, 1, len(VALID))
    grid = {"gamma": [0.0, 2.0], "lr": [0.01, 0.05]}
    search = FocalGridSearchCV(make(), grid, cv=2, scoring="neg_log_loss" if not labels else None)
    expected = GridSearchCV(make(), grid, cv=2, scoring=search.scoring).fit(*samples, **valid)
    assert_same_search(search.fit(*samples, **valid), expected)
    assert [stack["trained"] for stack in search.stacks_] == ["stacked"]


@pytest.mark.parametrize("Search", [None, GridSearchCV, FocalGridSearchCV])
def test_a_pipeline_transforms_the_set(Search):
    samples, valid = given(100 * X)
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = make().set_fit_request(X_val=True, y_val=True)
        steps = [("scale", StandardScaler()), ("net", classifier)]
        model = Pipeline(steps, transform_input=["X_val"])
        if Search is not None:
            model = Search(model, {"net__gamma": [0.0, 2.0]}, cv=2)
        model.fit(*samples, **valid)
    pipeline = model if Search is None else model.best_estimator_
    net = pipeline.steps[-1][1]
    scaler = StandardScaler().fit(samples[0])
    expected = make(gamma=net.gamma).fit(
        scaler.transform(samples[0]),
        samples[1],
        X_val=scaler.transform(valid["X_val"]),
        y_val=valid["y_val"],
    )
    assert_same(net, expected)
    if Search is FocalGridSearchCV:
        theirs = GridSearchCV(model.estimator, model.param_grid, cv=2)
        with sklearn.config_context(enable_metadata_routing=True):
            assert_same_search(model, theirs.fit(*samples, **valid))
