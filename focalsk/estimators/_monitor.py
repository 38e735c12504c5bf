"""What early stopping monitors: a scorer of scikit-learn's, asked about the held-out samples."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer

from focalsk.estimators._target_coding import Samples, TargetCoding

__all__ = ["Monitor"]


class Monitor:
    """A scorer on held-out samples; what it cannot score is said by the name of `monitor`.

    Parameters
    ----------
    scoring : str or callable
        As `monitor` of FocalNetClassifier, other than 'loss'. A scorer by name whose positive
        class is 1, such as 'f1', sees 0 and 1 in place of two classes that do not have a 1.
    coding : TargetCoding
        What the codes of the samples mean.
    samples : Samples
        The held-out ones.
    """

    def __init__(self, scoring: Any, coding: TargetCoding, samples: Samples) -> None:
        self.scoring = scoring
        self.score = get_scorer(scoring)
        self.coding = coding
        self.samples = samples
        two = not coding.multilabel and len(coding.classes) == 2
        self.coded = two and isinstance(scoring, str) and 1 not in coding.classes.tolist()
        classes = np.arange(2) if self.coded else coding.classes
        self.target_coding = dataclasses.replace(coding, classes=classes)
        self.y = samples.codes if coding.multilabel else classes[samples.codes]

    def __call__(self, estimator: Any) -> float:
        """The score of a fitted estimator.

        Raises
        ------
        ValueError
            If the scorer fails, or gives no number.
        """
        if self.coded:
            estimator = copy.copy(estimator)
            estimator._coding, estimator.classes_ = self.target_coding, self.target_coding.classes
        weight = self.samples.weight
        kwargs = {} if weight is None else {"sample_weight": weight}
        try:
            score = self.score(estimator, self.samples.X, self.y, **kwargs)
        except Exception as error:
            raise ValueError(self._said(f"cannot score the held-out samples: {error}")) from error
        try:
            values = np.asarray(score, dtype=np.float64)
        except (TypeError, ValueError):
            values = np.empty(0)
        if score is None or isinstance(score, str) or values.size != 1:
            raise ValueError(self._said(f"must give a number. Got {score!r} instead."))
        return float(values.reshape(()))

    def check(self, estimator: Any) -> None:
        """Refuse, before training, a scorer of scikit-learn's that cannot do with the samples."""
        if not isinstance(self.scoring, str) and not hasattr(self.scoring, "_score_func"):
            return  # a function of the user's is called once per epoch, no more
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = self(estimator)
        if not np.isfinite(score) and self._absent():
            raise ValueError(self._said(f"gives {score} for the held-out samples."))

    def _absent(self) -> list[Any]:
        if self.coding.multilabel:
            return []
        absent = np.setdiff1d(np.arange(len(self.coding.classes)), self.samples.codes)
        return self.coding.classes[absent].tolist()

    def _said(self, what: str) -> str:
        absent = self._absent()
        hint = f" None of them is of {absent}; monitor='loss' can do without." if absent else ""
        return f"The 'monitor' {self.scoring!r} of FocalNetClassifier {what}{hint}"
