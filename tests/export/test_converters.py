"""skl2onnx converts what has a focalsk classifier in it."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from focalsk import (
    FocalEnsembleClassifier,
    FocalGridSearchCV,
    FocalNetClassifier,
    PriorCorrectedClassifier,
    to_onnx,
)
from focalsk.export import register_converters

X, codes = make_classification(
    300, 6, n_informative=4, n_redundant=0, n_classes=3, weights=[0.7, 0.2], random_state=0
)
y = np.array(["no", "perhaps", "yes"])[codes]
NET = {"hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}


def run(model, inputs):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def same_answers(estimator, X, model=None, inputs=None):
    model = to_onnx(estimator) if model is None else model
    label, proba = run(model, {"X": X} if inputs is None else inputs)
    np.testing.assert_allclose(proba, estimator.predict_proba(X), atol=1e-6, rtol=0)
    np.testing.assert_array_equal(label, estimator.predict(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pipelines(dtype):
    register_converters()
    pipeline = make_pipeline(StandardScaler(), FocalNetClassifier(alpha="balanced", **NET))
    pipeline.fit(X.astype(dtype), y)
    same_answers(pipeline, X.astype(dtype))
    options = {id(pipeline): {"zipmap": False}}
    model = skl2onnx.to_onnx(pipeline, X[:1].astype(dtype), options=options)
    same_answers(pipeline, X.astype(dtype), model)


def test_a_pipeline_with_an_ensemble():
    ensemble = FocalEnsembleClassifier(2, hidden_layer_sizes=8, max_epochs=2, random_state=0)
    same_answers(make_pipeline(StandardScaler(), ensemble).fit(X, y), X)


def test_a_pipeline_of_named_columns():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["where"] = pd.Series(np.where(X[:, 0] > 0, "north", "south"), dtype=object)
    encoder = OneHotEncoder(sparse_output=False)
    columns = make_column_transformer((StandardScaler(), list("abcdef")), (encoder, ["where"]))
    pipeline = make_pipeline(columns, FocalNetClassifier(**NET)).fit(frame, y)
    inputs = {name: frame[[name]].to_numpy() for name in frame}
    same_answers(pipeline, frame, to_onnx(pipeline, frame), inputs)


def test_options_are_those_of_other_classifiers():
    single = X.astype(np.float32)
    clf = FocalNetClassifier(**NET).fit(single, y)
    other = LogisticRegression().fit(single, y)
    register_converters()

    def answers(estimator, **options):
        given = {id(estimator): options} if options else None
        return run(skl2onnx.to_onnx(estimator, single[:1], options=given), {"X": single[:3]})

    for options in ({}, {"zipmap": "columns"}, {"zipmap": False, "nocl": True}):
        got, expected = answers(clf, **options), answers(other, **options)
        assert [type(value) for value in got] == [type(value) for value in expected]
        assert [np.asarray(v).dtype for v in got] == [np.asarray(v).dtype for v in expected]
    label, maps = answers(clf)
    assert list(maps[0]) == ["no", "perhaps", "yes"]
    np.testing.assert_array_equal(label, clf.predict(single[:3]))
    _, scores = answers(clf, zipmap=False, raw_scores=True)
    np.testing.assert_allclose(scores, clf.decision_function(single[:3]), atol=1e-5)


@pytest.mark.parametrize(
    "estimator",
    [
        FocalNetClassifier(**NET),
        FocalGridSearchCV(FocalNetClassifier(**NET), {"gamma": [1.0]}, cv=2),
        PriorCorrectedClassifier(LogisticRegression()),
    ],
)
def test_labels_may_be_places(estimator):
    estimator.fit(X, y)
    label, _ = run(to_onnx(estimator, options={"nocl": True}), {"X": X})
    np.testing.assert_array_equal(estimator.classes_[label], estimator.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration_is_of_the_scores(n_classes):
    chosen = codes < n_classes
    clf = CalibratedClassifierCV(FocalNetClassifier(**NET), cv=2).fit(X[chosen], y[chosen])
    same_answers(clf, X)


WEIGHTED = FocalNetClassifier(alpha="balanced", proba="weighted", **NET)
RESAMPLED = make_imblearn_pipeline(RandomOverSampler(random_state=0), LogisticRegression())
SCALED = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))


@pytest.mark.parametrize("decision", ["estimator", "posterior"])
@pytest.mark.parametrize("estimator", [WEIGHTED, RESAMPLED, SCALED])
def test_a_corrected_prior(estimator, decision):
    corrected = PriorCorrectedClassifier(estimator, decision=decision).fit(X, y)
    same_answers(corrected, X)


def test_a_corrected_prior_in_a_pipeline_and_without_a_class():
    corrected = PriorCorrectedClassifier(WEIGHTED, target_prior=[0.0, 0.5, 0.5])
    same_answers(make_pipeline(StandardScaler(), corrected).fit(X, y), X)


@pytest.mark.parametrize("kind", [FocalGridSearchCV, GridSearchCV])
def test_a_search_is_its_best_estimator(kind):
    search = kind(FocalNetClassifier(**NET), {"gamma": [0.0, 2.0]}, cv=2).fit(X, y)
    same_answers(search, X)


def test_a_search_over_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), FocalNetClassifier(**NET))
    params = {"focalnetclassifier__gamma": [0.0, 2.0]}
    same_answers(FocalGridSearchCV(pipeline, params, cv=2).fit(X, y), X)


def test_another_estimator_goes_through():
    same_answers(LogisticRegression().fit(X, y), X)
