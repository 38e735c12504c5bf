"""What scikit-learn sees: classifiers, and what their targets and class weights mean.

What is in the room, from the bottom up:

- ``_class_weight``: the weight of each class in the loss.
- ``_target_coding``: classes and labels as codes for a net, and back.
- ``_validation``: what `fit` and `predict` are given, checked and coded.
- ``_monitor``: what early stopping asks of a scorer.
- ``_building``: from parameters to a net, and on with other parameters.
- ``_resuming``: what a training depends on, to find its checkpoint by.
- ``_outcome``: what a training has come to, undone where it failed.
- ``_classifier``: FocalNetClassifier.
- ``_stack``: many candidate nets as one net, and back.
- ``_grouping``: which nets can train as one.
- ``_inputs``, ``_folds``, ``_members``, ``_posteriors``, ``_decisions``: parts of the ensemble.
- ``_ensemble``: FocalEnsembleClassifier.
- ``_logit_adjustment``: LogitAdjustedClassifier, which decides for classes of equal frequency.
- ``_learned_prior``, ``_prior_correction``: PriorCorrectedClassifier.

It may import `_compat`, `losses`, `nets` and `tables`.
"""

from focalsk.estimators._building import make_seed as make_seed
from focalsk.estimators._class_weight import compute_alpha
from focalsk.estimators._classifier import FocalNetClassifier
from focalsk.estimators._decisions import METRICS
from focalsk.estimators._ensemble import FocalEnsembleClassifier
from focalsk.estimators._grouping import fingerprint as fingerprint
from focalsk.estimators._grouping import group_tasks as group_tasks
from focalsk.estimators._grouping import why_alone as why_alone
from focalsk.estimators._grouping import why_no_stack as why_no_stack
from focalsk.estimators._logit_adjustment import LogitAdjustedClassifier
from focalsk.estimators._logit_adjustment import divide_priors as divide_priors
from focalsk.estimators._outcome import divergence as divergence
from focalsk.estimators._prior_correction import PriorCorrectedClassifier
from focalsk.estimators._stack import FittedStream as FittedStream
from focalsk.estimators._stack import Fold as Fold
from focalsk.estimators._stack import Rows as Rows
from focalsk.estimators._stack import Stack as Stack
from focalsk.estimators._stack import Task as Task
from focalsk.estimators._target_coding import TargetCoding as TargetCoding
from focalsk.estimators._validation import check_classes as check_classes
from focalsk.estimators._validation import check_no_missing as check_no_missing
from focalsk.estimators._validation import check_X as check_X
from focalsk.estimators._validation import plain as plain

DECISION_METRICS = METRICS  # what decisions can be tuned for

__all__ = [
    "FocalEnsembleClassifier",
    "FocalNetClassifier",
    "LogitAdjustedClassifier",
    "PriorCorrectedClassifier",
    "compute_alpha",
]
