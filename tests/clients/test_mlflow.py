"""MLflow: its log of a stacked search is that of scikit-learn's search; models come back."""

import mlflow
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from focalsk import FocalGridSearchCV, FocalNetClassifier, FocalRandomizedSearchCV

CLASSIFIER = FocalNetClassifier(max_epochs=4, random_state=0)
PIPELINE = make_pipeline(StandardScaler(), CLASSIFIER)


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.create_experiment("tests", artifact_location=str(folder / "artifacts"))
    mlflow.set_experiment("tests")


@pytest.fixture
def autolog():
    mlflow.sklearn.autolog(log_models=False, silent=True)
    yield
    mlflow.sklearn.autolog(disable=True)


def logged(search, data):
    """What MLflow notes of a search: the run's names and numbers, and those of its children."""
    with mlflow.start_run() as run:
        search.fit(*data)
    run = mlflow.get_run(run.info.run_id)
    children = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'", output_format="list"
    )
    scores = sorted(child.data.metrics["mean_test_score"] for child in children)
    names = [sorted(child.data.params) for child in children]
    return run.data.metrics, run.data.params, scores, names


SEARCHES = {
    "grid": (GridSearchCV, FocalGridSearchCV, CLASSIFIER, {"gamma": [0, 2]}, {}),
    "pipeline": (
        GridSearchCV,
        FocalGridSearchCV,
        PIPELINE,
        {"focalnetclassifier__gamma": [0, 2]},
        {"n_jobs": 2},
    ),
    "randomized": (
        RandomizedSearchCV,
        FocalRandomizedSearchCV,
        CLASSIFIER,
        {"lr": [0.001, 0.01, 0.1]},
        {"n_iter": 2, "random_state": 0},
    ),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_stacked_search_is_logged_as_scikit_learns(name, data, autolog):
    theirs, ours, estimator, space, options = SEARCHES[name]
    options = {"scoring": "neg_log_loss", "cv": 2, **options}
    expected = logged(theirs(estimator, space, **options), data)
    search = ours(estimator, space, **options)
    metrics, params, scores, names = logged(search, data)
    assert search.stacks_[0]["trained"] == "stacked"
    assert "_run_search" not in vars(search)
    assert set(metrics) == set(expected[0]) >= {"best_cv_score", "training_score"}
    for metric in metrics:
        assert metrics[metric] == pytest.approx(expected[0][metric], rel=1e-9)
    assert set(params) - set(expected[1]) == {"checkpoint", "memory_budget"}
    assert len(scores) == 2
    assert_allclose(scores, expected[2], rtol=1e-9)
    assert names == expected[3]


def test_a_logged_search_is_the_same_search(data):
    def search():
        return FocalGridSearchCV(CLASSIFIER, {"gamma": [0, 1, 3]}, cv=3, scoring="neg_log_loss")

    plain = search().fit(*data)
    mlflow.sklearn.autolog(log_models=False, silent=True)
    try:
        logged = search().fit(*data)
    finally:
        mlflow.sklearn.autolog(disable=True)
    assert set(vars(logged)) - {"_mlflow_run_id"} == set(vars(plain))
    assert_allclose(
        logged.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"], rtol=1e-12
    )
    assert logged.best_params_ == plain.best_params_
    np.testing.assert_array_equal(logged.predict_proba(data[0]), plain.predict_proba(data[0]))


def test_a_logged_search_without_any_score_is_an_error(data, autolog):
    search = FocalGridSearchCV(
        CLASSIFIER, {"gamma": [0, 1]}, cv=2, scoring=lambda *args: float("nan")
    )
    with pytest.raises(ValueError, match="scored NaN"):
        search.fit(*data)


def test_models_come_back(data, tmp_path):
    fitted = PIPELINE.fit(*data)
    path = str(tmp_path / "model")
    mlflow.sklearn.save_model(
        fitted, path, serialization_format="cloudpickle", pip_requirements=["focalsk"]
    )
    again = mlflow.sklearn.load_model(path)
    np.testing.assert_array_equal(again.predict_proba(data[0]), fitted.predict_proba(data[0]))
