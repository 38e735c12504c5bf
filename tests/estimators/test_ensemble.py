"""The ensemble: its members alone, what they say of data unseen, and decisions from that."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    TunedThresholdClassifierCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import Subset

from focalsk import FocalEnsembleClassifier, FocalGridSearchCV, FocalNet
from focalsk.estimators._members import train_members
from focalsk.nets import ArrayDataset, BestEpoch

X, Y = make_classification(
    240, 6, n_informative=4, weights=[0.8], flip_y=0.05, class_sep=0.7, random_state=0
)
X3, Y3 = make_classification(
    240, 6, n_informative=4, n_classes=3, weights=[0.7, 0.2], flip_y=0.05, random_state=1
)
NAMES = np.array(["common", "rare", "none"])[Y3]
LABELS = make_multilabel_classification(240, 6, n_classes=3, random_state=0)
FAST = {"n_estimators": 4, "hidden_layer_sizes": (16,), "max_epochs": 12, "random_state": 0}


def make(**params):
    return FocalEnsembleClassifier(**{**FAST, **params})


def members_of(clf, X, y):
    """The members as `fit` makes them."""
    made = []
    clf._train = lambda members: made.extend(members) or train_members(members)
    clf.fit(X, y)
    del clf._train
    return made


# --- Members -------------------------------------------------------------------------------------

PROBLEMS = {
    "two": (X, Y, {}),
    "three": (X3, NAMES, {"gamma": 2.0, "alpha": "balanced"}),
    "dropout": (X, Y, {"dropout": 0.3}),
    "sigmoid": (X3, NAMES, {"output": "sigmoid"}),
    "labels": (*LABELS, {}),
    "no cosines": (X, Y, {"n_cosines": 0, "optimizer": "sgd", "lr": 0.5}),
}


@pytest.mark.parametrize(("X", "y", "params"), PROBLEMS.values(), ids=PROBLEMS)
def test_members_are_the_same_nets_trained_alone(X, y, params):
    clf = make(**{"batch_size": 32, "n_iter_no_change": 2, "max_epochs": 25, "lr": 0.03, **params})
    members = members_of(clf, X, y)
    stack = clf.module_
    assert len(set(clf.n_iter_.tolist())) > 1
    for m, member in enumerate(members):
        train, valid = member.datasets()
        rows = [Subset(part.dataset, part.indices) for part in (train, valid)]
        stopper = BestEpoch(lambda net: -net.history[-1]["valid_loss"], 2, 0.0)
        decay = [("*.bias", {"weight_decay": 0.0})]
        optimizer = {"sgd": torch.optim.SGD}.get(clf.optimizer, torch.optim.AdamW)
        net = FocalNet(
            member.make_module().double(),
            criterion=member.criterion,
            optimizer=optimizer,
            optimizer__weight_decay=clf.weight_decay,
            optimizer__param_groups=decay,
            lr=clf.lr,
            max_epochs=clf.max_epochs,
            batch_size=member.estimator.batch_size,
            random_state=member.seed,
            callbacks=[stopper],
            dtype=torch.float64,
            verbose=0,
        ).initialize()
        net.notify("on_train_begin", X=None, y=None)
        net.fit_loop(rows[0], valid=rows[1])
        net.notify("on_train_end", X=None, y=None)
        assert stopper.n_iter_ == clf.n_iter_[m]
        for layer, weight, bias in zip(
            net.module_.layers, stack.weights, stack.biases, strict=True
        ):
            assert_allclose(weight[m].detach(), layer.weight.detach(), rtol=0, atol=1e-10)
            assert_allclose(bias[m, :, 0].detach(), layer.bias.detach(), rtol=0, atol=1e-10)


def test_each_round_holds_every_sample_out_once():
    members = members_of(make(n_estimators=6, n_folds=3), X3, Y3)
    for turn in (members[:3], members[3:]):
        assert_array_equal(sum(member.held_out.astype(int) for member in turn), 1)
        for member in turn:  # stratified
            assert_allclose(np.bincount(Y3[member.held_out]), np.bincount(Y3) / 3, atol=1.01)
    assert any((members[0].held_out != member.held_out).any() for member in members[3:])


def test_copies_of_a_sample_lie_in_one_fold():
    twice, y = np.vstack([X[:60], X[:60]]), np.tile(Y[:60], 2)
    for member in members_of(make(max_epochs=1), twice, y):
        assert_array_equal(member.held_out[:60], member.held_out[60:])


def test_held_out_posteriors_are_of_nets_that_did_not_see_the_sample():
    rng = np.random.default_rng(0)
    noise, y = rng.normal(size=(200, 8)), rng.integers(0, 2, 200)
    clf = make(max_epochs=60, lr=0.01, n_iter_no_change=60, label_smoothing=0.0).fit(noise, y)
    p = clf.oob_decision_function_[:, 1]
    assert abs(np.corrcoef(p, y)[0, 1]) < 0.25  # nothing to learn, and nothing leaks


# --- The same whatever the circumstances ---------------------------------------------------------


@pytest.mark.slow
def test_same_in_other_processes():
    found = make(n_jobs=2).fit(X, Y).predict_proba(X)
    assert_allclose(found, make().fit(X, Y).predict_proba(X), rtol=1e-9)


def test_same_with_jobs_threads_pickled_and_cloned():
    clf = make().fit(X, Y)
    expected = clf.predict_proba(X)
    with joblib.parallel_config(backend="threading"):
        assert_allclose(make(n_jobs=2).fit(X, Y).predict_proba(X), expected, rtol=1e-9)
    assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), expected)
    assert_array_equal(clone(clf).fit(X, Y).predict_proba(X), expected)
    torch.set_num_threads(2)
    try:
        assert_allclose(make().fit(X, Y).predict_proba(X), expected, rtol=1e-9)
    finally:
        torch.set_num_threads(1)


def test_global_generators_are_left_as_they_were():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    make(dropout=0.2).fit(X, Y)
    assert torch.equal(before[0], torch.get_rng_state())
    assert_array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


def test_order_of_samples_does_not_matter_with_full_batches():
    order = np.random.default_rng(0).permutation(len(X))
    params = {"batch_size": 1000}
    first, second = make(**params).fit(X, Y), make(**params).fit(X[order], Y[order])
    assert_allclose(first.predict_proba(X), second.predict_proba(X), rtol=1e-7)
    assert_allclose(first.oob_decision_function_[order], second.oob_decision_function_, rtol=1e-7)


def test_weights_are_repetitions():
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    params = {"batch_size": 1000}
    weighted = make(**params).fit(X, Y, sample_weight=weight)
    repeated = make(**params).fit(np.repeat(X, weight, axis=0), np.repeat(Y, weight))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-7)
    assert np.isnan(weighted.oob_decision_function_[weight == 0]).all()
    for decision in ("f1_macro", "balanced"):
        a, b = (clf.set_params(decision=decision) for clf in (weighted, repeated))
        assert_allclose(a.decision_.shift, b.decision_.shift)


# --- Groups ---------------------------------------------------------------------------------------

PATIENT = np.random.default_rng(0).permutation(np.arange(len(X)) // 6)  # six visits each


@pytest.mark.parametrize("given", [PATIENT, PATIENT.astype(str), pd.Series(PATIENT, dtype="Int64")])
def test_groups_are_held_out_whole(given):
    clf = make(n_estimators=1, n_folds=4).fit(X, Y, groups=given)
    held_out = pd.Series(np.isfinite(clf.oob_decision_function_).all(axis=1))
    assert held_out.groupby(PATIENT).nunique().eq(1).all()
    assert 40 <= held_out.sum() <= 80
    assert 0 < Y[held_out].mean() < 0.4


def test_samples_alike_in_one_group_tell_nothing_of_each_other():
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(60), 6)
    noise, target = rng.normal(size=(60, 4))[patient], rng.integers(0, 2, 60)[patient]
    noise = noise + 1e-3 * rng.normal(size=noise.shape)  # no copies, which are held out together
    params = {"max_epochs": 60, "lr": 0.01, "label_smoothing": 0.0, "decision": "posterior"}
    share = {}
    for name, groups in {"apart": None, "together": patient}.items():
        clf = make(**params).fit(noise, target, groups=groups)
        share[name] = (clf.oob_decision_function_.argmax(axis=1) == target).mean()
    assert share["apart"] > 0.8
    assert share["together"] < 0.65


def test_order_and_names_of_groups_do_not_matter_where_folds_are_concerned():
    order = np.random.default_rng(1).permutation(len(X))
    first = make(batch_size=1000).fit(X, Y, groups=PATIENT)
    second = make(batch_size=1000).fit(X[order], Y[order], groups=PATIENT[order])
    assert_allclose(first.predict_proba(X), second.predict_proba(X), rtol=1e-7)
    weight = np.ones(len(X))
    weight[:60] = 0
    third = make(batch_size=1000).fit(X, Y, sample_weight=weight, groups=PATIENT)
    fourth = make(batch_size=1000).fit(X[60:], Y[60:], groups=PATIENT[60:])
    assert_allclose(third.predict_proba(X), fourth.predict_proba(X), rtol=1e-7)


def test_groups_of_labels_of_a_table_and_of_a_search():
    frame = pd.DataFrame(X).add_prefix("x").assign(job=np.where(X[:, 0] > 0, "cook", "nurse"))
    assert make(max_epochs=2).fit(frame, Y, groups=PATIENT).n_iter_.max() == 2
    assert make(max_epochs=2).fit(*LABELS, groups=PATIENT).n_iter_.max() == 2
    with sklearn.config_context(enable_metadata_routing=True):
        clf = make(max_epochs=2).set_fit_request(groups=True)
        search = FocalGridSearchCV(clf, {"gamma": [0, 1]}, cv=GroupKFold(3))
        search.fit(X, Y, groups=PATIENT)
        scores = cross_val_score(clf, X, Y, cv=GroupKFold(3), params={"groups": PATIENT})
    assert np.isfinite([*scores, search.best_score_]).all()


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (PATIENT[1:], r"one entry for each of the 240 samples. Got the shape \(239,\)"),
        (np.where(PATIENT > 3, PATIENT, np.nan), "must not be missing. Got 24 that are"),
        (np.zeros(len(X)), "two different entries or more"),
        (np.zeros((len(X), 2)), r"shape \(240, 2\)"),
        ("patient", r"shape \(\)"),
    ],
)
def test_groups_that_cannot_be(groups, message):
    with pytest.raises(ValueError, match=message):
        make().fit(X, Y, groups=groups)


# --- Odd data ------------------------------------------------------------------------------------


def test_rare_classes_are_trained():
    y = np.zeros(120, dtype=int)
    y[:1], y[1:4] = 1, 2
    shifted = np.random.default_rng(0).normal(size=(120, 3)) + 4 * y[:, None]
    clf = make(n_folds=8, n_estimators=8, max_epochs=60, lr=0.01).fit(shifted, y)
    assert_array_equal(clf.classes_, [0, 1, 2])
    balanced = clf.set_params(decision="balanced").predict(shifted)
    assert_array_equal(balanced[:4], y[:4])
    assert np.isfinite(clf.oob_decision_function_).all()


def test_one_member_holds_out_one_fold():
    clf = make(n_estimators=1, n_folds=4).fit(X, Y)
    known = np.isfinite(clf.oob_decision_function_).all(axis=1)
    assert 40 <= known.sum() <= 80
    assert clf.set_params(decision="mcc").decision_.tau is not None


def test_sparse_and_dense_labels_and_weights():
    matrix = sparse.csr_array(np.where(np.abs(X) > 0.5, X, 0.0))
    clf = make().fit(matrix, Y)
    assert_allclose(clf.predict_proba(matrix), clf.predict_proba(sparse.csr_matrix(matrix)))
    data, labels = LABELS
    clf = make(decision="f1_macro").fit(data, sparse.csr_array(labels))
    assert clf.predict(data).shape == clf.predict_proba(data).shape == labels.shape
    assert f1_score(labels, clf.predict(data), average="macro") > 0.5


def test_a_module_of_ones_own():
    class Tanh(nn.Sequential):
        def __init__(self, n_features, n_outputs, width=8):
            super().__init__(nn.Linear(n_features, width), nn.Tanh(), nn.Linear(width, n_outputs))

    clf = make(module=Tanh, module_params={"width": 5}, lr=0.02).fit(X, Y)
    assert clf.predict_proba(X).shape == (240, 2)
    assert clf.score(X, Y) > 0.7


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(6), nn.Dropout(0.5)], ids=repr)
def test_a_module_that_cannot_be_stacked_is_refused(layer):
    def module(n_features, n_outputs):
        return nn.Sequential(layer, nn.Linear(n_features, n_outputs))

    with pytest.raises(ValueError, match=r"side by side, but .*Sequential"):
        make(module=module).fit(X, Y)


# --- Tables --------------------------------------------------------------------------------------


def table(n=300, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n).astype(float),
            "city": rng.choice(["Rome", "Oslo", "Lima"], n),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
        }
    )
    score = frame["age"] / 20 + 2 * (frame["city"] == "Oslo") - frame["since"].dt.day_of_year / 300
    y = np.where(score + rng.normal(size=n) > 4.2, "yes", "no")
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame.loc[rng.random(n) < 0.1, "city"] = None
    return frame, y


def test_tables_go_in_as_they_are():
    frame, y = table()
    clf = make(max_epochs=40).fit(frame[:200], y[:200])
    assert_array_equal(clf.feature_names_in_, frame.columns)
    p = clf.predict_proba(frame[200:])
    assert ((p[:, 1] > 0.5) == (y[200:] == "yes")).mean() > 0.7
    unseen = frame[200:].assign(city="Tokyo")
    assert np.isfinite(clf.predict_proba(unseen)).all()
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(frame.drop(columns="age"))


def test_missing_numbers_are_known_as_missing():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 2))
    gone = rng.random(300) < 0.5
    values[gone, 0] = np.nan
    clf = make(max_epochs=40, lr=0.01).fit(values, gone)
    assert clf.score(values, gone) == 1


# --- Decisions -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    return make(max_epochs=40, lr=3e-3).fit(X3, NAMES)


def test_a_decision_is_tuned_once(fitted):
    tuned = fitted.set_params(decision="f1_macro").decision_
    other = fitted.set_params(decision="mcc").decision_
    assert fitted.set_params(decision="f1_macro").decision_ is tuned
    assert other is not tuned
    copied = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copied.decision_.shift, tuned.shift)
    fitted.set_params(decision="auto")


def test_decisions_change_without_training(fitted):
    p = fitted.predict_proba(X3)
    prior = np.array([np.mean(name == NAMES) for name in fitted.classes_])
    assert_allclose(fitted.class_prior_, prior)
    fitted.set_params(decision="posterior")
    assert_array_equal(fitted.predict(X3), fitted.classes_[p.argmax(axis=1)])
    fitted.set_params(decision="balanced")
    assert_array_equal(fitted.predict(X3), fitted.classes_[(p / prior).argmax(axis=1)])
    costs = np.array([[0, 1, 2], [10, 0, 1], [3, 4, 0.0]])
    fitted.set_params(decision=costs)
    assert_array_equal(fitted.predict(X3), fitted.classes_[(p @ costs).argmin(axis=1)])
    fitted.set_params(decision="auto")
    assert_array_equal(fitted.predict(X3), fitted.classes_[p.argmax(axis=1)])
    assert_array_equal(fitted.predict_proba(X3), p)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1_macro", "mcc", "accuracy"])
def test_a_metric_is_tuned_on_held_out_posteriors(fitted, metric):
    decision = fitted.set_params(decision=metric).decision_
    assert decision.metric == metric
    assert len(decision.taus) == len(decision.curve)
    assert decision.tau == decision.taus[decision.curve.argmax()]
    assert_allclose(decision.shift, -decision.tau * np.log(fitted.class_prior_))
    if metric == "balanced_accuracy":
        assert decision.tau > 0.2
        plain = fitted.classes_[fitted.oob_decision_function_.argmax(axis=1)]
        scores = decision.scores(fitted.oob_decision_function_)
        tuned = fitted.classes_[scores.argmax(axis=1)]
        assert balanced_accuracy_score(NAMES, tuned) > balanced_accuracy_score(NAMES, plain)


def test_recall_at_a_precision_and_back():
    clf = make(max_epochs=40, lr=3e-3).fit(X, Y)
    held_out = clf.oob_decision_function_[:, 1]
    for name, least in (("precision", 0.8), ("recall", 0.9)):
        decision = clf.set_params(decision=(name, least)).decision_
        decided = decision.scores(clf.oob_decision_function_) > 0
        (_, fp), (fn, tp) = confusion_matrix(Y, decided)
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        assert (precision if name == "precision" else recall) >= least
        others = [confusion_matrix(Y, held_out >= t).ravel().tolist() for t in np.unique(held_out)]
        if name == "precision":
            best = max(tp / (tp + fn) for _, fp, fn, tp in others if tp / (tp + fp) >= least)
            assert recall == best
        else:
            best = max(tp / (tp + fp) for _, fp, fn, tp in others if tp / (tp + fn) >= least)
            assert precision == best


def test_class_weights_decide():
    plain = make().fit(X3, NAMES)
    balanced = make(class_weight="balanced").fit(X3, NAMES)
    assert_array_equal(plain.predict_proba(X3), balanced.predict_proba(X3))
    assert_array_equal(balanced.predict(X3), plain.set_params(decision="balanced").predict(X3))
    weights = {"common": 1.0, "none": 5.0, "rare": 2.0}
    weighted = make(class_weight=weights).fit(X3, NAMES)
    shifted = plain.predict_proba(X3) * [weights[name] for name in plain.classes_]
    assert_array_equal(weighted.predict(X3), plain.classes_[shifted.argmax(axis=1)])


REFUSED = {
    "decision": ("f3", "decision"),
    "shape of costs": (np.zeros((2, 2)), r"shape \(3, 3\)"),
    "pair": (("precision", 0.5), "two classes"),
}


@pytest.mark.parametrize(("decision", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_decisions(decision, message):
    with pytest.raises(ValueError, match=message):
        make(decision=decision, max_epochs=1).fit(X3, NAMES).predict(X3)


# --- Company -------------------------------------------------------------------------------------


def test_thresholds_pipelines_and_searches():
    tuned = TunedThresholdClassifierCV(make(max_epochs=5), cv=2).fit(X, Y)
    assert set(tuned.predict(X)) <= {0, 1}
    fixed = FixedThresholdClassifier(make(max_epochs=5), threshold=0.2).fit(X, Y)
    assert fixed.predict(X).mean() > Y.mean() / 2
    pipeline = make_pipeline(StandardScaler(), make(max_epochs=5))
    assert cross_val_score(pipeline, X, Y, cv=2, scoring="average_precision").min() > 0.2
    search = GridSearchCV(make(max_epochs=3), {"label_smoothing": [0.0, 0.1]}, cv=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_verbose_shows_epochs(capsys):
    make(verbose=True, max_epochs=3).fit(X, Y)
    assert "3/3" in capsys.readouterr().err
    make(max_epochs=3).fit(X, Y)
    assert capsys.readouterr() == ("", "")


def test_datasets_share_the_samples():
    members = members_of(make(max_epochs=1), X, Y)
    arrays = {id(part.dataset.X.untyped_storage()) for m in members for part in m.datasets()}
    pointers = {part.dataset.X.data_ptr() for m in members for part in m.datasets()}
    assert len(pointers) == 1, arrays
    assert all(isinstance(part.dataset, ArrayDataset) for m in members for part in m.datasets())
