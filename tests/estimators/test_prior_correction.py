"""Probabilities of the data from what was trained on other shares of the classes."""

import pickle
import warnings
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from imblearn import FunctionSampler
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import estimator_checks_generator

from focalsk import FocalGridSearchCV, FocalNetClassifier, PriorCorrectedClassifier
from focalsk.estimators._prior_correction import shift_prior

CONVERGED = {"C": np.inf, "tol": 1e-10, "max_iter": 1000}
X, Y = make_classification(
    400, n_classes=3, n_informative=4, weights=[0.7, 0.2], class_sep=0.7, random_state=0
)
Y = np.array(["a", "b", "c"])[Y]
COUNTS = np.unique(Y, return_counts=True)[1]
PRIOR = COUNTS / len(Y)
BINARY = np.where(Y == "a", 0, 1)


def unlike(prior):
    return not np.allclose(prior, PRIOR, atol=0.03)


# The formula -------------------------------------------------------------------------------------


def test_formulas_of_elkan_and_saerens():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(2), 50)
    p, b, new = proba[:, 1], 0.5, 0.03
    elkan = new * (p - p * b) / (b - p * b + new * p - b * new)
    np.testing.assert_allclose(shift_prior(proba, [1 - b, b], [1 - new, new])[:, 1], elkan)
    proba, old, new = (rng.dirichlet(np.ones(4), size) for size in (50, None, None))
    ratio = new / old * proba
    saerens = ratio / ratio.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shift_prior(proba, old, new), saerens)
    np.testing.assert_allclose(shift_prior(saerens, new, old), proba)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_certain_and_impossible_classes(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    proba = np.array([[1, 0, 0], [0, 0, 1], [1, tiny, 0], [0, 1, tiny]], dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for train, target in [
            ([0.5, 0.5, 1e-300], [1e-300, 0.5, 0.5]),
            ([0.5, 0.5, 0], [0.2, 0.3, 0.5]),
            ([0.1, 0.9, 0], [0, 0, 1]),
            ([0.3, 0.3, 0.4], [1, 0, 0]),
        ]:
            found = shift_prior(proba, train, target)
            assert found.dtype == dtype
            assert ((found >= 0) & (found <= 1)).all()
            np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert shift_prior(proba, [0.5, 0.5, 1e-300], [1e-300, 0.5, 0.5])[0, 0] == 1


def test_an_unmoved_prior_changes_no_bit():
    plain = LogisticRegression().fit(X, Y)
    corrected = PriorCorrectedClassifier(LogisticRegression()).fit(X, Y)
    assert (corrected.predict_proba(X) == plain.predict_proba(X)).all()
    np.testing.assert_array_equal(corrected.train_prior_, corrected.target_prior_)


# Exact where it should be ------------------------------------------------------------------------


def cells(n=900, seed=0):
    """Samples in five cells, one column each: a saturated model finds the share in each."""
    rng = np.random.default_rng(seed)
    cell = rng.integers(5, size=n)
    y = (rng.random((n, 1)) > np.array([[0.7, 0.9], [0.85, 0.95], [0.5, 0.8]])[cell % 3]).sum(1)
    shares = np.array([np.bincount(y[cell == c], minlength=3) for c in range(5)], dtype=float)
    return np.eye(5)[cell], y, (shares / shares.sum(axis=1, keepdims=True))[cell]


@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.2, 1: 3.0, 2: 7.0}, {1: 5.0}, None])
@pytest.mark.parametrize(
    "classifier",
    [
        LogisticRegression(fit_intercept=False, **CONVERGED),
        DecisionTreeClassifier(),
        RandomForestClassifier(3, bootstrap=False),
    ],
    ids=lambda c: type(c).__name__,
)
def test_class_weights_are_undone_exactly(classifier, class_weight):
    indicators, y, share = cells()
    weighted = clone(classifier).set_params(class_weight=class_weight)
    corrected = PriorCorrectedClassifier(weighted).fit(indicators, y)
    np.testing.assert_allclose(corrected.predict_proba(indicators), share, atol=1e-6)


def test_sample_weights_that_balance_are_undone():
    indicators, y, share = cells()
    weight = compute_sample_weight("balanced", y)
    plain = LogisticRegression(fit_intercept=False, **CONVERGED)
    for classifier in (plain, make_pipeline(StandardScaler(with_mean=False), plain)):
        corrected = PriorCorrectedClassifier(classifier, target_prior="unweighted")
        corrected.fit(indicators, y, sample_weight=weight)
        np.testing.assert_allclose(corrected.train_prior_, 1 / 3)
        np.testing.assert_allclose(corrected.predict_proba(indicators), share, atol=1e-6)
        kept = clone(corrected).set_params(target_prior=None)  # then they belong to the data
        kept.fit(indicators, y, sample_weight=weight)
        assert (kept.predict_proba(indicators) == kept.estimator_.predict_proba(indicators)).all()


@pytest.mark.parametrize("sampler", [RandomUnderSampler, RandomOverSampler])
def test_resampled_logistic_data_regain_the_truth(sampler):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60_000, 2))
    logit = x @ [1.0, -0.5] - 3
    y = (rng.random(60_000) < 1 / (1 + np.exp(-logit))).astype(int)
    pipeline = make_sampling_pipeline(sampler(random_state=0), LogisticRegression(**CONVERGED))
    corrected = PriorCorrectedClassifier(pipeline).fit(x, y)
    truth = 1 / (1 + np.exp(-logit))
    assert abs(corrected.predict_proba(x)[:, 1] - truth).mean() < 0.004
    assert abs(pipeline.fit(x, y).predict_proba(x)[:, 1] - truth).mean() > 0.2


def test_it_shifts_the_intercept_of_a_logistic_regression():
    balanced = LogisticRegression(class_weight="balanced").fit(X, BINARY)
    corrected = PriorCorrectedClassifier(clone(balanced)).fit(X, BINARY)
    balanced.intercept_ += np.log(BINARY.mean() / (1 - BINARY.mean()))  # King & Zeng 2001
    np.testing.assert_allclose(corrected.predict_proba(X), balanced.predict_proba(X))


# Which prior was learned -------------------------------------------------------------------------

UNDER = RandomUnderSampler(random_state=0)
LOGISTIC = LogisticRegression()
BALANCED = LogisticRegression(class_weight="balanced")
UNIFORM = np.full(3, 1 / 3)
PIPELINE = make_sampling_pipeline(StandardScaler(), UNDER, LOGISTIC)
FEW = RandomUnderSampler(sampling_strategy={"a": 50}, random_state=0)
AFTER_FEW = np.array([50, *COUNTS[1:]]) / (50 + COUNTS[1:].sum())
LEARNED = {
    "sampler": (PIPELINE, UNIFORM),
    "some of one class": (make_sampling_pipeline(FEW, LOGISTIC), AFTER_FEW),
    "samplers": (
        make_sampling_pipeline(FEW, TomekLinks(sampling_strategy=[]), LOGISTIC),
        AFTER_FEW,
    ),
    "SMOTE": (make_sampling_pipeline(SMOTE(random_state=0), LOGISTIC), UNIFORM),
    "sampler and weights": (
        make_sampling_pipeline(UNDER, LogisticRegression(class_weight={"c": 2})),
        [0.25, 0.25, 0.5],
    ),
    "nested": (make_pipeline(StandardScaler(), PIPELINE), UNIFORM),
    "nested the other way": (make_sampling_pipeline(FEW, make_pipeline(LOGISTIC)), AFTER_FEW),
    "no sampler": (SamplingPipeline([("sampler", None), ("classifier", BALANCED)]), UNIFORM),
    "search": (GridSearchCV(PIPELINE, {"logisticregression__C": [0.1, 1]}, cv=2), UNIFORM),
    "search of samplers": (
        GridSearchCV(PIPELINE, {"randomundersampler": [FEW]}, cv=2),
        AFTER_FEW,
    ),
    "search of weights": (GridSearchCV(LOGISTIC, {"class_weight": ["balanced"]}, cv=2), UNIFORM),
    "stacked search": (
        FocalGridSearchCV(
            make_sampling_pipeline(UNDER, FocalNetClassifier((3,), max_epochs=2)),
            {"focalnetclassifier__gamma": [0, 1]},
            cv=2,
        ),
        UNIFORM,
    ),
    "search in a pipeline": (
        make_sampling_pipeline(UNDER, GridSearchCV(LOGISTIC, {"C": [1]}, cv=2)),
        UNIFORM,
    ),
    "calibrated": (CalibratedClassifierCV(PIPELINE, cv=2), PRIOR),
    "calibrated after resampling": (
        make_sampling_pipeline(UNDER, CalibratedClassifierCV(LOGISTIC, cv=2)),
        UNIFORM,
    ),
    "corrected": (PriorCorrectedClassifier(PIPELINE), PRIOR),
    "voting": (
        VotingClassifier([("p", PIPELINE), ("l", LOGISTIC), ("b", "drop")], voting="soft"),
        (UNIFORM + PRIOR) / 2,
    ),
    "weighted voting": (
        VotingClassifier(
            [("p", PIPELINE), ("b", "drop"), ("l", LOGISTIC)], voting="soft", weights=[3, 5, 1]
        ),
        (3 * UNIFORM + PRIOR) / 4,
    ),
    "stacking": (StackingClassifier([("p", PIPELINE)], BALANCED, cv=2), UNIFORM),
    "stacking on weighted members": (StackingClassifier([("p", PIPELINE)], LOGISTIC, cv=2), PRIOR),
    "bagging": (BaggingClassifier(PIPELINE, 3, random_state=0), UNIFORM),
    "forest": (RandomForestClassifier(3, class_weight="balanced"), UNIFORM),
    "forest of subsamples": (RandomForestClassifier(3, class_weight="balanced_subsample"), UNIFORM),
    "boosting": (HistGradientBoostingClassifier(max_iter=2, class_weight="balanced"), UNIFORM),
    "balanced forest": (BalancedRandomForestClassifier(3, random_state=0), UNIFORM),
    "balanced and weighted forest": (
        BalancedRandomForestClassifier(3, random_state=0, class_weight="balanced"),
        1 / PRIOR / (1 / PRIOR).sum(),
    ),
    "weighted in each subsample": (
        BalancedRandomForestClassifier(
            3, random_state=0, class_weight="balanced_subsample", sampling_strategy={"a": 50}
        ),
        UNIFORM,
    ),
    "forest of few": (
        BalancedRandomForestClassifier(3, random_state=0, sampling_strategy={"a": 50}),
        AFTER_FEW,
    ),
    "balanced bagging": (BalancedBaggingClassifier(n_estimators=3, random_state=0), UNIFORM),
    "balanced bagging of weighted": (
        BalancedBaggingClassifier(
            DecisionTreeClassifier(class_weight={2: 2}), n_estimators=3, random_state=0
        ),
        [0.25, 0.25, 0.5],
    ),
    "easy ensemble": (
        EasyEnsembleClassifier(2, AdaBoostClassifier(n_estimators=2), random_state=0),
        UNIFORM,
    ),
    "rus-boost": (RUSBoostClassifier(n_estimators=2, random_state=0), UNIFORM),
    "discriminant analysis": (LinearDiscriminantAnalysis(priors=[0.2, 0.2, 0.6]), [0.2, 0.2, 0.6]),
    "naive Bayes": (GaussianNB(priors=[0.2, 0.2, 0.6]), [0.2, 0.2, 0.6]),
    "focal": (FocalNetClassifier((3,), max_epochs=2, class_weight="balanced"), PRIOR),
    "focal, weighted": (
        FocalNetClassifier((3,), max_epochs=2, class_weight="balanced", proba="weighted"),
        UNIFORM,
    ),
}


@pytest.mark.parametrize("name", LEARNED)
def test_learned_prior_is_read_off(name):
    estimator, expected = LEARNED[name]
    corrected = PriorCorrectedClassifier(estimator).fit(X, Y)
    np.testing.assert_allclose(corrected.train_prior_, expected, rtol=1e-6)
    np.testing.assert_allclose(corrected.target_prior_, PRIOR)
    proba = corrected.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    if not unlike(expected):
        assert (proba == corrected.estimator_.predict_proba(X)).all()
    assert "_class_counter" not in repr(corrected.estimator_.__dict__)


@pytest.mark.parametrize("name", ["sampler", "search", "voting", "balanced bagging"])
def test_the_estimator_is_fitted_as_it_is_alone(name):
    estimator, _ = LEARNED[name]
    alone = clone(estimator).fit(X, Y)
    corrected = PriorCorrectedClassifier(estimator).fit(X, Y)
    assert (corrected.estimator_.predict_proba(X) == alone.predict_proba(X)).all()
    assert (corrected.predict(X) == alone.predict(X)).all()
    assert repr(corrected.estimator_) == repr(estimator)
    by_hand = shift_prior(alone.predict_proba(X), corrected.train_prior_, PRIOR)
    assert (corrected.predict_proba(X) == by_hand).all()


@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
@pytest.mark.parametrize("kind", [SVC, NuSVC])
def test_platt_has_put_back_the_prior_already(kind):
    """Weights move the margins of a support vector machine, not the sigmoid over them."""
    nu = {"nu": 0.1} if kind is NuSVC else {}
    machine = kind(probability=True, random_state=0, **nu)
    weight = np.where(BINARY == 1, 5.0, 1.0)
    for svc, weights in (
        (clone(machine).set_params(class_weight="balanced"), None),
        (machine, weight),
    ):
        corrected = PriorCorrectedClassifier(svc, target_prior="unweighted")
        corrected.fit(X, BINARY, sample_weight=weights)
        np.testing.assert_allclose(corrected.train_prior_, [1 - BINARY.mean(), BINARY.mean()])
        raw = corrected.estimator_.predict_proba(X)
        assert abs(raw[:, 1].mean() - BINARY.mean()) < 0.05
        assert (corrected.predict_proba(X) == raw).all()
    sampled = PriorCorrectedClassifier(make_sampling_pipeline(UNDER, machine)).fit(X, BINARY)
    np.testing.assert_allclose(sampled.train_prior_, [0.5, 0.5])


def test_adasyn_is_counted_not_assumed():
    """It draws about as many samples as it aims at, not as many."""
    pipeline = make_sampling_pipeline(ADASYN(random_state=0), LOGISTIC)
    _, resampled = ADASYN(random_state=0).fit_resample(X, Y)
    expected = np.unique(resampled, return_counts=True)[1] / len(resampled)
    np.testing.assert_allclose(PriorCorrectedClassifier(pipeline).fit(X, Y).train_prior_, expected)
    assert not np.allclose(expected, UNIFORM, atol=1e-4)


def test_thresholds_are_looked_through():
    binary = make_sampling_pipeline(UNDER, LOGISTIC)
    for around in (
        FixedThresholdClassifier(binary, threshold=0.3),
        TunedThresholdClassifierCV(binary, cv=2),
    ):
        corrected = PriorCorrectedClassifier(around).fit(X, BINARY)
        np.testing.assert_allclose(corrected.train_prior_, 0.5)
        assert (corrected.predict(X) == around.fit(X, BINARY).predict(X)).all()
    tuned = TunedThresholdClassifierCV(PriorCorrectedClassifier(binary), cv=2).fit(X, BINARY)
    assert set(tuned.predict(X)) == {0, 1}


def test_weights_of_naive_bayes_without_a_prior():
    counts = np.abs(X).round()
    corrected = PriorCorrectedClassifier(MultinomialNB(fit_prior=False)).fit(counts, Y)
    np.testing.assert_allclose(corrected.train_prior_, UNIFORM)
    fitted = MultinomialNB().fit(counts, Y)
    np.testing.assert_allclose(corrected.predict_proba(counts), fitted.predict_proba(counts))


class Weighted(ClassifierMixin, BaseEstimator):
    """Stands for other libraries' classifiers, which name their weights differently."""

    def __init__(self, scale_pos_weight=1, is_unbalance=False, **others):
        self.scale_pos_weight = scale_pos_weight
        self.is_unbalance = is_unbalance
        self.others = others

    def get_params(self, deep=True):
        own = {"scale_pos_weight": self.scale_pos_weight, "is_unbalance": self.is_unbalance}
        return own | self.others

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


@pytest.mark.parametrize(
    ("params", "weight"),
    [
        ({}, 1),
        ({"scale_pos_weight": 4.0}, 4),
        ({"is_unbalance": True}, "balanced"),
        ({"class_weights": [1.0, 5.0]}, 5),
        ({"class_weights": {0: 2.0, 1: 5.0}}, 2.5),
        ({"auto_class_weights": "None"}, 1),
        ({"auto_class_weights": "Balanced"}, "balanced"),
        ({"auto_class_weights": "SqrtBalanced"}, "sqrt"),
    ],
)
def test_other_libraries_names_of_class_weights(params, weight):
    p = BINARY.mean()
    odds = p / (1 - p) * {"balanced": (1 - p) / p, "sqrt": ((1 - p) / p) ** 0.5}.get(weight, weight)
    corrected = PriorCorrectedClassifier(Weighted(**params)).fit(X, BINARY)
    np.testing.assert_allclose(corrected.train_prior_[1], odds / (1 + odds))


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (OneVsRestClassifier(BALANCED), "what the members of OneVsRestClassifier were trained on"),
        (AdaBoostClassifier(DecisionTreeClassifier(class_weight="balanced")), "AdaBoostClassifier"),
        (FrozenEstimator(LogisticRegression().fit(X, Y)), "FrozenEstimator"),
        (
            BalancedBaggingClassifier(sampler=SMOTE(random_state=0), random_state=0),
            "the sampler 'sampler', SMOTE",
        ),
    ],
)
def test_what_cannot_be_seen_is_asked_for(estimator, message):
    with pytest.raises(ValueError, match=rf"'train_prior' parameter .* cannot see .*{message}"):
        PriorCorrectedClassifier(estimator).fit(X, Y)
    corrected = PriorCorrectedClassifier(estimator, train_prior=[1, 1, 1]).fit(X, Y)
    np.testing.assert_allclose(corrected.train_prior_, UNIFORM)


def test_members_that_move_nothing_are_none_to_ask_about():
    corrected = PriorCorrectedClassifier(OneVsRestClassifier(LOGISTIC)).fit(X, Y)
    np.testing.assert_allclose(corrected.train_prior_, PRIOR)


def test_a_class_that_the_sampler_left_out():
    def without_c(X, y):
        keep = y != "c"
        return X[keep], y[keep]

    sampler = FunctionSampler(func=without_c, validate=False)
    corrected = PriorCorrectedClassifier(make_sampling_pipeline(sampler, LOGISTIC)).fit(X, Y)
    assert list(corrected.classes_) == ["a", "b", "c"]
    assert corrected.train_prior_[2] == 0
    proba = corrected.predict_proba(X)
    assert proba.shape == (len(X), 3)
    assert not proba[:, 2].any()
    np.testing.assert_allclose(proba.sum(axis=1), 1)


# Parameters --------------------------------------------------------------------------------------


def test_priors_of_ones_own():
    by_name = {"b": 1, "c": 2, "a": 1}
    for prior in ([1, 1, 2], [0.25, 0.25, 0.5], by_name):
        corrected = PriorCorrectedClassifier(LOGISTIC, train_prior=PRIOR, target_prior=prior)
        corrected.fit(X, Y)
        np.testing.assert_allclose(corrected.target_prior_, [0.25, 0.25, 0.5])
        expected = shift_prior(LOGISTIC.fit(X, Y).predict_proba(X), PRIOR, [1, 1, 2])
        np.testing.assert_allclose(corrected.predict_proba(X), expected)


def test_decisions():
    corrected = PriorCorrectedClassifier(PIPELINE).fit(X, Y)
    assert (corrected.predict(X) == corrected.estimator_.predict(X)).all()
    before = corrected.predict_proba(X)
    corrected.set_params(decision="posterior")
    assert (corrected.predict(X) == corrected.classes_[before.argmax(axis=1)]).all()
    assert (corrected.predict(X) != corrected.estimator_.predict(X)).any()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"train_prior": [0.5, 0.5]}, "'train_prior' .* one number per class, here 3"),
        ({"target_prior": [0.5, 0.6, -0.1]}, "'target_prior' .* none of them negative"),
        ({"target_prior": [0, 0, 0]}, "not all of them 0"),
        ({"target_prior": [np.nan, 0, 1]}, "'target_prior' .* one number per class"),
        ({"train_prior": {"a": 1, "b": 2}}, r"classes \['a', 'b', 'c'\] for its keys"),
        ({"train_prior": "balanced"}, "'train_prior' parameter .* must be a str among {'auto'}"),
        ({"decision": "balanced"}, "'decision' parameter"),
        ({"estimator": LinearSVC()}, "'estimator' parameter .* 'fit' and 'predict_proba'"),
    ],
)
def test_what_is_wrong_is_refused(params, message):
    with pytest.raises(ValueError, match=message):
        PriorCorrectedClassifier(LOGISTIC).set_params(**params).fit(X, Y)


def test_labels_are_refused():
    with pytest.raises(ValueError, match="1d array"):
        PriorCorrectedClassifier(LOGISTIC).fit(X, np.stack([BINARY, BINARY], axis=1))


def test_weights_cannot_pass_samplers():
    with pytest.raises(ValueError, match="cannot pass a sampler"):
        PriorCorrectedClassifier(PIPELINE).fit(X, Y, sample_weight=np.ones(len(Y)))


# In the company of scikit-learn ------------------------------------------------------------------

CHECKED = [
    PriorCorrectedClassifier(LogisticRegression()),
    PriorCorrectedClassifier(LogisticRegression(), decision="posterior"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "check"),
    [pair for estimator in CHECKED for pair in estimator_checks_generator(estimator)],
)
def test_check(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        pytest.fail(f"skipped: {reason}")


def test_metadata_are_routed():
    weight = compute_sample_weight("balanced", Y)
    expected = PriorCorrectedClassifier(LOGISTIC, target_prior="unweighted")
    expected.fit(X, Y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        asking = LogisticRegression().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        for inner in (asking, make_pipeline(scaler, asking)):
            corrected = PriorCorrectedClassifier(inner, target_prior="unweighted")
            corrected.fit(X, Y, sample_weight=weight)
            np.testing.assert_allclose(corrected.train_prior_, UNIFORM)
        named = LogisticRegression().set_fit_request(sample_weight="balance")
        corrected = PriorCorrectedClassifier(named).fit(X, Y, balance=weight)
        np.testing.assert_allclose(corrected.predict_proba(X), expected.predict_proba(X))
        deaf = LogisticRegression().set_fit_request(sample_weight=False)
        corrected = PriorCorrectedClassifier(deaf).fit(X, Y, sample_weight=weight)
        np.testing.assert_allclose(corrected.train_prior_, PRIOR)
        np.testing.assert_allclose(corrected.target_prior_, UNIFORM)
        sampled = PriorCorrectedClassifier(PIPELINE).fit(X, Y)
        np.testing.assert_allclose(sampled.train_prior_, UNIFORM)


@pytest.mark.filterwarnings("ignore:Persisting input arguments took")  # by joblib's clock
def test_frames_keep_their_names_and_copies_their_fit(tmp_path):
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    target = pd.Series(Y, index=range(100, 100 + len(Y)))
    pipeline = clone(PIPELINE).set_params(memory=str(tmp_path))
    corrected = PriorCorrectedClassifier(pipeline).fit(frame, target)
    assert list(corrected.feature_names_in_) == list(frame)
    again = PriorCorrectedClassifier(pipeline).fit(frame, target)  # steps come from the cache
    for other in (
        again,
        pickle.loads(pickle.dumps(corrected)),
        clone(corrected).fit(frame, target),
    ):
        assert (other.predict_proba(frame) == corrected.predict_proba(frame)).all()
        np.testing.assert_allclose(other.train_prior_, UNIFORM)


def test_it_is_searched_like_any_other():
    grid = {"estimator__logisticregression__C": [0.1, 1], "decision": ["estimator", "posterior"]}
    search = GridSearchCV(PriorCorrectedClassifier(PIPELINE), grid, cv=2, n_jobs=1).fit(X, Y)
    assert search.best_estimator_.predict_proba(X).shape == (len(X), 3)
