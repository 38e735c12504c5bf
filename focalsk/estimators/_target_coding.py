"""The head of a classifier: what its targets and its logits mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import get_scorer
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from torch.nn import functional as F

from focalsk.estimators._class_weight import compute_alpha
from focalsk.losses import (
    focal_posterior,
    focal_scores,
    sigmoid_focal_posterior,
    sigmoid_focal_scores,
)
from focalsk.nets import ArrayDataset, in_blocks

__all__ = ["Head", "Samples"]


class Samples(NamedTuple):
    """Validated samples: X (n, ...), codes of their targets, and weights (n,) or None."""

    X: Any
    codes: NDArray[Any]
    weight: NDArray[Any] | None

    def take(self, chosen: NDArray[np.bool_]) -> Samples:
        """The samples where a mask (n,) is set."""
        weight = None if self.weight is None else self.weight[chosen]
        return Samples(self.X[chosen], self.codes[chosen], weight)


@dataclass(frozen=True)
class Head:
    """Classes or labels, coded for a net on the way in and decoded on the way out.

    Codes are class indices (n,) of int64, or label indicators (n, K) of float32. There are three
    kinds of head: softmax over the classes, where one sigmoid logit z counts as the two logits
    (0, z); one sigmoid against the rest for each class; one sigmoid for each label.

    Parameters
    ----------
    classes : ndarray of shape (K,)
        Sorted classes; for a multi-label problem, the numbers of its labels.
    multilabel : bool
        Each label is present or absent by itself.
    sigmoid : bool
        The loss is a sigmoid's; always so for multi-label problems.
    """

    classes: NDArray[Any]
    multilabel: bool
    sigmoid: bool

    @classmethod
    def of(cls, y: Any, output: str, classes: Any = None) -> Head:
        """Read the head off targets (n,) or indicators (n, K), dense or sparse.

        `classes` are all there are where `y` may lack some.
        """
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multilabel-indicator":
            return cls(np.arange(y.shape[1]), multilabel=True, sigmoid=True)
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y must hold one class per sample or 0/1 label indicators. Got several classes "
                "per sample (multiclass-multioutput) instead."
            )
        classes = np.unique(y if classes is None else classes)
        return cls(classes, multilabel=False, sigmoid=output == "sigmoid")

    @property
    def n_outputs(self) -> int:
        """Number of logits."""
        return 1 if self._one_logit else len(self.classes)

    @property
    def _one_logit(self) -> bool:
        return self.sigmoid and not self.multilabel and len(self.classes) == 2

    @property
    def one_versus_rest(self) -> bool:
        """One sigmoid per class."""
        return self.sigmoid and not self.multilabel and len(self.classes) > 2

    # On the way in ------------------------------------------------------------------------------

    def encode(self, y: Any) -> NDArray[Any]:
        """Codes of targets of the same kind, whose classes must all be known."""
        if self.multilabel:
            indicators = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
            if indicators.ndim != 2 or indicators.shape[1] != len(self.classes):
                raise ValueError(
                    f"y must be label indicators of shape (n_samples, {len(self.classes)}). Got "
                    f"shape {indicators.shape} instead."
                )
            return indicators.astype(np.float32)
        found, codes = np.unique(y, return_inverse=True)
        unknown = np.setdiff1d(found, self.classes)
        if len(unknown):
            raise ValueError(
                f"y must only have the classes {self.classes.tolist()}. Got {unknown.tolist()} "
                "besides."
            )
        return np.searchsorted(self.classes, found)[codes.ravel()]

    def check_several(self, codes: NDArray[Any], estimator: Any) -> None:
        """Refuse samples of one class only."""
        if not self.multilabel and len(found := np.unique(codes)) < 2:
            raise ValueError(
                f"{type(estimator).__name__} needs samples of at least 2 classes in the data, but "
                f"the data contains only one class: {self.classes.tolist()[found[0]]!r}"
            )

    def count(self, codes: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[np.float64]:
        """Summed weight (K,) of each class, or (2, K) of each label where absent and present."""
        weight = np.ones(len(codes)) if weight is None else weight
        if not self.multilabel:
            return np.bincount(codes, weight, minlength=len(self.classes)).astype(np.float64)
        present = weight @ codes
        return np.stack([weight.sum() - present, present])

    def alpha(self, alpha: Any, counts: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Class weights (K,) or label weights (2, K), from a scheme or as a user gave them."""
        if not self.multilabel:
            return compute_alpha(alpha, self.classes, classes=self.classes, sample_weight=counts)
        if isinstance(alpha, str):
            labels = (compute_alpha(alpha, [0, 1], sample_weight=count) for count in counts.T)
            return np.column_stack([np.asarray(label) for label in labels])
        return compute_alpha(alpha, np.zeros((1, len(self.classes)), dtype=int))

    def targets(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Codes as the loss wants them: one sigmoid logit takes a column of 0 and 1."""
        return codes.astype(np.float32)[:, None] if self._one_logit else codes

    def loss_alpha(self, alpha: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """Alpha as the loss wants it: one sigmoid logit takes (negative, positive) rows."""
        return alpha[:, None] if self._one_logit and alpha is not None else alpha

    def split(self, samples: Samples, fraction: float, seed: int) -> tuple[Samples, Samples]:
        """Training and validation samples, stratified by class: see :meth:`hold_out`."""
        valid = self.hold_out(samples.codes, fraction, seed)
        return samples.take(~valid), samples.take(valid)

    def hold_out(self, codes: NDArray[Any], fraction: float, seed: int) -> NDArray[np.bool_]:
        """Which samples (n,) to validate with, stratified by class.

        Every class with two samples or more is in both parts; the sample of a class that has only
        one stays in training. Multi-label samples are split at random.
        """
        rng = np.random.default_rng(seed)
        valid = np.zeros(len(codes), dtype=bool)
        groups = np.zeros(len(codes), dtype=int) if self.multilabel else codes
        for group in np.unique(groups):
            members = rng.permutation(np.flatnonzero(groups == group))
            wanted = max(1, round(fraction * len(members)))
            valid[members[: min(wanted, len(members) - 1)]] = True
        if not valid.any():
            raise ValueError(
                "early_stopping=True needs a class with two samples or more, to hold out some for "
                f"validation. Got {len(codes)} samples, each alone in its class."
            )
        return valid

    def dataset(self, samples: Samples) -> ArrayDataset:
        """What a net trains on."""
        return ArrayDataset(samples.X, self.targets(samples.codes), samples.weight)

    def scorer(self, scoring: Any, samples: Samples) -> Callable[[Any], float]:
        """A function of an estimator: its score on coded samples, by scikit-learn's scorer."""
        score = get_scorer(scoring)
        y = samples.codes if self.multilabel else self.classes[samples.codes]
        kwargs = {} if samples.weight is None else {"sample_weight": samples.weight}
        return lambda estimator: score(estimator, samples.X, y, **kwargs)

    # On the way out -----------------------------------------------------------------------------

    def scores(self, logits: torch.Tensor, gamma: Any) -> torch.Tensor:
        """Decision scores (..., K): their softmax or sigmoid is the posterior under the weights.

        A binary problem has log-odds (...,) instead.
        """
        return in_blocks(partial(self._scores, gamma=gamma), logits)

    def _scores(self, logits: torch.Tensor, gamma: Any) -> torch.Tensor:
        if self.multilabel or self.one_versus_rest:
            return sigmoid_focal_scores(logits, gamma)
        scores = focal_scores(self._two_logits(logits), gamma)
        return scores[..., 1] - scores[..., 0] if len(self.classes) == 2 else scores

    def decode(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Targets from decision scores."""
        if self.multilabel:
            return (scores > 0).astype(np.int64)
        if len(self.classes) == 2:
            return self.classes[(scores > 0).astype(np.int64)]
        return self.classes[scores.argmax(axis=-1)]

    def probabilities(
        self, logits: torch.Tensor, gamma: Any, alpha: Any, proba: str
    ) -> torch.Tensor:
        """Probabilities (..., K): of the data, under the class weights, or the net's own."""
        alpha = alpha if proba == "posterior" else None
        gamma = gamma if proba != "raw" else 0.0
        return in_blocks(partial(self._probabilities, gamma=gamma, alpha=alpha), logits)

    def _probabilities(self, logits: torch.Tensor, gamma: Any, alpha: Any) -> torch.Tensor:
        if self.multilabel:
            return sigmoid_focal_posterior(logits, gamma, alpha)
        if not self.one_versus_rest:
            return focal_posterior(self._two_logits(logits), gamma, alpha)
        # In logs: far from every class, the sigmoids themselves would all vanish.
        log_p = F.logsigmoid(sigmoid_focal_scores(logits, gamma))
        if alpha is not None:
            alpha = torch.as_tensor(alpha, dtype=log_p.dtype)
            log_p = torch.where(alpha > 0, log_p - alpha.log(), -torch.inf)
        return log_p.softmax(dim=-1)

    def _two_logits(self, logits: torch.Tensor) -> torch.Tensor:
        return F.pad(logits, (1, 0)) if self._one_logit else logits
