"""FocalNetClassifier: a neural network with focal loss as a scikit-learn classifier."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer_names
from sklearn.utils.validation import check_is_fitted
from torch.utils.data import Subset

from focalsk._compat._sklearn import Interval, Options, ParamNamesOnce, StrOptions, fit_context
from focalsk.estimators._building import (
    OPTIMIZERS,
    as_gamma,
    cloned_callbacks,
    continue_net,
    made_from,
    make_criterion,
    make_net,
    net_params,
)
from focalsk.estimators._class_weight import SCHEMES
from focalsk.estimators._decisions import Decision, decide
from focalsk.estimators._monitor import Monitor
from focalsk.estimators._outcome import (
    check_outputs,
    divergence,
    is_finite,
    trace,
    unchanged_on_failure,
    warn_if_idle,
)
from focalsk.estimators._resuming import fit_key
from focalsk.estimators._state import from_plain, plain_attributes
from focalsk.estimators._target_coding import Samples, TargetCoding
from focalsk.estimators._types import (
    ClassWeight,
    DecisionRule,
    Numbers,
    Optimizer,
    Output,
    Proba,
    Scheme,
    Sizes,
)
from focalsk.estimators._validation import (
    check_class_names,
    check_range,
    check_X,
    check_X_y,
    read_samples,
    read_validation_set,
    weigh,
)
from focalsk.nets import PREDICTION, ArrayDataset, BestEpoch, EpochKeeper, FocalNet, seeded

__all__ = ["FocalNetClassifier"]


class FocalNetClassifier(ParamNamesOnce, ClassifierMixin, BaseEstimator):
    """Neural network trained with focal loss, for imbalanced classes.

    By default a multi-layer perceptron with two hidden layers of 10. Focal loss
    ``alpha * (1 - p) ** gamma * -log(p)`` [1]_ turns the attention of training to samples that
    the network does not yet get right; `alpha` weighs the classes. One fit gives two answers:
    `predict` decides under the class weights, and `predict_proba` gives the probabilities of the
    data, since the map from a focal softmax back to the posterior is known [2]_.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(10, 10)
        Width of each hidden layer; an empty sequence gives a linear model.
    gamma : float or array-like of shape (n_classes,), default=2.0
        Focusing parameter, at least 0; one for all or one per class (or label). 0 is
        cross-entropy.
    alpha : str, float, dict, array-like of shape (n_classes,) or None, default=None
        Class weights: a scheme ('balanced', 'inverse', 'geometric', 'sqrt', 'effective'), or
        what :func:`~focalsk.compute_alpha` takes besides.
    class_weight : 'balanced', dict or None, default=None
        scikit-learn's name for `alpha`; only one of them may be set.
    label_smoothing : float, default=0.0
        Share of the targets that is spread evenly over the classes in training, in [0, 1); over
        present and absent for a sigmoid. Probabilities and decisions are corrected for it.
    output : {'softmax', 'sigmoid'}, default='softmax'
        Softmax over the classes, or one sigmoid per class against the rest (one sigmoid alone for
        two classes). Multi-label targets always have one sigmoid per label.
    proba : {'posterior', 'weighted', 'raw'}, default='posterior'
        What `predict_proba` gives: 'posterior' undoes gamma and alpha, for probabilities of the
        data; 'weighted' undoes gamma only, so that its argmax is `predict` by default; 'raw' is the
        network's softmax or sigmoid.
    decision : {'auto', 'posterior', 'balanced'} or array-like, default='auto'
        How `predict` decides; it may be set after `fit`, which needs no new training.

        - 'auto': under the class weights; without, as 'posterior'.
        - 'posterior': for the most probable class.
        - 'balanced': for the greatest ratio of posterior and class frequency, which is best for
          balanced accuracy.
        - a matrix of shape (n_classes, n_classes): ``costs[i, j]`` of deciding for class j where
          class i is true; the least expected cost decides.

        For a metric, see :class:`FocalEnsembleClassifier` or scikit-learn's
        :class:`~sklearn.model_selection.TunedThresholdClassifierCV`.
    module : torch.nn.Module class, factory or instance, default=None
        A network of your own: called with `n_features` (``X.shape[1]``), `n_outputs` and
        `module_params`; an instance is copied. It maps a batch (B, ...) to logits
        (B, n_outputs). `hidden_layer_sizes` and `dropout` are not used then.
    module_params : dict, default=None
        Further arguments of `module`.
    optimizer : {'adam', 'adamw', 'sgd'} or torch.optim.Optimizer class, default='adam'
        What trains the network.
    optimizer_params : dict, default=None
        Its further arguments, such as ``{"momentum": 0.9}``.
    lr : float, default=0.005
        Learning rate.
    weight_decay : float, default=0.0
        L2 penalty, as in torch.
    max_epochs : int, default=100
        Passes over the data; with early stopping, at most so many.
    batch_size : int, default=128
        Samples in a batch; -1 for all. With more than one batch, a sample of weight 2 is not
        quite the same as two samples.
    early_stopping : bool, default=False
        Hold out `validation_fraction` of the samples and stop when `monitor` has not improved by
        `tol` for more than `n_iter_no_change` epochs; the weights of the best epoch are kept. The
        split is stratified: every class with two samples or more is in both parts, the sample of
        a class that has only one stays in training. Samples with groups or an order in time want a
        validation set of your own: pass `X_val` and `y_val` to :meth:`fit`.
    validation_fraction : float, default=0.1
        Part of the samples to hold out, in (0, 1); not used with a validation set of your own.
    n_iter_no_change : int or inf, default=10
        Epochs without progress that are borne; with inf, training goes on to `max_epochs` and the
        best epoch is still kept.
    tol : float, default=1e-4
        The least progress.
    monitor : str or callable, default='loss'
        'loss' of the validation samples, or any scorer of scikit-learn's. A scorer by name such as
        'f1' takes the second of two classes for the positive one, unless a class is 1. What cannot
        score the held-out samples is refused.
    dropout : float, default=0.0
        Probability of zeroing a hidden unit while training, in [0, 1).
    checkpoint : path-like, default=None
        Folder where `fit` keeps its last epochs every few seconds. If it is killed, the same `fit`
        goes on from there and ends with the same network, bit for bit on a CPU; it needs an
        integer `random_state`. Files there are named by a hash of data, parameters and versions;
        they stay until you delete them. No callbacks may be set, and a `warm_start` that goes on is
        not kept.
    callbacks : list of skorch callbacks, default=None
        Instances, or pairs (name, instance). They are cloned; what cannot be, is used as it is.
    warm_start : bool, default=False
        `fit` goes on from the previous fit. What has been set since counts, but for the network,
        optimizer and device, which cannot change.
    device : str or torch.device, default='auto'
        'auto' is CUDA where there is some, else the CPU. Networks have the data's floating point
        type on the CPU and float32 elsewhere.
    compile : bool, default=False
        Whether to use :func:`torch.compile`.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches, dropout and the validation split. torch's global
        generator is never touched.
    verbose : int or bool, default=False
        Print a line per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted classes, or the numbers of the labels.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if `X` had any.
    alpha_ : ndarray of shape (n_classes,) or (2, n_labels), or None
        Class weights; for labels, where they are absent and where present.
    gamma_ : float or ndarray of shape (n_outputs,)
        The focusing parameter of the loss.
    class_count_ : ndarray of shape (n_classes,) or (2, n_labels)
        Summed sample weights of the classes.
    net_ : FocalNet
        The skorch net, with the module in ``net_.module_``.
    history_ : skorch.history.History
        One row per epoch.
    n_iter_ : int
        Epochs trained.
    loss_curve_ : list of float
        Training loss of each epoch.
    best_loss_ : float
        Lowest loss: of the validation samples with early stopping, else of training.
    validation_scores_ : list of float or None
        With early stopping, `monitor` after each epoch; greater is better, a loss is negated.

    See Also
    --------
    FocalGridSearchCV : Search over gamma, alpha and more, trained as one network.
    sklearn.neural_network.MLPClassifier : The same network with cross-entropy only.

    References
    ----------
    .. [1] Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
    .. [2] Charoenphakdee et al., "On Focal Loss for Class-Posterior Probability Estimation: A
       Theoretical Perspective", CVPR 2021.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalNetClassifier
    >>> X, y = make_classification(1000, weights=[0.9], class_sep=0.5, random_state=0)
    >>> clf = FocalNetClassifier(alpha="balanced", max_epochs=20, random_state=0).fit(X, y)

    The decisions give the rare class its weight; the probabilities are those of the data:

    >>> print(clf.predict(X).mean().round(2), clf.predict_proba(X)[:, 1].mean().round(2))
    0.17 0.1
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="left"), "array-like"],
        "alpha": [
            None,
            StrOptions(set(SCHEMES)),
            Interval(Real, 0, 1, closed="both"),
            dict,
            "array-like",
        ],
        "class_weight": [None, StrOptions({"balanced"}), dict],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "output": [StrOptions({"softmax", "sigmoid"})],
        "proba": [StrOptions({"posterior", "weighted", "raw"})],
        "decision": [StrOptions({"auto", "posterior", "balanced"}), "array-like"],
        "module": [None, callable],
        "module_params": [None, dict],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "optimizer_params": [None, dict],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), Options(Integral, {-1})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "monitor": [StrOptions({"loss", *get_scorer_names()}), callable],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "checkpoint": [None, str, os.PathLike],
        "callbacks": [None, list],
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "compile": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        hidden_layer_sizes: Sizes = (10, 10),
        *,
        gamma: Numbers = 2.0,
        alpha: Scheme | Mapping[Any, float] | Numbers | None = None,
        class_weight: ClassWeight | None = None,
        label_smoothing: float = 0.0,
        output: Output = "softmax",
        proba: Proba = "posterior",
        decision: DecisionRule = "auto",
        module: torch.nn.Module | Callable[..., torch.nn.Module] | None = None,
        module_params: dict | None = None,
        optimizer: Optimizer = "adam",
        optimizer_params: dict | None = None,
        lr: float = 0.005,
        weight_decay: float = 0.0,
        max_epochs: int = 100,
        batch_size: int = 128,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        tol: float = 1e-4,
        monitor: str | Callable[..., float] = "loss",
        dropout: float = 0.0,
        checkpoint: str | os.PathLike[str] | None = None,
        callbacks: list | None = None,
        warm_start: bool = False,
        device: str | torch.device = "auto",
        compile: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.gamma = gamma
        self.alpha = alpha
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.output = output
        self.proba = proba
        self.decision = decision
        self.module = module
        self.module_params = module_params
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.monitor = monitor
        self.dropout = dropout
        self.checkpoint = checkpoint
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.device = device
        self.compile = compile
        self.random_state = random_state
        self.verbose = verbose

    net_: Any  # FocalNet
    history_: Any
    loss_curve_: list[float]
    validation_scores_: list[float] | None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = self.module is not None
        tags.classifier_tags.multi_label = True
        return tags

    def __sklearn_clone__(self) -> Self:
        """As scikit-learn clones; what a callback holds that cannot be copied is shared."""
        bare = copy.copy(self)
        bare.callbacks = None
        clone: Self = BaseEstimator.__sklearn_clone__(bare)
        if isinstance(self.callbacks, list):
            clone.callbacks = cloned_callbacks(self.callbacks)
        else:
            clone.callbacks = self.callbacks
        return clone

    def _takes_missing(self) -> bool:
        return False

    # State ----------------------------------------------------------------------------------------

    def __copy__(self) -> FocalNetClassifier:
        """Another estimator with the same net: what `copy.copy` gives of any object."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Attributes as arrays, numbers and strings, where they are no objects of the user's."""
        return plain_attributes(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(from_plain(state))

    # Training -----------------------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; (n_samples, n_features, ...) for a `module` that takes them.
        y : array-like of shape (n_samples,), or indicators of shape (n_samples, n_labels)
            Classes of any type, or 0/1 label indicators, dense or sparse.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, scaled to mean 1. A sample of weight 0 is left out.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Samples for early stopping, in place of some that are held out; needs
            ``early_stopping=True``. A pipeline sends them through its steps with
            ``Pipeline(..., transform_input=["X_val"])``.
        y_val : array-like of shape (n_val,) or (n_val, n_labels), default=None
            Their classes, which must occur in `y`, or label indicators.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights, scaled to mean 1.

        Returns
        -------
        self : FocalNetClassifier
        """
        continuing = self.warm_start and hasattr(self, "net_")
        with unchanged_on_failure(self, continuing):
            self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), continuing)
        return self

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation: tuple[Any, ...], continuing: bool
    ) -> None:
        coding, samples = read_samples(self, X, y, sample_weight, reset=not continuing)
        if continuing and coding.classes.tolist() != self.classes_.tolist():
            raise ValueError(
                f"warm_start=True needs the classes of the previous fit, {self.classes_.tolist()}. "
                f"Got {coding.classes.tolist()} instead."
            )
        valid = read_validation_set(self, coding, *validation)
        self._start(coding, samples, coding.count(samples.codes, samples.weight), continuing)
        before = trace(self.net_.module_)
        key = None if continuing or self.checkpoint is None else fit_key(self, samples, valid)
        if not self.early_stopping:
            self._train(samples, self.max_epochs, key=key)
            self.validation_scores_ = None
            self.best_loss_ = min(self.loss_curve_)
        else:
            self._train_until_best(coding, samples, valid, key)
        warn_if_idle(self, before, continuing, samples.X, stacklevel=5)

    def _train_until_best(
        self, coding: TargetCoding, samples: Samples, valid: Samples | None, key: str | None
    ) -> None:
        rows = None
        if valid is None:
            seed = self.net_.random_state
            held_out = coding.hold_out(samples.codes, self.validation_fraction, seed)
            valid, rows = samples.take(held_out), np.flatnonzero(~held_out)
        check_range(valid.X, self.net_.dtype)
        stopper = BestEpoch(self._monitor(valid), self.n_iter_no_change, self.tol)
        self._train(samples, self.max_epochs, rows, coding.dataset(valid), stopper, key)
        self.validation_scores_ = [float(score) for score in stopper.scores_]
        self.best_loss_ = min(self.history_[:, "valid_loss"])

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Sequence[Any] | NDArray[Any] | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train one epoch on the given samples.

        A scheme of `alpha` counts the samples of all calls so far. Nothing is held out, whatever
        `early_stopping` says.

        Parameters
        ----------
        X, y
            As for :meth:`fit`.
        classes : array-like of shape (n_classes,), default=None
            All classes; needed in the first call, unless `y` are label indicators.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, used as given.

        Returns
        -------
        self : FocalNetClassifier
        """
        continuing = hasattr(self, "net_")
        with unchanged_on_failure(self, continuing):
            self._partial_fit(X, y, classes, sample_weight, continuing)
        return self

    def _partial_fit(
        self, X: Any, y: Any, classes: Any, sample_weight: Any, continuing: bool
    ) -> None:
        check_class_names(classes)
        X, y = check_X_y(self, X, y, reset=not continuing)
        coding = self._coding if continuing else TargetCoding.of(y, self.output, classes)
        if not continuing and classes is None and not coding.multilabel:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if continuing and classes is not None and set(classes) != set(coding.classes.tolist()):
            raise ValueError(
                f"classes must be those of the first call, {coding.classes.tolist()}. Got "
                f"{list(classes)} instead."
            )
        samples = weigh(X, coding.encode(y), sample_weight)
        seen = self.class_count_ if continuing else 0
        self._start(coding, samples, coding.count(samples.codes, samples.weight) + seen, continuing)
        before = trace(self.net_.module_)
        self._train(samples, epochs=1)
        warn_if_idle(self, before, continuing, stacklevel=5)

    def _start(
        self, coding: TargetCoding, samples: Samples, counts: NDArray[np.float64], continuing: bool
    ) -> None:
        """Set what is known before training, and make the net unless one goes on."""
        alpha, criterion = make_criterion(self, coding, counts)
        self._rule(coding, counts)  # which refuses a wrong one before training
        self._coding = coding
        self.classes_ = coding.classes
        self.class_count_ = counts
        self.alpha_ = alpha
        self.gamma_ = as_gamma(criterion)
        self._smoothing = criterion.label_smoothing
        if continuing:
            check_range(samples.X, self.net_.dtype)
            continue_net(self, getattr(self, "_made_from", {}), criterion)
        else:
            check_range(samples.X, net_params(self, samples.X)["dtype"])
            self.net_ = make_net(self, samples.X, coding.n_outputs, criterion)
            self._made_from = made_from(self)

    def _monitor(self, valid: Samples) -> Callable[[FocalNet], float]:
        if self.monitor == "loss":
            return lambda net: -net.history[-1]["valid_loss"]
        # Validated data has no column names to compare with.
        judged = copy.copy(self)
        judged.__dict__.pop("feature_names_in_", None)
        monitor = Monitor(self.monitor, self._coding, valid)
        monitor.check(judged)
        return lambda net: monitor(judged) if is_finite(net.module_) else np.nan

    def _train(
        self,
        samples: Samples,
        epochs: int,
        rows: Any = None,
        valid: ArrayDataset | None = None,
        stopper: BestEpoch | None = None,
        key: str | None = None,
    ) -> None:
        """Train on the samples, or on some `rows` of them, which are not copied."""
        net: Any = self.net_
        dataset: Any = self._coding.dataset(samples)
        if rows is not None:
            dataset = Subset(dataset, rows)
        kept = net.callbacks_
        net.callbacks_ = kept if stopper is None else [*kept, ("best_epoch", stopper)]
        folder = self.checkpoint
        keeper = None if key is None or folder is None else EpochKeeper(folder, key, stopper)
        try:
            net.notify("on_train_begin", X=samples.X, y=samples.codes)
            net.fit_loop(dataset, epochs=epochs, valid=valid, keeper=keeper)
            net.notify("on_train_end", X=samples.X, y=samples.codes)
        except ValueError as error:  # no best epoch, say, since none was finite
            if is_finite(net.module_):
                raise
            raise ValueError(divergence(self)) from error
        finally:
            net.callbacks_ = kept
        self.history_ = net.history
        self.n_iter_ = len(net.history)
        self.loss_curve_ = list(net.history[:, "train_loss"])
        if not is_finite(net.module_):
            raise ValueError(divergence(self))

    # Prediction ---------------------------------------------------------------------------------

    def decision_function(self, X: Any) -> NDArray[Any]:
        """Scores whose sign or argmax is the decision, as `decision` says.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Log-odds of ``classes_[1]`` if there are two classes, of each label if there are
            labels; else one score per class. Under the class weights, their sigmoid or softmax
            (normalised over the classes with ``output="sigmoid"``) is ``predict_proba`` with
            ``proba="weighted"``; with costs they are the negative expected ones.
        """
        return check_outputs(self._scores(self._logits(X)))

    def _scores(self, logits: torch.Tensor) -> NDArray[Any]:
        if isinstance(self.decision, str) and self.decision == "auto":
            return self._coding.scores(logits, self.gamma_, self.alpha_, self._smoothing).numpy()
        self._validate_params()  # it may have been set after `fit`
        loss = self.gamma_, self.alpha_, "posterior", self._smoothing
        p = self._coding.probabilities(logits.double(), *loss).numpy()
        return self._rule(self._coding, self.class_count_).scores(p, self._coding.multilabel)

    def _rule(self, coding: TargetCoding, counts: NDArray[np.float64]) -> Decision:
        """What `decision` stands for, unless it is 'auto'."""
        return decide(
            self.decision, weights=None, prior=coding.prior(counts), labels=coding.multilabel
        )

    def predict(self, X: Any) -> NDArray[Any]:
        """Classes, or label indicators, as `decision` says.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        scores = self.decision_function(X)
        return self._coding.decode(scores)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probabilities of the classes or labels, as `proba` says.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            In the order of ``classes_``; the rows sum to one unless they are labels.
        """
        logits = self._logits(X)
        loss = self.gamma_, self.alpha_, self.proba, self._smoothing
        return check_outputs(self._coding.probabilities(logits, *loss).numpy())

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Natural logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _logits(self, X: Any) -> torch.Tensor:
        check_is_fitted(self, "net_")
        X = check_X(self, X)
        if self.module is None:
            return self.net_.forward(X)
        with seeded(getattr(self.net_, "random_state", None), PREDICTION):  # it may draw
            logits = self.net_.forward(X)
        return logits[0] if isinstance(logits, tuple) else logits
