"""What other projects' packages do with focalsk: one function a line of the table of clients.py.

A check that returns has worked; what it returns is a note, or another word than "works" and a note.
`TESTS` are lines that tests stand for.
"""

from __future__ import annotations

import contextlib
import copy
import io
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from focalsk import FocalGridSearchCV, FocalNetClassifier

__all__ = ["CHECKS", "TESTS"]

Check = Callable[[], Any]
CHECKS: dict[str, dict[str, Check]] = {}
"""Client, what is done with it, and the function that does it."""

TESTS: dict[str, dict[str, list[str]]] = {
    "dask": {
        "`FocalGridSearchCV`, `compare_resampling`; a worker killed in mid-search": [
            "tests/clients/test_clusters.py", "-k", "dask",
        ],
    },
    "ray": {
        "`FocalGridSearchCV`, `compare_resampling`; a worker killed in mid-search": [
            "tests/clients/test_clusters.py", "-k", "ray",
        ],
    },
    "joblib": {
        "a worker of loky killed in mid-search": ["tests/test_checkpoint.py", "-k", "worker"],
    },
    "ipykernel": {
        "a module of the notebook's in worker processes and in cloudpickle files; nothing printed "
        "unasked, nor where `print` is replaced": ["tests/clients/test_notebooks.py"],
    },
    "shap": {
        "`KernelExplainer`, `PermutationExplainer` on `predict_proba`; `GradientExplainer`, "
        "`DeepExplainer` on `net_.module_`": ["tests/clients/test_shap.py"],
    },
    "torchvision": {
        "a ResNet, part of it frozen": ["tests/clients/test_examples.py", "-k", "torchvision"],
    },
}  # fmt: skip

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
CLF = FocalNetClassifier(lr=0.02, max_epochs=3, random_state=0)
FRAME = load_breast_cancer(as_frame=True).data


class Linear(nn.Linear):
    """A module of the user's."""

    def __init__(self, n_features: int = 30, n_outputs: int = 2) -> None:
        super().__init__(n_features, n_outputs)


def check(client: str, what: str) -> Callable[[Check], Check]:
    def note(function: Check) -> Check:
        CHECKS.setdefault(client, {})[what] = function
        return function

    return note


def same_answers(a: Any, b: Any) -> None:
    assert_array_equal(a.predict_proba(X), b.predict_proba(X))


# Optuna -------------------------------------------------------------------------------------------


@check("optuna", "`study.optimize` over gamma per class, alpha, lr; SQLite and `n_jobs=2`")
def optuna_study() -> None:
    import optuna

    def objective(trial: Any) -> float:
        gamma = [trial.suggest_float(f"gamma{k}", 0, 5) for k in range(2)]
        alpha = trial.suggest_categorical("alpha", ["sqrt", "balanced"])
        lr = trial.suggest_float("lr", 1e-3, 1e-1, log=True)
        clf = FocalNetClassifier(gamma=gamma, alpha=alpha, lr=lr, max_epochs=3, random_state=0)
        return clf.fit(X, y).score(X, y)

    study = optuna.create_study(storage="sqlite:///optuna.db", direction="maximize")
    study.optimize(objective, n_trials=4, n_jobs=2)
    assert len(study.trials) == 4
    assert study.best_value > 0.8


@check("optuna", "`OptunaSearchCV`, also with `enable_pruning=True`")
def optuna_search() -> None:
    from optuna.distributions import FloatDistribution
    from optuna_integration import OptunaSearchCV

    for pruning in (False, True):
        space = {"gamma": FloatDistribution(0, 5)}
        options = {"n_trials": 3, "enable_pruning": pruning, "max_iter": 3, "random_state": 0}
        assert OptunaSearchCV(CLF, space, cv=2, **options).fit(X, y).best_score_ > 0.8


@check("optuna", "`SkorchPruningCallback` in `callbacks=`")
def optuna_pruning() -> str:
    import optuna
    from optuna_integration import SkorchPruningCallback

    def objective(trial: Any) -> float:
        callback = SkorchPruningCallback(trial, "train_loss")
        clf = FocalNetClassifier(
            gamma=0, lr=trial.suggest_float("lr", 1e-5, 1e-1, log=True), callbacks=[callback],
            max_epochs=5, random_state=0,
        )  # fmt: skip
        return clf.fit(X, y).loss_curve_[-1]

    pruner = optuna.pruners.MedianPruner(2, 1)
    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(0))
    study.optimize(objective, n_trials=8)
    states = [trial.state.name for trial in study.trials]
    assert set(states) == {"COMPLETE", "PRUNED"}
    return f"{states.count('PRUNED')} of 8 trials pruned"


# Logs of experiments ------------------------------------------------------------------------------


@check("wandb", "offline: `wandb.init(config=...)`, `wandb.sklearn.plot_classifier`")
def wandb_run() -> None:
    import wandb

    fitted = CLF.fit(X, y)
    with wandb.init(mode="offline", config={"gamma": 2.0}) as run:
        run.log({"accuracy": fitted.score(X, y)})
        wandb.sklearn.plot_classifier(
            fitted, X, X, y, y, fitted.predict(X), fitted.predict_proba(X), ["no", "yes"]
        )


@check("wandb", "skorch's `WandbLogger`")
def wandb_logger() -> str:
    import wandb
    from skorch.callbacks import WandbLogger

    with wandb.init(mode="offline") as run:
        stopped = FocalNetClassifier(
            max_epochs=3, early_stopping=True, callbacks=[WandbLogger(run)], random_state=0
        )
        assert stopped.fit(X, y).n_iter_ == 3
        FocalNetClassifier(max_epochs=3, callbacks=[WandbLogger(run, save_model=False)]).fit(X, y)
        try:
            FocalNetClassifier(max_epochs=3, callbacks=[WandbLogger(run)]).fit(X, y)
        except ValueError as error:
            assert "early_stopping=True" in str(error)  # noqa: PT017
    return "saves the model of the best `valid_loss`: without validation an error says so"


@check("tensorboard", "skorch's `TensorBoard(writer)`")
def tensorboard() -> None:
    from skorch.callbacks import TensorBoard
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter("tb") as writer:
        FocalNetClassifier(max_epochs=3, callbacks=[TensorBoard(writer)]).fit(X, y)
    assert list(Path("tb").glob("events*"))


def mlflow_store() -> Any:
    import mlflow

    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    return mlflow


@check("mlflow-skinny", "`log_model`, `load_model`, default format and pyfunc")
def mlflow_model() -> None:
    mlflow = mlflow_store()
    import skops.io

    fitted = CLF.fit(X, y)
    trusted = skops.io.get_untrusted_types(data=skops.io.dumps(fitted))
    assert all(name.startswith("focalsk.") for name in trusted), trusted
    with mlflow.start_run():
        options = {"skops_trusted_types": trusted, "pip_requirements": ["focalsk"]}
        info = mlflow.sklearn.log_model(fitted, name="model", **options)
        options["pyfunc_predict_fn"] = "predict_proba"
        called = mlflow.sklearn.log_model(fitted, name="called", **options)
    same_answers(mlflow.sklearn.load_model(info.model_uri), fitted)
    answers = mlflow.pyfunc.load_model(called.model_uri).predict(X)
    assert_array_equal(answers, fitted.predict_proba(X))


@check("mlflow-skinny", "`autolog` of a pipeline, of `GridSearchCV` and of `FocalGridSearchCV`")
def mlflow_autolog() -> None:
    mlflow = mlflow_store()
    mlflow.sklearn.autolog(log_models=False, silent=True)
    for search in (GridSearchCV, FocalGridSearchCV):
        with mlflow.start_run() as run:
            search(CLF, {"gamma": [0, 2]}, cv=2).fit(X, y)
        found = mlflow.get_run(run.info.run_id)
        assert "best_cv_score" in found.data.metrics
        parent = f"tags.mlflow.parentRunId = '{run.info.run_id}'"
        assert len(mlflow.search_runs(filter_string=parent)) == 2
    with mlflow.start_run() as run:
        make_pipeline(StandardScaler(), CLF).fit(X, y)
    assert "training_score" in mlflow.get_run(run.info.run_id).data.metrics


@check("mlflow-skinny", "`autolog` of a classifier by itself")
def mlflow_bare() -> tuple[str, str]:
    from skorch import NeuralNetClassifier

    mlflow = mlflow_store()
    mlflow.sklearn.autolog(log_models=False, silent=True)
    logged = []
    net = NeuralNetClassifier(Linear, max_epochs=1, train_split=None, verbose=0)
    for estimator, data in ((CLF, X), (net, X.astype(np.float32))):
        with mlflow.start_run() as run:
            estimator.fit(data, y)
        logged.append(mlflow.get_run(run.info.run_id).data.metrics)
    assert logged == [{}, {}], logged
    return (
        "not by MLflow",
        "it knows scikit-learn's own classes (skorch's: the same); use a pipeline",
    )


@check("mlflow-skinny", "skorch's `MlflowLogger`")
def mlflow_logger() -> None:
    from skorch.callbacks import MlflowLogger

    mlflow = mlflow_store()
    with mlflow.start_run() as run:
        FocalNetClassifier(max_epochs=3, callbacks=[MlflowLogger()]).fit(X, y)
    assert "train_loss" in mlflow.get_run(run.info.run_id).data.metrics


# Files and other runtimes -------------------------------------------------------------------------


def in_fresh_process(load: str) -> bytes:
    code = f"import numpy as np; {load}; print(m.predict_proba(np.load('X.npy')).tobytes().hex())"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return bytes.fromhex(done.stdout)


@check("joblib", "joblib, pickle, deepcopy of a fitted pipeline; a fresh process, `mmap_mode`")
def files() -> None:
    fitted = make_pipeline(StandardScaler(), CLF).fit(X, y)
    joblib.dump(fitted, "model.joblib")
    Path("model.pkl").write_bytes(pickle.dumps(fitted))
    np.save("X.npy", X)
    expected = fitted.predict_proba(X).tobytes()
    loads = [
        "import joblib; m = joblib.load('model.joblib')",
        "import joblib; m = joblib.load('model.joblib', mmap_mode='r')",
        "import pickle; m = pickle.load(open('model.pkl', 'rb'))",
    ]
    assert [in_fresh_process(load) for load in loads] == [expected] * 3
    same_answers(copy.deepcopy(fitted), fitted)


@check("cloudpickle", "a classifier whose `module` is a lambda")
def cloudpickled() -> None:
    import cloudpickle

    fitted = FocalNetClassifier(module=lambda **kw: Linear(), max_epochs=2, random_state=0)
    Path("model.pkl").write_bytes(cloudpickle.dumps(fitted.fit(X, y)))
    same_answers(pickle.loads(Path("model.pkl").read_bytes()), fitted)


@check("skops", "`dump`, `load` with `trusted=`; `focalsk.save_model`, `load_model`")
def skops() -> None:
    import skops.io

    from focalsk import load_model, save_model

    fitted = FocalNetClassifier(alpha="sqrt", max_epochs=3, random_state=0).fit(X, y)
    data = skops.io.dumps(fitted)
    trusted = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("focalsk.") for name in trusted), trusted
    same_answers(skops.io.loads(data, trusted=trusted), fitted)
    save_model(fitted, "model.skops")
    same_answers(load_model("model.skops"), fitted)


@check("onnx", "`focalsk.to_onnx` of a pipeline; `torch.onnx.export` of `net_.module_`")
def onnx() -> str:
    import onnxruntime
    import torch

    from focalsk import to_onnx

    fitted = make_pipeline(StandardScaler(), CLF).fit(X, y)
    session = onnxruntime.InferenceSession(to_onnx(fitted, X[:1]).SerializeToString())
    name = session.get_inputs()[0].name
    outputs = session.run(None, {name: X})
    probabilities = next(out for out in outputs if np.ndim(out) == 2)
    difference = np.abs(probabilities - fitted.predict_proba(X)).max()
    assert difference < 1e-5
    module = fitted[-1].net_.module_
    sample = torch.as_tensor(X[:2], dtype=next(module.parameters()).dtype)
    for dynamo in (True, False):
        with contextlib.redirect_stdout(io.StringIO()):
            torch.onnx.export(module, (sample,), f"{dynamo}.onnx", dynamo=dynamo)
        logits = onnxruntime.InferenceSession(f"{dynamo}.onnx")
        [found] = logits.run(None, {logits.get_inputs()[0].name: sample.numpy()})
        assert_allclose(found, module(sample).detach().numpy(), atol=1e-6)
    return f"probabilities within {difference:.0e}"


@check("skl2onnx", "`convert_sklearn` of a pipeline")
def skl2onnx() -> str:
    from skl2onnx import to_onnx

    from focalsk.export import register_converters

    register_converters()
    to_onnx(make_pipeline(StandardScaler(), CLF).fit(X, y), X[:1].astype(np.float32))
    return "after `focalsk.export.register_converters()`"


# scikit-learn and its like ------------------------------------------------------------------------


@check(
    "scikit-learn",
    "`permutation_importance`, and displays: partial dependence with ICE, decision boundaries, "
    "calibration, ROC, precision-recall, DET, confusion, learning and validation curves",
)
def displays() -> None:
    import matplotlib
    from sklearn import inspection, metrics, model_selection
    from sklearn.calibration import CalibrationDisplay

    matplotlib.use("Agg")
    names = np.where(y, "benign", "malignant")
    fitted = FocalNetClassifier(max_epochs=3, random_state=0).fit(FRAME, names)
    inspection.permutation_importance(fitted, FRAME, names, n_repeats=2)
    two = {"features": ["mean area"], "kind": "both", "subsample": 20}
    inspection.PartialDependenceDisplay.from_estimator(fitted, FRAME, **two)
    for Display in (
        CalibrationDisplay,
        metrics.RocCurveDisplay,
        metrics.PrecisionRecallDisplay,
        metrics.DetCurveDisplay,
        metrics.ConfusionMatrixDisplay,
    ):
        Display.from_estimator(fitted, FRAME, names)
    X3, y3 = make_classification(200, 2, n_redundant=0, n_classes=3, n_clusters_per_class=1)
    inspection.DecisionBoundaryDisplay.from_estimator(CLF.fit(X3, y3), X3)
    model_selection.LearningCurveDisplay.from_estimator(CLF, X, y, cv=2, train_sizes=[0.5, 1])
    model_selection.ValidationCurveDisplay.from_estimator(
        CLF, X, y, cv=2, param_name="gamma", param_range=[0, 2]
    )


@check(
    "scikit-learn", "`print`, HTML in notebooks, `set_output`, y as str, category, bool, nullable"
)
def shown() -> None:
    from sklearn import config_context

    assert "gamma" in str(FocalNetClassifier(gamma=1))
    assert "FocalNetClassifier" in CLF._repr_html_()
    for kind in ("str", "string", "category", "bool", "Int64", "boolean"):
        labels = pd.Series(np.where(y, "b", "a") if kind in ("str", "string") else y)
        fitted = CLF.fit(FRAME, labels.astype(kind))
        assert fitted.predict(FRAME).shape == y.shape
    for output in ("pandas", "polars"):
        with config_context(transform_output=output):
            make_pipeline(StandardScaler(), CLF).fit(X, y).predict(X)


@check("scikit-learn", "halving searches over `max_epochs`")
def halving() -> None:
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV, HalvingRandomSearchCV

    options = {"resource": "max_epochs", "max_resources": 6, "cv": 2, "factor": 2}
    grid = {"gamma": [0, 1, 2]}
    HalvingGridSearchCV(CLF, grid, min_resources=1, **options).fit(X, y)
    HalvingRandomSearchCV(CLF, grid, min_resources=1, **options, random_state=0).fit(X, y)


@check("scikit-learn", "metadata routing: weights through a pipeline, weighted scorers, groups, a "
       "validation set through the scaler")  # fmt: skip
def routing() -> None:
    from sklearn import config_context
    from sklearn.metrics import get_scorer
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import Pipeline

    weight, groups = np.linspace(0.5, 2, len(X)), np.arange(len(X)) // 3
    with config_context(enable_metadata_routing=True):
        net = FocalNetClassifier(max_epochs=3, early_stopping=True, random_state=0)
        net.set_fit_request(sample_weight=True, X_val=True, y_val=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("net", net)], transform_input=["X_val"])
        pipeline[0].set_fit_request(sample_weight=False)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        given = {"sample_weight": weight, "groups": groups, "X_val": X[:99], "y_val": y[:99]}
        options = {"cv": GroupKFold(2), "scoring": scorer}
        scores = [
            search(pipeline, {"net__gamma": [0, 2]}, **options).fit(X, y, **given).cv_results_
            for search in (GridSearchCV, FocalGridSearchCV)
        ]
    assert_allclose(*(found["mean_test_score"] for found in scores))


@check(
    "scikit-learn",
    "tuned thresholds, calibration (temperature, frozen), voting, stacking, bagging, AdaBoost, "
    "one-vs-rest, self-training, feature selection",
)
def meta_estimators() -> None:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import (
        AdaBoostClassifier,
        BaggingClassifier,
        StackingClassifier,
        VotingClassifier,
    )
    from sklearn.feature_selection import SequentialFeatureSelector
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import TunedThresholdClassifierCV
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.semi_supervised import SelfTrainingClassifier

    both = [("net", CLF), ("line", LogisticRegression())]
    frozen = FrozenEstimator(FocalNetClassifier(max_epochs=3, random_state=0).fit(X, y))
    for model in (
        TunedThresholdClassifierCV(CLF, cv=2),
        CalibratedClassifierCV(CLF, method="temperature", cv=2),
        CalibratedClassifierCV(frozen),
        VotingClassifier(both, voting="soft"),
        StackingClassifier(both, cv=2),
        BaggingClassifier(CLF, 2),
        AdaBoostClassifier(CLF, n_estimators=2),
        OneVsRestClassifier(CLF),
    ):
        assert model.fit(X, y).score(X, y) > 0.8, model
    SelfTrainingClassifier(CLF).fit(X, np.where(np.arange(len(y)) % 3, y, -1))
    SequentialFeatureSelector(CLF, n_features_to_select=1, cv=2).fit(X[:, :3], y)


@check("scikit-learn", "its own callbacks: `search.set_callbacks(ProgressBar())`")
def own_callbacks() -> str:
    from sklearn.callback import ProgressBar

    search = FocalGridSearchCV(CLF, {"gamma": [0, 2]}, cv=2).set_callbacks(ProgressBar())
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y)
    assert any("does not support callbacks" in str(warning.message) for warning in caught)
    try:
        FocalNetClassifier(max_epochs=1, callbacks=[ProgressBar()]).fit(X, y)
    except (TypeError, ValueError) as error:
        said = str(error)
    else:
        said = ""
    assert "skorch" in said, said
    return (
        "the search's own; classifiers support none (one warning, = `GridSearchCV`), and "
        "`callbacks=` says that it takes skorch's"
    )


@check("polars", "frames, y as a Series")
def polars() -> None:
    import polars as pl

    fitted = CLF.fit(pl.from_pandas(FRAME), pl.Series(np.where(y, "b", "a")))
    assert fitted.feature_names_in_.tolist() == FRAME.columns.tolist()
    found = fitted.predict_proba(pl.from_pandas(FRAME))
    assert_array_equal(found, CLF.fit(FRAME, np.where(y, "b", "a")).predict_proba(FRAME))


def mixed_frame() -> tuple[pd.DataFrame, np.ndarray]:
    frame = FRAME.iloc[:, :4].copy()
    frame["town"] = np.array(["Rome", "Oslo", "Bern"])[np.arange(len(frame)) % 3]
    frame["since"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(frame)), unit="D")
    return frame, y


@check("skrub", "`tabular_pipeline`, in a `FocalGridSearchCV`; `TableVectorizer` with gaps")
def skrub() -> None:
    from sklearn.impute import SimpleImputer
    from skrub import TableVectorizer, tabular_pipeline

    frame, target = mixed_frame()
    pipeline = tabular_pipeline(CLF)
    name = f"{pipeline.steps[-1][0]}__gamma"
    FocalGridSearchCV(pipeline, {name: [0, 2]}, cv=2).fit(frame, target)
    frame.iloc[::7, 0] = np.nan
    make_pipeline(TableVectorizer(), SimpleImputer(), StandardScaler(), CLF).fit(frame, target)


@check("imbalanced-learn", "SMOTE and SMOTENC pipelines")
def imblearn() -> None:
    from imblearn.over_sampling import SMOTE, SMOTENC
    from imblearn.pipeline import make_pipeline as make

    coded = np.column_stack([X[:, :4], np.arange(len(X)) % 3])
    make(SMOTE(random_state=0), StandardScaler(), CLF).fit(X, y)
    pipeline = make(SMOTENC([4], random_state=0), StandardScaler(), CLF)
    FocalGridSearchCV(pipeline, {"focalnetclassifier__gamma": [0, 2]}, cv=2).fit(coded, y)


@check("scikit-learn", "`TargetEncoder` in a `FocalGridSearchCV`")
def target_encoder() -> str:
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import TargetEncoder

    frame, target = mixed_frame()
    columns = make_column_transformer(
        (TargetEncoder(random_state=0), ["town"]), remainder="passthrough"
    )
    pipeline = make_pipeline(columns, StandardScaler(), CLF)
    grid = {"focalnetclassifier__gamma": [0, 2]}
    found = [
        search(pipeline, grid, cv=2).fit(frame.drop(columns="since"), target).cv_results_
        for search in (GridSearchCV, FocalGridSearchCV)
    ]
    assert_allclose(*(each["mean_test_score"] for each in found))
    return "equal to `GridSearchCV`"


# Type checkers ------------------------------------------------------------------------------------

USER_CODE = Path(__file__).parents[1] / "tests" / "typing" / "user_code.py"


@check("mypy", "`--strict` over a user's file, correct and wrong lines")
def mypy() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", str(USER_CODE)]
    subprocess.run(command, check=True, capture_output=True, cwd=USER_CODE.parents[2])


@check("pyright", "a user's file, correct and wrong lines")
def pyright() -> None:
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--project"]
    subprocess.run([*command, str(USER_CODE.parent)], check=True, capture_output=True)
