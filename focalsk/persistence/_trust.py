"""The types that a model file may name: those that run nothing when they are made or filled.

skops makes an object without its ``__init__`` and sets its attributes. It does so by itself for
numpy's arrays and scikit-learn's estimators. Here are the others that focalsk's own models are made
of; each has been looked at. A type of the user's must be named by the user.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

__all__ = ["untrusted"]

_NAMED = {
    # What scorers of comparisons call, on numbers.
    "focalsk.comparison._metrics._average_precision_of_several",
    "focalsk.comparison._metrics._brier_of_several",
    "focalsk.displays._calibration.expected_calibration_error",
    "imblearn.metrics._classification.geometric_mean_score",
    "focalsk.estimators._classifier.FocalNetClassifier",
    "focalsk.estimators._ensemble.FocalEnsembleClassifier",
    "focalsk.estimators._inputs.InputEncoder",
    "focalsk.estimators._inputs.NumberEncoder",
    "focalsk.estimators._inputs.TableEncoder",
    "focalsk.estimators._logit_adjustment.LogitAdjustedClassifier",
    "focalsk.estimators._prior_correction.PriorCorrectedClassifier",
    "focalsk.estimators._target_coding.ClassCoding",
    "focalsk.estimators._target_coding.LabelCoding",
    "focalsk.estimators._target_coding.OneVersusRestCoding",
    "focalsk.nets._focal_net.FocalNet",
    "focalsk.search._search_cv.FocalGridSearchCV",
    "focalsk.search._search_cv.FocalRandomizedSearchCV",
    "focalsk.tables._columns.Columns",
    "focalsk.tables._encoder.ColumnPicker",
    "focalsk.tables._encoder.TableCleaner",
    "numpy.dtype",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.compose._column_transformer._RemainderColsList",  # up to scikit-learn 1.6
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    # Their indices are looked at once more when they are there: see _indices.
    "scipy.sparse._csc.csc_array",
    "scipy.sparse._csc.csc_matrix",
    "scipy.sparse._csr.csr_array",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "skrub._string_encoder.StringEncoder",
    "skrub._to_str.ToStr",
}

# Where public classes are harmless to make: samplers, ensembles, splitters.
_CLASSES = (
    "imblearn.combine",
    "imblearn.ensemble",
    "imblearn.over_sampling",
    "imblearn.pipeline",
    "imblearn.under_sampling",
    "sklearn.model_selection",
)
# What scorers call, on numbers.
_METRICS, _ENDINGS = "sklearn.metrics", ("_score", "_loss", "_error")


def untrusted(names: Iterable[str], trusted: Iterable[str] = ()) -> list[str]:
    """Those of the names that neither focalsk nor the user (`trusted`) trusts."""
    known = trusted if isinstance(trusted, str) or not isinstance(trusted, Iterable) else [*trusted]
    if not (isinstance(known, list) and all(isinstance(name, str) for name in known)):
        raise TypeError(f"trusted must be a list of names. Got {known!r} instead.")
    rest = set(names) - _NAMED - set(known)
    return sorted(name for name in rest if not _is_public(name))


def _is_public(name: str) -> bool:
    room = next((room for room in (*_CLASSES, _METRICS) if name.startswith(f"{room}.")), None)
    if room is None:
        return False
    where, last = import_module(room), name.rpartition(".")[2]
    found = getattr(where, last, None) if last in where.__all__ else None
    # skops may call whatever is trusted: a function must be one that only computes.
    fits = last.endswith(_ENDINGS) if room == _METRICS else isinstance(found, type)
    return found is not None and fits and f"{found.__module__}.{found.__qualname__}" == name
