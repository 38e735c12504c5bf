"""Pictures as scikit-learn makes them, and the numbers that they show.

Each has ``from_estimator``, ``from_predictions`` or the like, takes ``ax`` and can ``plot`` itself
again; matplotlib is imported when the first one is drawn. What scikit-learn draws is not repeated.

What is in the room, from the bottom up:

- ``_checks``: what all of these are given, refused by name.
- ``_statistics``, ``_calibration``: tests over folds, calibration in a number and as a curve.
- ``_names``: names of a user's as they can be shown.
- ``_axes``: colours, axes, legends, names beside points.
- ``_threshold``, ``_grid``, ``_reliability``, ``_epochs``, ``_trade_off``, ``_ranks``: displays.

It may import `_compat` and `estimators`.
"""

from focalsk.displays._axes import as_text as as_text
from focalsk.displays._axes import legend_below as legend_below
from focalsk.displays._axes import new_axes as new_axes
from focalsk.displays._axes import plain_log_axis as plain_log_axis
from focalsk.displays._calibration import expected_calibration_error, reliability_curve
from focalsk.displays._epochs import EpochsDisplay
from focalsk.displays._grid import GridDisplay
from focalsk.displays._names import shortened as shortened
from focalsk.displays._names import visible as visible
from focalsk.displays._ranks import CriticalDifferenceDisplay
from focalsk.displays._reliability import ReliabilityDisplay
from focalsk.displays._statistics import LEVEL as LEVEL
from focalsk.displays._statistics import corrected_interval, corrected_ttest
from focalsk.displays._statistics import holm as holm
from focalsk.displays._threshold import ThresholdDisplay
from focalsk.displays._trade_off import TradeOffDisplay

__all__ = [
    "CriticalDifferenceDisplay",
    "EpochsDisplay",
    "GridDisplay",
    "ReliabilityDisplay",
    "ThresholdDisplay",
    "TradeOffDisplay",
    "corrected_interval",
    "corrected_ttest",
    "expected_calibration_error",
    "reliability_curve",
]
