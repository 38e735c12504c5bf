"""Methods for imbalanced data, compared on the same folds by decisions and by probabilities.

Decisions and probabilities are two questions, and a method may answer one well and the other badly:
a comparison of labels alone rewards whatever moves the threshold.

What is in the room, from the bottom up:

- ``_metrics``, ``_decisions``, ``_statistics``, ``_source``: scores, tuned decisions, tests, and
  code that makes an estimator again.
- ``_methods``: what is compared, by name.
- ``_folds``: every method on every fold, kept as it ends.
- ``_displays``, ``_words``, ``_report``: pictures, sentences, a page of HTML.
- ``_results``: Comparison.
- ``_compare``: compare_resampling.

It may import every room but the command line.
"""

from focalsk.comparison._compare import compare_resampling
from focalsk.comparison._compare import make_kit as make_kit
from focalsk.comparison._decisions import LogitAdjustedClassifier
from focalsk.comparison._methods import ARMS
from focalsk.comparison._methods import make_arms as make_arms
from focalsk.comparison._metrics import METRICS, expected_calibration_error
from focalsk.comparison._results import Comparison
from focalsk.comparison._statistics import corrected_interval, corrected_ttest
from focalsk.comparison._words import verdict as verdict

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
