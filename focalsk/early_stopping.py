"""Early stopping that keeps the best epoch's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

__all__ = ["BestEpoch"]


class BestEpoch(Callback):
    """Stop when a score has ceased to improve, and keep the weights of the best epoch.

    The rule is MLPClassifier's: an epoch counts as progress if its score is at least the best one
    plus `tol`; more than `n_iter_no_change` epochs in a row without progress end the training.

    Parameters
    ----------
    score : callable
        ``score(net)`` is called after each epoch; greater is better.
    n_iter_no_change : int or inf, default=10
        Epochs without progress that are borne.
    tol : float, default=1e-4
        The least progress.

    Attributes
    ----------
    scores_ : list of float
        The score of each epoch.
    best_score_ : float
        The best of them.
    """

    def __init__(
        self, score: Callable[[NeuralNet], Any], n_iter_no_change: float = 10, tol: float = 1e-4
    ) -> None:
        self.score = score
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.scores_: list[float] = []
        self.best_score_ = -np.inf
        self.waited_ = 0
        self.best_state_ = _copy_state(net.module_)

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:  # type: ignore[override]
        score = float(self.score(net))
        self.scores_.append(score)
        # Written so that a score of NaN counts as no progress.
        self.waited_ = 0 if score >= self.best_score_ + self.tol else self.waited_ + 1
        if score > self.best_score_:
            self.best_score_ = score
            self.best_state_ = _copy_state(net.module_)
        if self.waited_ > self.n_iter_no_change:
            raise KeyboardInterrupt

    def on_train_end(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        net.module_.load_state_dict(self.best_state_)
        del self.best_state_


def _copy_state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}
