"""The class prior of the data, put back into what resampling or class weights have trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from focalsk._compat._sklearn import (
    HasMethods,
    StrOptions,
    check_sample_weight,
    check_targets,
    fit_context,
)
from focalsk.estimators._class_weight import as_numbers, by_class
from focalsk.estimators._learned_prior import Seen, add_counters, learned_prior, remove_counters
from focalsk.estimators._types import Numbers
from focalsk.estimators._validation import check_no_missing, plain

__all__ = ["PriorCorrectedClassifier", "shift_prior"]


class PriorCorrectedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    r"""Probabilities of the data from a classifier trained on resampled or weighted classes.

    Resampling and class weights train a classifier as if its classes had another prior
    :math:`\rho` than the data's :math:`\pi`. Its decisions are then what was wanted, but its
    probabilities are of data that do not exist. By Bayes' rule those of the data are
    :math:`p_k \pi_k / \rho_k`, renormalised [1]_ [2]_ [3]_.

    This is exact for random over- and undersampling, and for class and sample weights where the
    classifier minimises a proper loss (log loss, squared error): as exact as its probabilities are
    of what it was trained on. It is approximate for samplers that change more than the prior, as
    they make samples up (SMOTE, ADASYN) or choose them (NearMiss, edited nearest neighbours); for
    averages over members, each of which has learned the prior a little differently
    (imbalanced-learn's balanced bagging and forest); and for boosting whose scores are no
    probabilities of anything (RUSBoost, EasyEnsemble).

    It goes too far where a classifier learns its samples by heart, as then neither class weights
    nor copies of samples have moved its probabilities by as much as its prior: forests of
    trees that grow until their leaves are pure, above all, and boosting for many iterations. Give
    their trees larger leaves, undersample, or calibrate on held-out samples instead.

    Parameters
    ----------
    estimator : classifier
        Any classifier with `predict_proba`, or a pipeline of scikit-learn or imbalanced-learn that
        ends in one.
    train_prior : 'auto', dict or array-like of shape (n_classes,), default='auto'
        The prior that the classifier learns. 'auto' reads it off: from the classes that leave the
        samplers of a pipeline, the `sample_weight` of `fit`, `class_weight` and what other
        libraries call it (`scale_pos_weight`, `is_unbalance`, `class_weights`,
        `auto_class_weights`), `priors` of discriminant analysis and naive Bayes, also inside
        searches, thresholds, bagging, voting, stacking and imbalanced-learn's ensembles. What is
        calibrated on the data already, CalibratedClassifierCV and FocalNetClassifier, is left as
        it is, and so are SVC and NuSVC, whose probabilities come from Platt's sigmoid without the
        weights. Anything else is refused with an error; give numbers then. They need not sum to 1.
    target_prior : None, 'unweighted', dict or array-like of shape (n_classes,), default=None
        The prior that probabilities are to have. None is that of the data given to `fit`, in which
        a sample of weight 2 counts twice. 'unweighted' counts each sample once: for a
        `sample_weight` that is no part of the data but meant to balance classes. Numbers are for
        data of another prior than those of `fit` [2]_. A Series of pandas whose index is not 0, 1,
        and so on is read by its index, as ``y.value_counts()`` is.
    decision : {'estimator', 'posterior'}, default='estimator'
        How `predict` decides: as `estimator` does, whose balanced decisions are what resampling and
        class weights are for; or for the class of the greatest corrected probability, as a Bayes
        classifier under the target prior. May be changed after `fit`.

    Attributes
    ----------
    estimator_ : classifier
        The fitted one.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    train_prior_, target_prior_ : ndarray of shape (n_classes,)
        :math:`\rho` and :math:`\pi`, each of sum 1. A class that the classifier never saw
        (:math:`\rho_k = 0`) has probability 0.
    n_features_in_, feature_names_in_
        Those of `estimator_`, where it has them.

    See Also
    --------
    focalsk.FocalNetClassifier : Needs none of this.
    sklearn.calibration.CalibratedClassifierCV : Learns a map of the probabilities from held-out
        samples, which takes some.

    References
    ----------
    .. [1] Elkan, C. (2001). "The foundations of cost-sensitive learning". IJCAI.
    .. [2] Saerens, M., Latinne, P. and Decaestecker, C. (2002). "Adjusting the outputs of a
       classifier to new a priori probabilities: a simple procedure". Neural Computation 14(1).
    .. [3] Dal Pozzolo, A., Caelen, O., Johnson, R. A. and Bontempi, G. (2015). "Calibrating
       probability with undersampling for unbalanced classification". IEEE SSCI.

    Examples
    --------
    >>> from imblearn.pipeline import make_pipeline
    >>> from imblearn.under_sampling import RandomUnderSampler
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from focalsk import PriorCorrectedClassifier
    >>> X, y = make_classification(2000, weights=[0.9], random_state=0)
    >>> pipeline = make_pipeline(RandomUnderSampler(random_state=0), LogisticRegression())
    >>> corrected = PriorCorrectedClassifier(pipeline).fit(X, y)
    >>> corrected.train_prior_, corrected.target_prior_.round(2)
    (array([0.5, 0.5]), array([0.9, 0.1]))
    >>> float(pipeline.fit(X, y).predict_proba(X)[:, 1].mean().round(2))  # far more than there are
    0.16
    >>> float(corrected.predict_proba(X)[:, 1].mean().round(2))
    0.1
    >>> bool((corrected.predict(X) == pipeline.predict(X)).all())
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "train_prior": [StrOptions({"auto"}), dict, "array-like"],
        "target_prior": [StrOptions({"unweighted"}), dict, "array-like", None],
        "decision": [StrOptions({"estimator", "posterior"})],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        train_prior: Literal["auto"] | Mapping[Any, float] | Numbers = "auto",
        target_prior: Literal["unweighted"] | Mapping[Any, float] | Numbers | None = None,
        decision: Literal["estimator", "posterior"] = "estimator",
    ) -> None:
        self.estimator = estimator
        self.train_prior = train_prior
        self.target_prior = target_prior
        self.decision = decision

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> Self:
        """Fit the classifier, and read off the prior that it has learned.

        Parameters
        ----------
        X : of whatever form `estimator` takes
            Samples.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, for `estimator` (the last step of a pipeline) and for the prior
            of the data.
        **params : dict
            What else `estimator.fit` takes.

        Raises
        ------
        ValueError
            If `estimator` takes no sample weights and some are given, or if a prior is not one of
            these classes.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        check_no_missing(y, "y")
        targets = check_targets(plain(y, "y"), estimator=self)
        check_classification_targets(targets)
        self.classes_, codes = np.unique(targets, return_inverse=True)
        weight = None
        if sample_weight is not None:
            weight = plain(sample_weight, "sample_weight")
            weight = check_sample_weight(weight, X, ensure_non_negative=True)
            if not weight.any():
                raise ValueError("sample_weight must be positive for some samples. Got only zeros.")
        data = Seen(self.classes_, codes, weight)
        target_prior = self._target_prior(data)
        if not isinstance(self.train_prior, str):
            train_prior = _as_prior("train_prior", self.train_prior, self.classes_)

        estimator = clone(self.estimator)
        given, weight = self._given(estimator, weight, params)
        counts = isinstance(self.train_prior, str) and add_counters(estimator)
        estimator.fit(X, targets if getattr(y, "ndim", 1) == 2 else y, **given)
        if isinstance(self.train_prior, str):
            train_prior = learned_prior(estimator, data._replace(weight=weight))
        if counts:
            remove_counters(estimator)
        self.estimator_ = estimator
        self.train_prior_, self.target_prior_ = train_prior, target_prior
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))
        return self

    def _target_prior(self, data: Seen) -> NDArray[np.float64]:
        if self.target_prior is None:
            return data.share()
        if isinstance(self.target_prior, str):
            return data._replace(weight=None).share()
        return _as_prior("target_prior", self.target_prior, self.classes_)

    def _given(self, estimator: Any, sample_weight: Any, params: Any) -> tuple[dict[str, Any], Any]:
        """Arguments for the estimator's `fit`, and the sample weights among them."""
        if get_config()["enable_metadata_routing"]:
            if sample_weight is not None:
                params = {**params, "sample_weight": sample_weight}
            given = process_routing(self, "fit", **params).estimator.fit
            return given, given.get("sample_weight")
        if sample_weight is None:
            return params, None
        name = _name_of_sample_weight(estimator)
        return {**params, name: sample_weight}, sample_weight

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Probability of each class under the target prior.

        Parameters
        ----------
        X : of whatever form `estimator` takes
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Of the estimator's dtype.
        """
        check_is_fitted(self)
        proba = self.estimator_.predict_proba(X)
        known = np.searchsorted(self.classes_, self.estimator_.classes_)
        if len(known) < len(self.classes_):  # a sampler has left none of some classes
            proba, some = np.zeros((len(proba), len(self.classes_)), dtype=proba.dtype), proba
            proba[:, known] = some
        return shift_prior(proba, self.train_prior_, self.target_prior_)

    def predict(self, X: Any) -> NDArray[Any]:
        """Class of each sample, by `decision`.

        Parameters
        ----------
        X : of whatever form `estimator` takes
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        if self.decision == "estimator":
            return self.estimator_.predict(X)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def get_metadata_routing(self) -> MetadataRouter:
        """What `fit` asks for itself and passes on to `estimator`."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        if inner.classifier_tags is not None:
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
            tags.classifier_tags.poor_score = inner.classifier_tags.poor_score
        return tags


def shift_prior(
    proba: NDArray[np.floating], train_prior: ArrayLike, target_prior: ArrayLike
) -> NDArray[np.floating]:
    """Probabilities under another prior: ``proba * target_prior / train_prior``, renormalised.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities under `train_prior`.
    train_prior, target_prior : array-like of shape (n_classes,)
        Not negative. A class of training prior 0 gets probability 0; a sample that can then belong
        to no class gets the target prior.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Of proba's dtype.

    Examples
    --------
    >>> shift_prior(np.array([[0.5, 0.5], [0.1, 0.9]]), [0.5, 0.5], [0.9, 0.1])
    array([[0.9, 0.1],
           [0.5, 0.5]])
    """
    train, target = np.asarray(train_prior, np.float64), np.asarray(target_prior, np.float64)
    ratio = np.divide(target, train, out=np.zeros_like(target), where=train > 0)
    if np.ptp(ratio) == 0 and ratio[0] > 0:
        return proba
    shifted = proba * ratio
    total = shifted.sum(axis=1, keepdims=True)
    shifted = np.divide(shifted, total, out=np.tile(target, (len(proba), 1)), where=total > 0)
    return shifted.astype(proba.dtype, copy=False)


def _as_prior(name: str, value: Any, classes: NDArray[Any]) -> NDArray[np.float64]:
    """A prior from numbers that need not sum to 1."""
    value = by_class(value)
    if isinstance(value, Mapping):
        if set(value) != set(classes.tolist()):
            raise ValueError(
                f"The {name!r} parameter of PriorCorrectedClassifier must have the classes "
                f"{classes.tolist()} for its keys. Got {list(value)} instead."
            )
        value = [value[c] for c in classes.tolist()]
    prior = as_numbers(value)
    fits = prior is not None and prior.shape == classes.shape and np.isfinite(prior).all()
    if prior is None or not fits or (prior < 0).any() or not prior.any():
        raise ValueError(
            f"The {name!r} parameter of PriorCorrectedClassifier must hold one number per class, "
            f"here {len(classes)}, none of them negative, not all of them 0. Got {value!r} instead."
        )
    return prior / prior.sum()


def _name_of_sample_weight(estimator: Any) -> str:
    """The name by which `fit` of an estimator takes the sample weights of its last step."""
    path = []
    while isinstance(estimator, Pipeline):
        if any(hasattr(step, "fit_resample") for _, step in estimator.steps[:-1]):
            raise ValueError("Sample weights cannot pass a sampler. Got both.")
        path.append(estimator.steps[-1][0])
        estimator = estimator.steps[-1][1]
    return "__".join([*path, "sample_weight"])
