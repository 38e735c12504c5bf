"""Source: executed, it makes the same estimator."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from focalsk import FocalNetClassifier
from focalsk.comparison import ARMS
from focalsk.comparison._compare import make_kit
from focalsk.comparison._methods import make_arms
from focalsk.comparison._source import python_source


def execute(source):
    names = {}
    exec(compile(source, "pasted", "exec"), names)
    return names["model"]


def params_of(estimator):
    """All parameters, deep, as texts that do not depend on identity."""
    return {name: repr(value) for name, value in sorted(estimator.get_params().items())}


@pytest.fixture(scope="module")
def kit():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({f"column {i}": rng.normal(size=60) for i in range(40)})
    X["colour"] = rng.choice(["red", "blue"], 60)
    return make_kit(
        X,
        n_classes=2,
        estimator=FocalNetClassifier(max_epochs=2, hidden_layer_sizes=(8,)),
        preprocessor=None,
        scoring="ece",
        random_state=0,
    )


@pytest.mark.parametrize("name", ARMS)
def test_every_method_is_made_anew(kit, name):
    arm = make_arms([name], kit)[name]
    source = python_source(arm)
    again = execute(source)
    assert type(again) is type(arm)
    assert params_of(again) == params_of(arm)
    assert python_source(again) == source
    assert max(len(line.strip()) for line in source.splitlines()) <= 90


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        LogisticRegression(C=0.5, class_weight={0: 1, "a \"quoted\" 'one'\n": 2.5}),
        LogisticRegressionCV(Cs=np.array([0.1, 1.0]), cv=StratifiedKFold(3, shuffle=True)),
        LogisticRegressionCV(scoring=make_scorer(f1_score, average="macro"), Cs=(1.0,)),
        make_pipeline(FunctionTransformer(np.log1p), SimpleImputer(missing_values=-np.inf)),
        BaggingClassifier(RandomForestClassifier(max_features=None), n_estimators=5),
        GridSearchCV(LogisticRegression(), {"C": np.linspace(0.1, 5, 50).tolist()}),
        ColumnTransformer([("ä", StandardScaler(), [*"abc"]), ("rest", "drop", slice(1, 3))]),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_source_makes_the_same_estimator(estimator):
    assert params_of(execute(python_source(estimator))) == params_of(estimator)


def test_numbers_of_numpy_become_pythons():
    source = python_source(LogisticRegression(C=np.float64(0.5), max_iter=np.int64(7)))
    assert source.endswith("model = LogisticRegression(C=0.5, max_iter=7)")


def test_only_what_differs_from_the_defaults_is_written():
    assert python_source(LogisticRegression(tol=1e-4, C=2.0), "net").endswith(
        "\n\nnet = LogisticRegression(C=2.0)"
    )


def test_two_classes_of_one_name_are_told_apart(kit):
    source = python_source(make_arms(["random-over"], kit)["random-over"])
    assert "from imblearn.pipeline import Pipeline as ImblearnPipeline" in source
    assert "from sklearn.pipeline import Pipeline\n" in source


def test_classes_come_from_where_users_import_them():
    source = python_source(GridSearchCV(FocalNetClassifier(), {}))
    assert source.splitlines()[:2] == [
        "from focalsk import FocalNetClassifier",
        "from sklearn.model_selection import GridSearchCV",
    ]


def test_output_as_frames_is_kept():
    again = execute(python_source(StandardScaler().set_output(transform="pandas")))
    assert isinstance(again.fit_transform(pd.DataFrame({"a": [1.0, 2.0]})), pd.DataFrame)


def test_class_of_a_function_is_announced():
    class Mine(LogisticRegression):
        pass

    assert python_source(Mine()) == "# Mine is your own\n\nmodel = Mine()"


@pytest.mark.parametrize("func", [lambda X: X, StandardScaler().fit], ids=["lambda", "method"])
def test_what_cannot_be_written_is_refused(func):
    with pytest.raises(ValueError, match="parameters that Python source cannot express"):
        python_source(FunctionTransformer(func))
