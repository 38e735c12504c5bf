"""Methods for imbalanced data, compared on the same folds by decisions and by probabilities.

Decisions and probabilities are two questions, and a method may answer one well and the other badly:
a comparison of labels alone rewards whatever moves the threshold.

What is in the room, from the bottom up:

- ``_metrics``, ``_decisions``: scores, tuned decisions.
- ``_methods``: what is compared, by name.
- ``_folds``: every method on every fold, kept as it ends.
- ``_results``: Comparison, which knows its numbers alone; it loads the next line when asked to.
- ``_names``: names of a user's, as they can be shown.
- ``_displays``, ``_words``, ``_report``: pictures, sentences, a page of HTML, of a Comparison.
- ``_compare``: compare_resampling.

It may import every room but the command line.
"""

from focalsk.comparison._compare import compare_resampling
from focalsk.comparison._compare import make_context as make_context
from focalsk.comparison._methods import METHODS
from focalsk.comparison._methods import make_methods as make_methods
from focalsk.comparison._metrics import METRICS
from focalsk.comparison._results import Comparison
from focalsk.comparison._words import verdict as verdict
from focalsk.displays import (
    corrected_interval,
    corrected_ttest,
    expected_calibration_error,
)
from focalsk.estimators import LogitAdjustedClassifier

ARMS = METHODS  # what it was called in version 0.1

__all__ = [
    "ARMS",
    "METHODS",
    "METRICS",
    "Comparison",
    "LogitAdjustedClassifier",
    "compare_resampling",
    "corrected_interval",
    "corrected_ttest",
    "expected_calibration_error",
]
