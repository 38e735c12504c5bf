"""Early stopping that keeps the best epoch's weights, of one net or of many side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback

__all__ = ["BestEpoch", "StopTraining"]

# What early stopping knows besides the scores and the best weights.
_KNOWN = ("best_score_", "n_iter_", "_waited", "_running")


class StopTraining(KeyboardInterrupt):
    """How a callback ends a training, as skorch knows it; a user's interrupt is none."""


class BestEpoch(Callback):
    """Stop when a score has ceased to improve, and keep the weights of the best epoch.

    The rule is MLPClassifier's: an epoch counts as progress if its score is at least the best one
    plus `tol`; more than `n_iter_no_change` epochs in a row without progress end the training.
    Where the net is a stack of M nets, each stops by itself and has its own best epoch; training
    ends with the last of them. A net of a stack whose score was never a number keeps its last
    weights, or NaN if it has left; `without_score_` says which.

    Parameters
    ----------
    score : callable
        ``score(net)`` is called after each epoch and gives a number, or one per net of a stack;
        greater is better.
    n_iter_no_change : int or inf, default=10
        Epochs without progress that are borne.
    tol : float, default=1e-4
        The least progress.
    leave : bool, default=False
        Whether nets that have stopped leave the stack, a StackNet's. Their scores are NaN then.

    Attributes
    ----------
    scores_ : list of ndarray of shape () or (M,)
        The score of each epoch.
    best_score_ : ndarray of shape () or (M,)
        The best of them.
    n_iter_ : ndarray of shape () or (M,)
        The epochs trained until the stop.
    without_score_ : ndarray of bool of shape () or (M,)
        Nets whose score was NaN or -inf in every epoch, known when training has ended.

    Raises
    ------
    ValueError
        When training has ended, if no net had a score that is a number.
    """

    def __init__(
        self,
        score: Callable[[NeuralNet], Any],
        n_iter_no_change: float = 10,
        tol: float = 1e-4,
        leave: bool = False,
    ) -> None:
        self.score = score
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.leave = leave

    def on_train_begin(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.scores_: list[np.ndarray] = []
        self.best_state_ = {name: value.clone() for name, value in _state(net).items()}

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        score = np.asarray(self.score(net), dtype=np.float64)
        if not self.scores_:
            self.best_score_ = np.full(score.shape, -np.inf)
            self.n_iter_ = np.zeros(score.shape, dtype=int)
            self._waited = np.zeros(score.shape, dtype=int)
            self._running = np.ones(score.shape, dtype=bool)
        self.scores_.append(score)
        self.n_iter_ += self._running
        # Written so that a score of NaN counts as no progress.
        self._waited = np.where(score >= self.best_score_ + self.tol, 0, self._waited + 1)
        improved = self._running & (score > self.best_score_)
        self.best_score_ = np.where(improved, score, self.best_score_)
        self._keep(net, improved)
        self._running &= self._waited <= self.n_iter_no_change
        if not self._running.any():
            raise StopTraining
        if self.leave:
            net.keep(self._running)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, torch.Tensor]]:
        """What is known after some epochs: arrays by name, and the best weights so far."""
        known = {name: getattr(self, name) for name in _KNOWN}
        return known | {"scores_": np.stack(self.scores_)}, self.best_state_

    def load_state(self, known: dict[str, Any], best_state: dict[str, NDArray[Any]]) -> None:
        """Go on from what :meth:`state` gave, after `on_train_begin`."""
        for name in _KNOWN:
            setattr(self, name, known[name])
        self.scores_ = list(known["scores_"])
        for name, value in best_state.items():
            self.best_state_[name].copy_(torch.from_numpy(value))

    def _keep(self, net: NeuralNet, improved: np.ndarray) -> None:
        in_stack = getattr(net, "in_stack_", None)
        chosen = torch.as_tensor(np.asarray(improved))
        here = chosen if in_stack is None else chosen[torch.as_tensor(in_stack)]
        for name, value in _state(net).items():
            index = chosen.to(value.device)
            self.best_state_[name][index] = value[here.to(value.device)]

    def on_train_end(self, net: NeuralNet, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        # Not even the last weights are the best of anything where nothing was measured; the
        # initial ones, which `best_state_` still holds then, least of all.
        self.without_score_ = np.isneginf(getattr(self, "best_score_", np.array(-np.inf)))
        if self.leave:
            for value in self.best_state_.values():
                if value.is_floating_point():
                    value[torch.as_tensor(self.without_score_).to(value.device)] = torch.nan
            net.restore(self.best_state_)
        else:
            self._check_scores()
            self._keep(net, self.without_score_)
            net.module_.load_state_dict(self.best_state_)
        del self.best_state_

    def _check_scores(self) -> None:
        if self.scores_ and self.without_score_.all():
            del self.best_state_
            raise ValueError(
                "The 'monitor' gave no number after any epoch, only "
                f"{sorted({str(value) for score in self.scores_ for value in score.flat})}: there "
                "is no best epoch to keep."
            )


def _state(net: NeuralNet) -> dict[str, torch.Tensor]:
    return net.module_.state_dict()
