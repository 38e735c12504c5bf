"""Target codings: what the targets and the logits of a classifier mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from torch.nn import functional as F

from focalsk.estimators._class_weight import compute_alpha
from focalsk.losses import (
    FocalLoss,
    OneVersusRestLoss,
    SigmoidFocalLoss,
    focal_posterior,
    label_scores,
    one_versus_rest_posterior,
    one_versus_rest_scores,
    sigmoid_focal_posterior,
    softmax_scores,
)
from focalsk.nets import ArrayDataset, in_blocks

__all__ = ["Samples", "TargetCoding"]


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
class TargetCoding(ABC):
    """Classes or labels, coded for a net on the way in and decoded on the way out.

    There are three: :class:`ClassCoding`, :class:`OneVersusRestCoding`, :class:`LabelCoding`. Each
    knows its codes, its loss, and how to read decisions and probabilities off logits.

    Parameters
    ----------
    classes : ndarray of shape (K,)
        Sorted classes; for a multi-label problem, the numbers of its labels.
    """

    classes: NDArray[Any]

    multilabel: ClassVar[bool] = False
    """Whether each label is present or absent by itself."""

    @staticmethod
    def of(y: Any, output: str, classes: Any = None) -> TargetCoding:
        """The coding of targets (n,) or indicators (n, K), dense or sparse.

        `classes` are all there are where `y` may lack some.
        """
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multilabel-indicator":
            if (wrong := np.setdiff1d(getattr(y, "data", y) if issparse(y) else y, [0, 1])).size:
                raise ValueError(
                    "y must hold one class per sample or 0/1 label indicators. Got the values "
                    f"{wrong.tolist()[:5]} among indicators instead."
                )
            return LabelCoding(np.arange(y.shape[1]))
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y must hold one class per sample or 0/1 label indicators. Got several classes "
                "per sample (multiclass-multioutput) instead."
            )
        classes = np.unique(y if classes is None else classes)
        if output == "sigmoid" and len(classes) > 2:
            return OneVersusRestCoding(classes)
        return ClassCoding(classes, one_logit=output == "sigmoid" and len(classes) == 2)

    @property
    def n_outputs(self) -> int:
        """Number of logits."""
        return len(self.classes)

    @property
    def key(self) -> tuple[Any, ...]:
        """What two codings share that are the same."""
        return type(self).__name__, self.n_outputs, self.classes.tolist()

    # On the way in ------------------------------------------------------------------------------

    def encode(self, y: Any) -> NDArray[Any]:
        """Class indices (n,) of targets whose classes must all be known."""
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
        if len(found := np.unique(codes)) < 2:
            raise ValueError(
                f"{type(estimator).__name__} needs samples of at least 2 classes in the data, but "
                f"the data contains only one class: {self.classes.tolist()[found[0]]!r}"
            )

    def count(self, codes: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[np.float64]:
        """Summed weight (K,) of each class."""
        return np.bincount(codes, weight, minlength=len(self.classes)).astype(np.float64)

    def prior(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares (K,) of the classes, or of the samples that have a label."""
        return counts / counts.sum()

    def alpha(self, alpha: Any, counts: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Class weights (K,), from a scheme or as a user gave them."""
        return compute_alpha(alpha, self.classes, classes=self.classes, sample_weight=counts)

    def targets(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Codes as the loss wants them."""
        return codes

    @abstractmethod
    def loss(
        self, gamma: Any, alpha: NDArray[np.float64] | None, label_smoothing: float = 0.0
    ) -> torch.nn.Module:
        """What trains a net."""

    def strata(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        """What samples are stratified by (n,) when some are held out."""
        return codes

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
        groups = self.strata(codes)
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

    # On the way out -----------------------------------------------------------------------------

    def scores(
        self, logits: torch.Tensor, gamma: Any, alpha: Any = None, label_smoothing: float = 0.0
    ) -> torch.Tensor:
        """Decision scores (..., K): their softmax or sigmoid is the posterior under the weights.

        A binary problem has log-odds (...,) instead. Gamma, alpha and smoothing are the loss's.
        """
        scores = partial(
            self._scores, gamma=gamma, alpha=alpha, label_smoothing=float(label_smoothing)
        )
        return in_blocks(scores, logits)

    def probabilities(
        self,
        logits: torch.Tensor,
        gamma: Any,
        alpha: Any,
        proba: str,
        label_smoothing: float = 0.0,
    ) -> torch.Tensor:
        """Probabilities (..., K): of the data, under the class weights, or the net's own."""
        if proba == "weighted" and label_smoothing == 0:
            alpha = None
        elif proba == "weighted":
            scores = self.scores(logits, gamma, alpha, label_smoothing)
            return in_blocks(self._from_scores, scores)
        elif proba == "raw":
            gamma, alpha, label_smoothing = 0.0, None, 0.0
        posterior = partial(
            self._posterior, gamma=gamma, alpha=alpha, label_smoothing=float(label_smoothing)
        )
        return in_blocks(posterior, logits)

    @abstractmethod
    def _scores(
        self, logits: torch.Tensor, gamma: Any, alpha: Any, label_smoothing: float
    ) -> torch.Tensor: ...

    @abstractmethod
    def _from_scores(self, scores: torch.Tensor) -> torch.Tensor:
        """Probabilities (..., K) from decision scores."""

    @abstractmethod
    def _posterior(
        self, logits: torch.Tensor, gamma: Any, alpha: Any, label_smoothing: float
    ) -> torch.Tensor: ...

    def decode(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Targets from decision scores."""
        if len(self.classes) == 2:
            return self.classes[(scores > 0).astype(np.int64)]
        return self.classes[scores.argmax(axis=-1)]


@dataclass(frozen=True)
class ClassCoding(TargetCoding):
    """One class per sample, by a softmax; with two classes, perhaps by one logit z.

    The logit z counts as the two logits (0, z): its sigmoid is their softmax.
    """

    one_logit: bool = False

    @property
    def n_outputs(self) -> int:
        """Number of logits."""
        return 1 if self.one_logit else len(self.classes)

    def targets(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Class indices (n,); for one logit a column of 0 and 1."""
        return codes.astype(np.float32)[:, None] if self.one_logit else codes

    def loss(
        self, gamma: Any, alpha: NDArray[np.float64] | None, label_smoothing: float = 0.0
    ) -> torch.nn.Module:
        """Softmax focal loss; for one logit the sigmoid's, with (negative, positive) weights."""
        weights = None if alpha is None else torch.as_tensor(alpha)
        if not self.one_logit:
            return FocalLoss(gamma, weights, label_smoothing=label_smoothing)
        weights = None if weights is None else weights[:, None]
        return SigmoidFocalLoss(gamma, weights, label_smoothing=label_smoothing)

    def _two_logits(self, logits: torch.Tensor) -> torch.Tensor:
        return F.pad(logits, (1, 0)) if self.one_logit else logits

    def _scores(
        self, logits: torch.Tensor, gamma: Any, alpha: Any, label_smoothing: float
    ) -> torch.Tensor:
        scores = softmax_scores(self._two_logits(logits), gamma, alpha, label_smoothing)
        return scores[..., 1] - scores[..., 0] if len(self.classes) == 2 else scores

    def _from_scores(self, scores: torch.Tensor) -> torch.Tensor:
        if len(self.classes) == 2:
            return torch.stack([(-scores).sigmoid(), scores.sigmoid()], dim=-1)
        return scores.softmax(dim=-1)

    def _posterior(
        self, logits: torch.Tensor, gamma: Any, alpha: Any, label_smoothing: float
    ) -> torch.Tensor:
        logits = self._two_logits(logits)
        return focal_posterior(logits, gamma, alpha, label_smoothing=label_smoothing)


@dataclass(frozen=True)
class OneVersusRestCoding(TargetCoding):
    """One class per sample, by a sigmoid for each class against the rest.

    Alpha weighs samples by their class, so that each sigmoid tells the share of its class under the
    weights: smoothing is undone first, then alpha.
    """

    def loss(
        self, gamma: Any, alpha: NDArray[np.float64] | None, label_smoothing: float = 0.0
    ) -> torch.nn.Module:
        """Binary focal loss of each class, weighed by the sample's class."""
        weights = None if alpha is None else torch.as_tensor(alpha)
        return OneVersusRestLoss(gamma, weights, label_smoothing=label_smoothing)

    def _scores(
        self, logits: torch.Tensor, gamma: Any, alpha: Any, label_smoothing: float
    ) -> torch.Tensor:
        return one_versus_rest_scores(logits, gamma, label_smoothing)

    def _from_scores(self, scores: torch.Tensor) -> torch.Tensor:
        return F.logsigmoid(scores).softmax(dim=-1)

    def _posterior(
        self, logits: torch.Tensor, gamma: Any, alpha: Any, label_smoothing: float
    ) -> torch.Tensor:
        return one_versus_rest_posterior(logits, gamma, alpha, label_smoothing)


@dataclass(frozen=True)
class LabelCoding(TargetCoding):
    """Labels that are present or absent by themselves, by a sigmoid for each."""

    multilabel: ClassVar[bool] = True

    def encode(self, y: Any) -> NDArray[Any]:
        """Indicators (n, K) of float32."""
        indicators = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        if indicators.ndim != 2 or indicators.shape[1] != len(self.classes):
            raise ValueError(
                f"y must be label indicators of shape (n_samples, {len(self.classes)}). Got "
                f"shape {indicators.shape} instead."
            )
        return indicators.astype(np.float32)

    def check_several(self, codes: NDArray[Any], estimator: Any) -> None:
        """Nothing: a label may be always or never there."""

    def count(self, codes: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[np.float64]:
        """Summed weight (2, K) of each label where absent and present."""
        weight = np.ones(len(codes)) if weight is None else weight
        present = weight @ codes
        return np.stack([weight.sum() - present, present])

    def prior(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares (K,) of the samples that have a label."""
        return counts[1] / counts.sum(axis=0)

    def alpha(self, alpha: Any, counts: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Label weights (2, K), from a scheme or as a user gave them."""
        if isinstance(alpha, str):
            scheme: Any = alpha
            labels = (compute_alpha(scheme, [0, 1], sample_weight=count) for count in counts.T)
            return np.column_stack([np.asarray(label) for label in labels])
        return compute_alpha(alpha, np.zeros((1, len(self.classes)), dtype=int))

    def loss(
        self, gamma: Any, alpha: NDArray[np.float64] | None, label_smoothing: float = 0.0
    ) -> torch.nn.Module:
        """Binary focal loss of each label."""
        weights = None if alpha is None else torch.as_tensor(alpha)
        return SigmoidFocalLoss(gamma, weights, label_smoothing=label_smoothing)

    def strata(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        """One stratum: combinations of labels are too many."""
        return np.zeros(len(codes), dtype=np.int64)

    def _scores(
        self, logits: torch.Tensor, gamma: Any, alpha: Any, label_smoothing: float
    ) -> torch.Tensor:
        return label_scores(logits, gamma, alpha, label_smoothing)

    def _from_scores(self, scores: torch.Tensor) -> torch.Tensor:
        return scores.sigmoid()

    def _posterior(
        self, logits: torch.Tensor, gamma: Any, alpha: Any, label_smoothing: float
    ) -> torch.Tensor:
        return sigmoid_focal_posterior(logits, gamma, alpha, label_smoothing=label_smoothing)

    def decode(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Indicators (n, K) of int64 from decision scores."""
        return (scores > 0).astype(np.int64)
