"""The mathematics: focal losses and the posterior behind them. Torch only.

What is in the room, from the bottom up:

- ``_margins``: every focal loss as a function of one margin, with its gradient; exact everywhere.
- ``_checks``: what arguments are allowed, and errors that say so.
- ``_losses``: the public functions and modules.
- ``_posterior``, ``_scores``: from logits back to the probabilities of the data, and to decisions.

It may import `_compat` and nothing else of focalsk's.
"""

from focalsk.losses._losses import FocalLoss, SigmoidFocalLoss, focal_loss, sigmoid_focal_loss
from focalsk.losses._losses import OneVersusRestLoss as OneVersusRestLoss
from focalsk.losses._margins import dense_focal_gradient as dense_focal_gradient
from focalsk.losses._margins import sigmoid_focal_gradient as sigmoid_focal_gradient
from focalsk.losses._margins import softmax_focal_gradient as softmax_focal_gradient
from focalsk.losses._posterior import focal_posterior, sigmoid_focal_posterior
from focalsk.losses._posterior import focal_scores as focal_scores
from focalsk.losses._posterior import sigmoid_focal_scores as sigmoid_focal_scores
from focalsk.losses._posterior import unsmoothed as unsmoothed
from focalsk.losses._scores import label_scores as label_scores
from focalsk.losses._scores import one_versus_rest_posterior as one_versus_rest_posterior
from focalsk.losses._scores import one_versus_rest_scores as one_versus_rest_scores
from focalsk.losses._scores import softmax_scores as softmax_scores
from focalsk.losses._streams import indicators as indicators
from focalsk.losses._streams import softmax_focal_streams as softmax_focal_streams
from focalsk.losses._streams import softmax_scratch as softmax_scratch

__all__ = [
    "FocalLoss",
    "SigmoidFocalLoss",
    "focal_loss",
    "focal_posterior",
    "sigmoid_focal_loss",
    "sigmoid_focal_posterior",
]
