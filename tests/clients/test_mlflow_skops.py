"""MLflow's default format, which is that of skops: models come back, and name what to trust."""

import pytest

mlflow = pytest.importorskip("mlflow")

import skops.io  # noqa: E402
from numpy.testing import assert_array_equal  # noqa: E402
from sklearn.datasets import make_classification  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from focalsk import FocalEnsembleClassifier, FocalNetClassifier  # noqa: E402

FAST = {"max_epochs": 3, "random_state": 0}


@pytest.mark.parametrize(
    "model",
    [
        FocalNetClassifier(**FAST, alpha="sqrt"),
        FocalEnsembleClassifier(3, **FAST),
        make_pipeline(StandardScaler(), FocalNetClassifier(**FAST)),
    ],
    ids=["net", "ensemble", "pipeline"],
)
def test_models_come_back_from_the_default_format(tmp_path, model):
    X, y = make_classification(100, random_state=0)
    types = skops.io.get_untrusted_types(data=skops.io.dumps(model.fit(X, y)))
    assert {name.split(".")[0] for name in types} == {"focalsk"}
    path = str(tmp_path / "model")
    mlflow.sklearn.save_model(model, path, skops_trusted_types=types, pip_requirements=["focalsk"])
    assert list((tmp_path / "model").glob("*.skops"))
    again = mlflow.sklearn.load_model(path)
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert_array_equal(mlflow.pyfunc.load_model(path).predict(X), model.predict(X))
