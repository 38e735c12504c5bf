"""Arms: one network in every neural method, steps in the right order, names that mean something."""

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

from focalsk import FocalGridSearchCV, FocalNetClassifier
from focalsk.comparison._compare import make_kit
from focalsk.comparison._methods import ARMS, QUICK, make_arms

NETWORK = FocalNetClassifier((7,), max_epochs=3, gamma=4.0, alpha="sqrt", lr=0.02)
LOSS = ["alpha", "class_weight", "gamma", "proba"]


def kit(X=None, n_classes=2, **params):
    X = np.zeros((4, 3)) if X is None else X
    defaults = {"preprocessor": None, "scoring": "average_precision", "random_state": 5}
    return make_kit(X, n_classes=n_classes, estimator=NETWORK, **(defaults | params))


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


# The network ------------------------------------------------------------------------------------


def test_every_neural_arm_has_the_same_network():
    arms = make_arms("default", kit())
    shared = clone(NETWORK).set_params(random_state=5).get_params()
    neural = {name: nets_of(arm) for name, arm in arms.items() if nets_of(arm)}
    families = {ARMS[name].family for name in neural}
    assert families == {"loss", "decision", "resampling"}
    for name in set(arms) - set(neural):
        family = ARMS[name.removesuffix("-corrected")].family
        assert family in ("ensemble", "boosting")
    for nets in neural.values():
        for net in nets:
            params = net.get_params()
            assert all(params[k] == v for k, v in shared.items() if k not in LOSS)


def test_only_the_loss_arms_have_a_loss_of_their_own():
    arms = make_arms("default", kit())
    plain = {"gamma": 0.0, "alpha": None, "class_weight": None, "proba": "posterior"}
    for name, arm in arms.items():
        for net in nets_of(arm):
            given = {key: net.get_params()[key] for key in LOSS}
            assert (given == plain) == (
                name not in ("cross-entropy-balanced", "focal-balanced", "focal-balanced-raw")
            )


def test_whatever_takes_a_seed_has_it():
    for name, arm in make_arms("default", kit()).items():
        seeds = {key: v for key, v in arm.get_params().items() if key.endswith("random_state")}
        inner = ("estimator__estimator", "sampler__smote__", "sampler__enn__", "sampler__tomek__")
        outer = {k: v for k, v in seeds.items() if not any(part in k for part in inner)}
        if name != "near-miss":  # has none beyond the network's
            assert outer
        assert set(outer.values()) == {5}, name


# The steps --------------------------------------------------------------------------------------


def test_samplers_come_after_the_preprocessing():
    arm = make_arms(["smote"], kit())["smote"]
    assert isinstance(arm, SamplingPipeline)
    assert [name for name, _ in arm.steps][-2:] == ["sampler", "classifier"]
    assert isinstance(arm[-3], StandardScaler)
    assert type(arm["sampler"]) is SMOTE


def test_categories_are_resampled_as_categories(mixed):
    X, y = mixed
    arm = make_arms(["smote"], kit(X))["smote"]
    names = [name for name, _ in arm.steps]
    assert names[:2] == ["clean", "sampler"]
    assert "preprocess" in names[2:]
    assert type(arm["sampler"]) is SMOTENC
    resampled, balanced = arm[:2].fit_resample(X, y)
    assert np.bincount(balanced)[0] == np.bincount(balanced)[1]
    assert set(resampled["color"]) <= {*X["color"].dropna(), "missing"}
    assert np.isfinite(arm.fit(X, y).predict_proba(X)).all()


def test_categories_alone_are_resampled_by_their_own_method(mixed):
    X, y = mixed
    X = X[["color"]].assign(shape=np.where(X["size"] > 0, "round", "square"))
    arm = make_arms(["smote"], kit(X))["smote"]
    assert type(arm["sampler"]) is SMOTEN
    assert np.isfinite(arm.fit(X, y).predict_proba(X)).all()


@pytest.mark.parametrize("columns", [["size"], ["color"]])
def test_samplers_fit_a_frame_of_one_sort(mixed, columns):
    X, y = mixed
    for arm in make_arms(["random-over", "smote"], kit(X[columns].assign(more=y))).values():
        assert np.isfinite(
            arm.fit(X[columns].assign(more=y), y).predict_proba(X.assign(more=0))
        ).all()


@pytest.mark.parametrize("name", ARMS)
def test_every_arm_fits_a_mixed_frame(mixed, name):
    X, y = mixed
    arm = make_arms([name], kit(X))[name].fit(X, y)
    proba = arm.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert set(arm.predict(X)) <= {0, 1}


@pytest.mark.parametrize("name", [name for name in ARMS if name.endswith("-corrected")])
def test_corrected_arms_keep_decisions_and_regain_the_prior(mixed, name):
    X, y = mixed
    plain, corrected = (
        make_arms([arm], kit(X))[arm].fit(X, y) for arm in (name.removesuffix("-corrected"), name)
    )
    assert (corrected.predict(X) == plain.predict(X)).all()
    np.testing.assert_allclose(corrected.train_prior_, [0.5, 0.5])
    np.testing.assert_allclose(corrected.target_prior_, [1 - y.mean(), y.mean()])
    given, wanted = plain.predict_proba(X)[:, 1].mean(), corrected.predict_proba(X)[:, 1].mean()
    assert abs(wanted - y.mean()) < abs(given - y.mean())


def test_preprocessor_of_ones_own_takes_the_place():
    arms = make_arms(["cross-entropy", "smote"], kit(preprocessor=MinMaxScaler()))
    assert all(type(arm["preprocess"]) is MinMaxScaler for arm in arms.values())
    chain = make_pipeline(StandardScaler(), MinMaxScaler())
    arms = make_arms(["cross-entropy", "smote"], kit(preprocessor=chain))
    for arm in arms.values():
        assert [name for name, _ in arm.steps][:2] == ["standardscaler", "minmaxscaler"]


def test_searches_are_stacked_and_seek_what_ranks():
    arms = make_arms(["focal", "focal-alpha"], kit(scoring="f1_macro"))
    for arm in arms.values():
        assert isinstance(arm, FocalGridSearchCV)
        assert arm.scoring == "f1_macro"
    assert 0 not in arms["focal"].param_grid["classifier__gamma"]
    assert None in arms["focal-alpha"].param_grid["classifier__alpha"]


# Choosing ---------------------------------------------------------------------------------------


def test_names_choose():
    assert list(make_arms("default", kit())) == list(ARMS)
    assert list(make_arms("quick", kit())) == QUICK
    assert list(make_arms(["smote", "focal"], kit())) == ["smote", "focal"]
    assert "threshold" not in make_arms("default", kit(n_classes=3))
    assert "threshold" not in make_arms("quick", kit(n_classes=3))


def test_methods_of_ones_own():
    own = [
        ("sampler", SMOTE(k_neighbors=2)),
        ("estimator", LogisticRegression()),
        ("pipeline", make_pipeline(MinMaxScaler(), LogisticRegression())),
        ("grid", (SMOTE(), {"sampler__k_neighbors": [1, 2]})),
        ("other grid", (LogisticRegression(), {"classifier__C": [1, 10]})),
    ]
    arms = make_arms(["focal", *own], kit())
    assert list(arms) == ["focal", *(name for name, _ in own)]
    assert arms["sampler"]["sampler"].k_neighbors == 2
    assert arms["sampler"]["classifier"].gamma == 0
    assert isinstance(arms["estimator"]["classifier"], LogisticRegression)
    assert isinstance(arms["estimator"][-2], StandardScaler)
    assert [name for name, _ in arms["pipeline"].steps] == ["minmaxscaler", "logisticregression"]
    assert type(arms["grid"]) is FocalGridSearchCV
    assert type(arms["other grid"]) is GridSearchCV
    assert list(make_arms(dict(own), kit())) == [name for name, _ in own]


def test_own_methods_are_seeded_and_stay_as_they_were():
    for step, own in [("sampler", SMOTE()), ("classifier", FocalNetClassifier())]:
        assert make_arms([("mine", own)], kit())["mine"][step].random_state == 5
        assert own.random_state is None
        own.set_params(random_state=8)
        assert make_arms([("mine", own)], kit())["mine"][step].random_state == 8


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
        make_arms(methods, kit())


def test_method_for_two_classes_is_refused_with_three():
    with pytest.raises(ValueError, match=r"'threshold' knows two classes only\. Got 3 classes"):
        make_arms(["threshold"], kit(n_classes=3))
