"""What a user writes, as type checkers see it from outside.

Nothing here runs. Each `type: ignore` stands for a mistake that a checker has to find: one that is
not needed is an error itself.
"""

from typing import Any, assert_type

import numpy as np
import torch
from numpy.typing import NDArray

from focalsk import (
    FocalEnsembleClassifier,
    FocalGridSearchCV,
    FocalLoss,
    FocalNetClassifier,
    FocalRandomizedSearchCV,
    PriorCorrectedClassifier,
    compute_alpha,
    focal_loss,
    sigmoid_focal_loss,
)


def classifiers(X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
    classifier = FocalNetClassifier(
        (20, 20), gamma=[0.0, 2.0], alpha="balanced", proba="weighted", optimizer="adamw"
    )
    assert_type(classifier.fit(X, y), FocalNetClassifier)
    assert_type(classifier.fit(X, y, X_val=X, y_val=y, sample_weight_val=None), FocalNetClassifier)
    assert_type(classifier.partial_fit(X, y, classes=[0, 1]), FocalNetClassifier)
    assert_type(classifier.predict(X), NDArray[Any])
    assert_type(classifier.loss_curve_, list[float])
    FocalNetClassifier(alpha={0: 1.0, 1: 5.0}, gamma=np.array([0.5, 2.0]), decision="balanced")
    FocalNetClassifier(alpha=torch.ones(2), optimizer=torch.optim.SGD, module=torch.nn.Linear)
    assert_type(FocalEnsembleClassifier(4, batch_size="auto").fit(X, y), FocalEnsembleClassifier)
    corrected = PriorCorrectedClassifier(classifier, target_prior={0: 0.9, 1: 0.1})
    assert_type(corrected.fit(X, y), PriorCorrectedClassifier)


def mistakes_in_words() -> None:
    FocalNetClassifier(gamma="two")  # type: ignore[arg-type]
    FocalNetClassifier(alpha="balance")  # type: ignore[arg-type]
    FocalNetClassifier(class_weight="sqrt")  # type: ignore[arg-type]
    FocalNetClassifier(output="softmx")  # type: ignore[arg-type]
    FocalNetClassifier(proba="posteriour")  # type: ignore[arg-type]
    FocalNetClassifier(decision="best")  # type: ignore[arg-type]
    FocalNetClassifier(optimizer="adma")  # type: ignore[arg-type]
    FocalNetClassifier(focus=2)  # type: ignore[call-arg]
    FocalEnsembleClassifier(batch_size="all")  # type: ignore[arg-type]
    PriorCorrectedClassifier(None, decision="argmax")  # type: ignore[arg-type]
    FocalLoss(reduction="avg")  # type: ignore[arg-type]


class Mine(FocalNetClassifier):
    """A subclass is what its `fit` returns."""


def searches(X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
    assert_type(Mine().fit(X, y), Mine)
    search = FocalGridSearchCV(FocalNetClassifier(), {"gamma": [0, 1]}, scoring="roc_auc", cv=3)
    assert_type(search.fit(X, y), FocalGridSearchCV)
    assert_type(search.stacks_, list[dict[str, Any]] | None)
    randomized = FocalRandomizedSearchCV(FocalNetClassifier(), {"lr": [0.1, 0.01]}, n_iter=2)
    assert_type(randomized.fit(X, y), FocalRandomizedSearchCV)


def losses(logits: torch.Tensor, target: torch.Tensor) -> None:
    assert_type(focal_loss(logits, target, 2.0, [1.0, 2.0], reduction="sum"), torch.Tensor)
    assert_type(sigmoid_focal_loss(logits, target, reduction="none"), torch.Tensor)
    focal_loss(logits, target, reduction="men")  # type: ignore[arg-type]
    compute_alpha("effective", [0, 0, 1], beta=0.99)
    compute_alpha("efective", [0, 0, 1])  # type: ignore[arg-type]
