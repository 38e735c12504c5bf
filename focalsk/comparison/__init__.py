"""Methods for imbalanced data, compared on the same folds by decisions and by probabilities.

Decisions and probabilities are two questions, and a method may answer one well and the other badly:
a comparison of labels alone rewards whatever moves the threshold.
"""

from focalsk.comparison.arms import ARMS
from focalsk.comparison.decisions import LogitAdjustedClassifier
from focalsk.comparison.metrics import METRICS, expected_calibration_error
from focalsk.comparison.resampling import compare_resampling
from focalsk.comparison.results import Comparison
from focalsk.comparison.statistics import corrected_interval, corrected_ttest

__all__ = [
    "ARMS",
    "METRICS",
    "Comparison",
    "LogitAdjustedClassifier",
    "compare_resampling",
    "corrected_interval",
    "corrected_ttest",
    "expected_calibration_error",
]
