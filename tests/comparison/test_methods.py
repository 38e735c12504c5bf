"""Methods: one network in every neural one, steps in the right order, names that mean something."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from focalsk import FocalEnsembleClassifier, FocalGridSearchCV, FocalNetClassifier
from focalsk.comparison._compare import make_context
from focalsk.comparison._methods import METHODS, QUICK, make_methods

NETWORK = FocalNetClassifier((7,), max_epochs=3, gamma=4.0, alpha="sqrt", lr=0.02)
LOSS = ["alpha", "class_weight", "gamma", "proba"]


def context(X=None, n_classes=2, **params):
    X = np.zeros((4, 3)) if X is None else X
    defaults = {"preprocessor": None, "scoring": "average_precision", "random_state": 5}
    return make_context(X, n_classes=n_classes, estimator=NETWORK, **(defaults | params))


def nets_of(estimator):
    values = estimator.get_params(deep=True).values()
    return [value for value in values if isinstance(value, FocalNetClassifier)]


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    y = (rng.random(120) < 0.25).astype(int)
    X = pd.DataFrame({"size": rng.normal(y), "color": rng.choice(["red", "blue", None], 120)})
    X.loc[::9, "size"] = np.nan
    return X, y


WRAPPED = {"balanced-rf-corrected": "balanced-random-forest"}

# The network ------------------------------------------------------------------------------------


def test_every_neural_method_has_the_same_network():
    methods = make_methods("default", context())
    shared = clone(NETWORK).set_params(random_state=5).get_params()
    neural = {name: nets_of(method) for name, method in methods.items() if nets_of(method)}
    families = {METHODS[name].family for name in neural}
    assert families == {"loss", "decision", "resampling"}
    for name in set(methods) - set(neural):
        assert METHODS[WRAPPED.get(name, name)].family in ("ensemble", "boosting")
    for nets in neural.values():
        for net in nets:
            params = net.get_params()
            assert all(params[k] == v for k, v in shared.items() if k not in LOSS)


def test_only_the_loss_methods_have_a_loss_of_their_own():
    methods = make_methods("default", context())
    plain = {"gamma": 0.0, "alpha": None, "class_weight": None, "proba": "posterior"}
    for name, method in methods.items():
        for net in nets_of(method):
            given = {key: net.get_params()[key] for key in LOSS}
            assert (given == plain) == (
                name not in ("cross-entropy-balanced", "focal-balanced", "focal-balanced-raw")
            )


def test_whatever_takes_a_seed_has_it():
    for name, method in make_methods("default", context()).items():
        seeds = {key: v for key, v in method.get_params().items() if key.endswith("random_state")}
        inner = ("estimator__estimator", "sampler__smote__", "sampler__enn__", "sampler__tomek__")
        outer = {k: v for k, v in seeds.items() if not any(part in k for part in inner)}
        if name != "near-miss":  # has none beyond the network's
            assert outer
        assert set(outer.values()) == {5}, name


# The steps --------------------------------------------------------------------------------------


def test_samplers_come_after_the_preprocessing():
    method = make_methods(["smote"], context())["smote"]
    assert isinstance(method, SamplingPipeline)
    assert [name for name, _ in method.steps][-2:] == ["sampler", "classifier"]
    assert isinstance(method[-3], StandardScaler)
    assert type(method["sampler"]) is SMOTE


def test_categories_are_resampled_as_categories(mixed):
    X, y = mixed
    method = make_methods(["smote"], context(X))["smote"]
    names = [name for name, _ in method.steps]
    assert names[:2] == ["clean", "sampler"]
    assert "preprocess" in names[2:]
    assert type(method["sampler"]) is SMOTENC
    resampled, balanced = method[:2].fit_resample(X, y)
    assert np.bincount(balanced)[0] == np.bincount(balanced)[1]
    assert set(resampled["color"]) <= {*X["color"].dropna(), "missing"}
    assert np.isfinite(method.fit(X, y).predict_proba(X)).all()


def test_categories_alone_are_resampled_by_their_own_method(mixed):
    X, y = mixed
    X = X[["color"]].assign(shape=np.where(X["size"] > 0, "round", "square"))
    method = make_methods(["smote"], context(X))["smote"]
    assert type(method["sampler"]) is SMOTEN
    assert np.isfinite(method.fit(X, y).predict_proba(X)).all()


@pytest.mark.parametrize("columns", [["size"], ["color"]])
def test_samplers_fit_a_frame_of_one_sort(mixed, columns):
    X, y = mixed
    for method in make_methods(
        ["random-over", "smote"], context(X[columns].assign(more=y))
    ).values():
        assert np.isfinite(
            method.fit(X[columns].assign(more=y), y).predict_proba(X.assign(more=0))
        ).all()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_fits_a_mixed_frame(mixed, name):
    if METHODS[name].needs:
        pytest.skip(f"needs {METHODS[name].needs}")
    X, y = mixed
    method = make_methods([name], context(X))[name].fit(X, y)
    proba = method.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert set(method.predict(X)) <= {0, 1}


@pytest.mark.parametrize("name", [name for name in METHODS if name.endswith("-corrected")])
def test_corrected_methods_keep_decisions_and_regain_the_prior(mixed, name):
    X, y = mixed
    plain, corrected = (
        make_methods([each], context(X))[each].fit(X, y)
        for each in (WRAPPED.get(name, name.removesuffix("-corrected")), name)
    )
    assert (corrected.predict(X) == plain.predict(X)).all()
    np.testing.assert_allclose(corrected.train_prior_, [0.5, 0.5])
    np.testing.assert_allclose(corrected.target_prior_, [1 - y.mean(), y.mean()])
    given, wanted = plain.predict_proba(X)[:, 1].mean(), corrected.predict_proba(X)[:, 1].mean()
    assert abs(wanted - y.mean()) < abs(given - y.mean())


def test_preprocessor_of_ones_own_takes_the_place():
    methods = make_methods(["cross-entropy", "smote"], context(preprocessor=MinMaxScaler()))
    assert all(type(method["preprocess"]) is MinMaxScaler for method in methods.values())
    chain = make_pipeline(StandardScaler(), MinMaxScaler())
    methods = make_methods(["cross-entropy", "smote"], context(preprocessor=chain))
    for method in methods.values():
        assert [name for name, _ in method.steps][:2] == ["standardscaler", "minmaxscaler"]


def test_ensemble_takes_columns_as_they_are(mixed):
    X, _ = mixed
    (step,) = make_methods(["focal-ensemble"], context(X))["focal-ensemble"].steps
    assert step[0] == "classifier"
    assert isinstance(step[1], FocalEnsembleClassifier)
    own = {"mine": (FocalEnsembleClassifier(), {"classifier__n_estimators": [2, 4]})}
    assert len(make_methods(own, context(X))["mine"].estimator.steps) == 1


def test_ensemble_comes_after_a_preprocessor_of_ones_own():
    ensemble = make_methods(["focal-ensemble"], context(preprocessor=MinMaxScaler()))
    assert type(ensemble["focal-ensemble"]["preprocess"]) is MinMaxScaler


def test_searches_are_stacked_and_seek_what_ranks():
    methods = make_methods(["focal", "focal-alpha"], context(scoring="f1_macro"))
    for method in methods.values():
        assert isinstance(method, FocalGridSearchCV)
        assert method.scoring == "f1_macro"
    assert 0 not in methods["focal"].param_grid["classifier__gamma"]
    assert None in methods["focal-alpha"].param_grid["classifier__alpha"]


# Choosing ---------------------------------------------------------------------------------------


def test_names_choose():
    available = [name for name, method in METHODS.items() if not method.needs]
    assert list(make_methods("default", context())) == available
    assert list(make_methods("quick", context())) == QUICK
    assert list(make_methods(["smote", "focal"], context())) == ["smote", "focal"]
    assert "threshold" not in make_methods("default", context(n_classes=3))
    assert "threshold" not in make_methods("quick", context(n_classes=3))


def test_a_method_that_a_library_is_too_old_for_says_so(monkeypatch):
    old = dataclasses.replace(METHODS["temperature"], needs="scikit-learn 1.8 or newer")
    monkeypatch.setitem(METHODS, "temperature", old)
    assert "temperature" not in make_methods("default", context())
    with pytest.raises(ValueError, match=r"'temperature' needs scikit-learn 1\.8 or newer\."):
        make_methods(["temperature"], context())


def test_methods_of_ones_own():
    own = [
        ("sampler", SMOTE(k_neighbors=2)),
        ("estimator", LogisticRegression()),
        ("pipeline", make_pipeline(MinMaxScaler(), LogisticRegression())),
        ("grid", (SMOTE(), {"sampler__k_neighbors": [1, 2]})),
        ("other grid", (LogisticRegression(), {"classifier__C": [1, 10]})),
    ]
    methods = make_methods(["focal", *own], context())
    assert list(methods) == ["focal", *(name for name, _ in own)]
    assert methods["sampler"]["sampler"].k_neighbors == 2
    assert methods["sampler"]["classifier"].gamma == 0
    assert isinstance(methods["estimator"]["classifier"], LogisticRegression)
    assert isinstance(methods["estimator"][-2], StandardScaler)
    assert [name for name, _ in methods["pipeline"].steps] == ["minmaxscaler", "logisticregression"]
    assert type(methods["grid"]) is FocalGridSearchCV
    assert type(methods["other grid"]) is GridSearchCV
    assert list(make_methods(dict(own), context())) == [name for name, _ in own]


def test_own_methods_are_seeded_and_stay_as_they_were():
    for step, own in [("sampler", SMOTE()), ("classifier", FocalNetClassifier())]:
        assert make_methods([("mine", own)], context())["mine"][step].random_state == 5
        assert own.random_state is None
        own.set_params(random_state=8)
        assert make_methods([("mine", own)], context())["mine"][step].random_state == 8


@pytest.mark.parametrize(
    ("methods", "error", "message"),
    [
        (["smoke"], ValueError, "methods must be among 'default', 'quick', .* Got 'smoke' instead"),
        ([], ValueError, "methods must name at least one method"),
        (["smote", "smote"], ValueError, "Got 'smote' twice"),
        ([("mine", StandardScaler())], TypeError, "'mine' must be a classifier, a sampler, or"),
    ],
)
def test_what_is_wrong_is_refused(methods, error, message):
    with pytest.raises(error, match=message):
        make_methods(methods, context())


def test_method_for_two_classes_is_refused_with_three():
    with pytest.raises(ValueError, match=r"'threshold' knows two classes only\. Got 3 classes"):
        make_methods(["threshold"], context(n_classes=3))
