"""FocalEnsembleClassifier: networks on folds of the data, trained as one stack and averaged."""

from __future__ import annotations

import os
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
import torch
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from focalsk._compat._sklearn import Interval, Options, StrOptions, fit_context
from focalsk._compat._tqdm import tqdm
from focalsk.estimators._building import OPTIMIZERS, class_weights, make_net, make_seed
from focalsk.estimators._class_weight import SCHEMES
from focalsk.estimators._classifier import FocalNetClassifier
from focalsk.estimators._decisions import METRICS, Decision, decide
from focalsk.estimators._folds import assign_folds, by_group, hash_rows
from focalsk.estimators._grouping import why_no_stack
from focalsk.estimators._inputs import InputEncoder, is_table, what_is_read
from focalsk.estimators._members import (
    Member,
    Trained,
    batch_size_for,
    join_trained,
    logits_of,
    stack_of,
    train_members,
)
from focalsk.estimators._outcome import divergence
from focalsk.estimators._posteriors import fit_temperature, posterior_of, with_temperature
from focalsk.estimators._stack import Fold
from focalsk.estimators._state import from_plain, plain_attributes, plain_stack, stack_from_plain
from focalsk.estimators._target_coding import Samples, TargetCoding
from focalsk.estimators._types import ClassWeight, Numbers, Optimizer, Output, Scheme, Sizes
from focalsk.estimators._validation import (
    check_table,
    check_X,
    check_X_y,
    take_rows,
    to_mean_one,
    weigh,
)
from focalsk.nets import derive_seed

__all__ = ["FocalEnsembleClassifier"]

# Rows up to which nets are trained in double precision, where it costs little.
_FEW_ROWS = 500
# Below how many samples which batch size.
_BATCH_SIZES = [(1500, 64), (8000, 128), (50_000, 256), (np.inf, 512)]


class FocalEnsembleClassifier(ClassifierMixin, BaseEstimator):
    """Average of networks that are trained on folds of the data, all as one stack.

    Each of the members holds out another part of the samples, is stopped by it, and so says of
    every sample that it held out what it thinks of data that it has not seen. The posteriors of the
    members are corrected for what training did to them (focal loss, class weights, label
    smoothing), averaged, and calibrated by one temperature on the held-out posteriors; decisions
    are tuned on these, without another split and without training again.

    Tables go in as they are: numbers, categories, dates, texts and missing values.

    Parameters
    ----------
    n_estimators : int, default=16
        Number of members.
    hidden_layer_sizes : int or array-like of int, default=(128, 128)
        Width of each hidden layer.
    gamma : float or array-like of shape (n_classes,), default=0.0
        Focusing parameter; 0 is cross-entropy. The posterior is corrected for it.
    alpha : str, float, dict, array-like of shape (n_classes,) or None, default=None
        Class weights in the loss, as for :class:`FocalNetClassifier`. They are corrected in the
        posterior; for decisions alone see `class_weight`.
    class_weight : 'balanced', dict or None, default=None
        Class weights of the decision, where `decision` is 'auto'.
    label_smoothing : float, default=0.1
        Share of the targets that is spread evenly over the classes in training, in [0, 1). The
        posterior is corrected for it.
    output : {'softmax', 'sigmoid'}, default='softmax'
        As for :class:`FocalNetClassifier`.
    decision : str, tuple, array-like or callable, default='auto'
        How `predict` decides; it may be set after `fit`, which needs no new training.

        - 'auto': under the class weights, `class_weight` or else `alpha`; without, as 'posterior'.
        - 'posterior': for the most probable class.
        - 'balanced': for the greatest ratio of posterior and class frequency, which is best for
          balanced accuracy.
        - a metric that is to be high, 'accuracy', 'balanced_accuracy', 'f1', 'f2', 'f1_macro',
          'f2_macro' or 'mcc', or a function of (y_true, y_pred, sample_weight) of class indices:
          the multiple of the log class frequencies that serves it best on the held-out posteriors.
        - ('precision', p) or ('recall', r), of two classes: the best recall at a precision of at
          least p on the held-out posteriors, or the best precision at a recall of at least r.
        - a matrix of shape (n_classes, n_classes): ``costs[i, j]`` of deciding for class j where
          class i is true; the least expected cost decides.
    n_folds : int, default=8
        Parts into which the samples are cut; each member holds out one. When the members are more,
        they are cut anew. Copies of a sample lie in one part.
    module : torch.nn.Module class or factory, default=None
        A network of your own, as for :class:`FocalNetClassifier`; trained side by side by
        :func:`torch.func.vmap`, which takes no BatchNorm and no dropout. Arrays then reach it as
        they are.
    module_params : dict, default=None
        Further arguments of `module`.
    optimizer : {'adam', 'adamw', 'sgd'} or torch.optim.Optimizer class, default='adamw'
        What trains the networks.
    optimizer_params : dict, default=None
        Its further arguments.
    lr : float, default=1e-3
        Learning rate.
    weight_decay : float, default=0.03
        L2 penalty of the weights; biases have none.
    max_epochs : int, default=150
        Passes over the data at most.
    batch_size : int or 'auto', default='auto'
        Samples in a batch; 'auto' is 64 below 1,500 samples, 128 below 8,000, 256 below 50,000, and
        512 from there on. It is lowered a little where members would differ in their number of
        batches.
    n_iter_no_change : int, default=15
        Epochs without progress of the held-out loss that a member goes on.
    dropout : float, default=0.0
        Probability of zeroing a hidden unit while training, in [0, 1).
    n_cosines : int, default=8
        Cosines of each number beside it, see :class:`~focalsk.nets.FocalMLP`; none for sparse or
        very wide data.
    checkpoint : path-like, default=None
        Folder where `fit` keeps its last epochs every few seconds. If it is killed, the same `fit`
        goes on from there and ends with the same ensemble, bit for bit on a CPU; it needs an
        integer `random_state`. Files there are named by a hash of data, parameters and versions;
        they stay until you delete them.
    n_jobs : int, default=None
        Processes among which the members are spread.
    device : str or torch.device, default='auto'
        'auto' is CUDA where there is some, else the CPU.
    random_state : int, RandomState instance or None, default=None
        Seed of the parts, the initial weights and the batches.
    verbose : int or bool, default=False
        Show a bar of the epochs.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted classes, or the numbers of the labels.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if `X` had any.
    oob_decision_function_ : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        Posterior of each training sample, by the members that held it out; NaN for a sample that
        none did (where there are fewer members than folds, or its weight is 0).
    class_count_ : ndarray of shape (n_classes,) or (2, n_labels)
        Summed sample weights of the classes.
    class_prior_ : ndarray of shape (n_classes,) or (n_labels,)
        Their shares, or those of the samples that have a label.
    decision_ : Decision
        The rule that `predict` follows now: its `shift` of the log posteriors, and for a metric the
        `taus` that were tried with the `curve` of the metric over them.
    temperature_ : float
        What the logs of the averaged posterior are divided by.
    n_iter_ : ndarray of shape (n_estimators,)
        Epochs trained by each member.
    validation_loss_ : list of list of float
        Held-out loss of each member after each epoch.
    module_ : torch.nn.Module
        All members as one network.

    See Also
    --------
    FocalNetClassifier : One network.
    sklearn.ensemble.HistGradientBoostingClassifier : Trees, for tables as well.

    Notes
    -----
    Parts, batches and weights are functions of `random_state` and of what the samples hold, not of
    their order. A sample of weight 2 is the same as two samples where a batch holds all samples.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalEnsembleClassifier
    >>> X, y = make_classification(300, weights=[0.9], class_sep=0.5, random_state=0)
    >>> clf = FocalEnsembleClassifier(n_estimators=4, max_epochs=10, random_state=0).fit(X, y)
    >>> posterior = clf.predict(X).mean()
    >>> balanced = clf.set_params(decision="balanced").predict(X).mean()
    >>> bool(posterior < balanced)
    True
    """

    _parameter_constraints: dict = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
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
        "decision": [
            StrOptions({"auto", "posterior", "balanced", *METRICS}),
            tuple,
            "array-like",
            callable,
        ],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "module": [None, callable],
        "module_params": [None, dict],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "optimizer_params": [None, dict],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_cosines": [Interval(Integral, 0, None, closed="left")],
        "checkpoint": [None, str, os.PathLike],
        "n_jobs": [None, Integral],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_estimators: int = 16,
        *,
        hidden_layer_sizes: Sizes = (128, 128),
        gamma: Numbers = 0.0,
        alpha: Scheme | Mapping[Any, float] | Numbers | None = None,
        class_weight: ClassWeight | None = None,
        label_smoothing: float = 0.1,
        output: Output = "softmax",
        decision: Any = "auto",
        n_folds: int = 8,
        module: Any = None,
        module_params: dict | None = None,
        optimizer: Optimizer = "adamw",
        optimizer_params: dict | None = None,
        lr: float = 1e-3,
        weight_decay: float = 0.03,
        max_epochs: int = 150,
        batch_size: int | Literal["auto"] = "auto",
        n_iter_no_change: float = 15,
        dropout: float = 0.0,
        n_cosines: int = 8,
        checkpoint: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        device: str | torch.device = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = False,
    ) -> None:
        self.n_estimators = n_estimators
        self.hidden_layer_sizes = hidden_layer_sizes
        self.gamma = gamma
        self.alpha = alpha
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.output = output
        self.decision = decision
        self.n_folds = n_folds
        self.module = module
        self.module_params = module_params
        self.optimizer = optimizer
        self.optimizer_params = optimizer_params
        self.lr = lr
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.n_iter_no_change = n_iter_no_change
        self.dropout = dropout
        self.n_cosines = n_cosines
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._takes_missing()
        tags.input_tags.three_d_array = self.module is not None
        tags.classifier_tags.multi_label = True
        return tags

    def _takes_missing(self) -> bool:
        return self.module is None

    # State ----------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Attributes as arrays, numbers and strings, where they are no objects of the user's."""
        attributes = dict(super().__getstate__())
        attributes.pop("_tuned", None)  # found again where it is asked for
        return plain_stack(plain_attributes(attributes), vars(self).get("module_"))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(from_plain(state))
        stack_from_plain(self)
        self._tuned: dict[Any, Decision] = {}

    # Training -----------------------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train the members.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples; a frame may hold numbers, categories, dates, texts and missing values.
        y : array-like of shape (n_samples,), or indicators of shape (n_samples, n_labels)
            Classes of any type, or 0/1 label indicators, dense or sparse.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, scaled to mean 1. A sample of weight 0 is left out.
        groups : array-like of shape (n_samples,), default=None
            Labels, of patients for instance: a member holds out whole groups.

        Returns
        -------
        self : FocalEnsembleClassifier
        """
        X, y = self._check(X, y, reset=True)
        coding = TargetCoding.of(y, self.output)
        rows = weigh(np.arange(X.shape[0])[:, None], coding.encode(y), sample_weight)
        coding.check_several(rows.codes, self)
        chosen = rows.X[:, 0]
        X, n_samples = take_rows(X, chosen), X.shape[0]
        fold, encoder = self._encode(X, coding, rows.codes, rows.weight)
        self._check_decision(fold)
        strata = coding.strata(rows.codes)
        if groups is None:
            keys = hash_rows(what_is_read(X, encoder), rows.codes)
        else:
            keys, strata = by_group(groups, chosen, strata, n_samples)
        members = self._make_members(fold, encoder, keys, strata)
        if self.module is not None:  # refused in the words of a net that trains alone
            first = members[0]
            make_net(first.estimator, fold.samples.X, coding.n_outputs, first.criterion)
        reason = why_no_stack(members[0])
        if reason:
            raise ValueError(f"The members of an ensemble train side by side, but {reason}.")
        trained = self._train(members)
        if trained.diverged.any():
            raise ValueError(divergence(self))
        self._set_fitted(fold, encoder, members, trained, chosen, n_samples)
        return self

    def _check(self, X: Any, y: Any = None, reset: bool = False) -> Any:
        """What `fit` or a prediction is given; a table is left to its encoder."""
        knows_table = not reset and getattr(self._encoder, "table_", None) is not None
        if knows_table and not (hasattr(X, "columns") and hasattr(X, "dtypes")):
            raise TypeError(
                f"X must be a data frame, as in fit, with the columns "
                f"{self.feature_names_in_.tolist()}. Got {type(X).__name__}."
            )
        if knows_table or (reset and self.module is None and is_table(X)):
            return check_table(self, X, y, reset)
        return check_X_y(self, X, y, reset) if reset else check_X(self, X)

    def _check_decision(self, fold: Fold) -> None:
        """Refuse costs and class weights that no prediction could use, before training."""
        if self.class_weight is not None:
            class_weights(None, self.class_weight, fold.coding, fold.counts)
        rule = self.decision
        named = isinstance(rule, (tuple, list)) and len(rule) == 2 and isinstance(rule[0], str)
        if not (isinstance(rule, str) or callable(rule) or named):
            prior = fold.coding.prior(fold.counts)
            decide(rule, weights=None, prior=prior, labels=fold.coding.multilabel)

    def _encode(
        self, X: Any, coding: TargetCoding, codes: NDArray[Any], weight: NDArray[Any] | None
    ) -> tuple[Fold, InputEncoder | None]:
        if weight is not None:
            weight = to_mean_one(weight)
        encoder = None
        if self.module is None:
            encoder = InputEncoder().fit(X, sample_weight=weight)
            X = encoder.transform(X)
        if X.shape[0] > _FEW_ROWS:
            X = X.astype(np.float32, copy=False)
        samples = Samples(X, codes, weight)
        return Fold(FocalNetClassifier(), coding, samples, coding.count(codes, weight)), encoder

    def _make_members(
        self,
        fold: Fold,
        encoder: InputEncoder | None,
        keys: NDArray[np.uint64],
        strata: NDArray[np.int64],
    ) -> list[Member]:
        codes = fold.samples.codes
        n_distinct = len(np.unique(keys))
        n_folds = min(self.n_folds, n_distinct)
        if self.n_estimators > 1:
            n_folds = min(n_folds, self.n_estimators)
        seed = make_seed(self)
        masks = []
        for m in range(self.n_estimators):
            turn, part = divmod(m, n_folds)
            if part == 0:
                folds = assign_folds(keys, strata, n_folds, derive_seed(seed, turn + 1))
            masks.append(folds == part)
        wanted: Any = self.batch_size
        if wanted == "auto":
            wanted = next(size for n, size in _BATCH_SIZES if len(codes) < n)
        batch_size = batch_size_for(wanted, [int((~mask).sum()) for mask in masks])
        net = self._member(encoder, batch_size)
        seeds = [derive_seed(seed, m + 1, 7) % 2**31 for m in range(self.n_estimators)]
        return [
            Member(m, net, fold, own, mask)
            for m, (own, mask) in enumerate(zip(seeds, masks, strict=True))
        ]

    def _member(self, encoder: InputEncoder | None, batch_size: int) -> FocalNetClassifier:
        """One member's parameters."""
        module_params, optimizer_params = self.module_params, dict(self.optimizer_params or {})
        if encoder is not None:
            cosines = {"n_cosines": self.n_cosines, "n_numbers": encoder.n_numbers_}
            module_params = {**cosines, **(module_params or {})} if encoder.n_numbers_ else {}
            no_decay = [("biases.*", {"weight_decay": 0.0})]
            optimizer_params.setdefault("param_groups", no_decay)
        return FocalNetClassifier(
            self.hidden_layer_sizes,
            gamma=self.gamma,
            alpha=self.alpha,
            output=self.output,
            label_smoothing=self.label_smoothing,
            module=self.module,
            module_params=module_params,
            optimizer=self.optimizer,
            optimizer_params=optimizer_params,
            lr=self.lr,
            weight_decay=self.weight_decay,
            max_epochs=self.max_epochs,
            batch_size=batch_size,
            early_stopping=True,
            n_iter_no_change=self.n_iter_no_change,
            tol=0.0,
            dropout=self.dropout,
            device=self.device,
        )

    def _train(self, members: list[Member]) -> Trained:
        n_jobs = min(effective_n_jobs(self.n_jobs), len(members))
        with tqdm(total=self.max_epochs, unit="epoch", disable=not self.verbose) as bar:
            if n_jobs == 1:
                on_epoch = bar.update if self.verbose else None
                return train_members(members, on_epoch, self.checkpoint)
            parts = np.array_split(np.arange(len(members)), n_jobs)
            tasks = (
                delayed(train_members)([members[i] for i in part], None, self.checkpoint)
                for part in parts
            )
            return join_trained(Parallel(n_jobs=n_jobs)(tasks))

    def _set_fitted(
        self,
        fold: Fold,
        encoder: InputEncoder | None,
        members: list[Member],
        trained: Trained,
        rows: NDArray[np.intp],
        n_samples: int,
    ) -> None:
        coding, (_, codes, weight) = fold.coding, fold.samples
        self._coding, self._encoder = coding, encoder
        self.alpha_, self._criterion = members[0].alpha, members[0].criterion
        self.classes_, self.class_count_ = coding.classes, fold.counts
        self.class_prior_ = coding.prior(fold.counts)
        self.module_ = stack_of(members, trained)
        self.n_iter_, self.validation_loss_ = trained.n_iter, trained.history
        proba = np.full((len(codes), len(coding.classes)), np.nan)
        total, times = np.zeros_like(proba), np.zeros(len(codes))
        for member, logits in zip(members, trained.logits, strict=True):
            total[member.held_out] += self._posterior(torch.as_tensor(logits))
            times[member.held_out] += 1
        known = times > 0
        proba[known] = total[known] / times[known, None]
        known_weight = None if weight is None else weight[known]
        self.temperature_ = fit_temperature(
            proba[known], codes[known], known_weight, coding.multilabel
        )
        proba[known] = with_temperature(proba[known], self.temperature_, coding.multilabel)
        self.oob_decision_function_ = np.full((n_samples, proba.shape[1]), np.nan)
        self.oob_decision_function_[rows] = proba
        self._held_out = rows, codes, weight
        self._tuned = {}

    # Prediction ---------------------------------------------------------------------------------

    def _posterior(self, logits: torch.Tensor) -> NDArray[np.float64]:
        loss = self._criterion
        return posterior_of(logits, self._coding, loss.gamma, self.alpha_, loss.label_smoothing)

    @property
    def decision_(self) -> Decision:
        """The rule that `predict` follows now."""
        check_is_fitted(self, "module_")
        self._validate_params()  # it may have been set after `fit`
        rule = self.decision
        named = isinstance(rule, tuple) and len(rule) == 2 and isinstance(rule[0], str)
        if not (named or (isinstance(rule, str) and rule in METRICS)):
            return self._decide()
        if rule not in self._tuned:  # which depends on nothing else that may be set
            self._tuned[rule] = self._decide()
        return self._tuned[rule]

    def _decide(self) -> Decision:
        rows, codes, weight = self._held_out
        coding = self._coding
        given: Any = self.alpha if self.class_weight is None else self.class_weight
        return decide(
            self.decision,
            weights=coding.alpha(given, self.class_count_),
            prior=self.class_prior_,
            held_out=(self.oob_decision_function_[rows], codes, weight),
            labels=coding.multilabel,
        )

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the data: posteriors of the members, averaged and calibrated.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            In the order of ``classes_``; the rows sum to one unless they are labels.
        """
        check_is_fitted(self, "module_")
        X = self._check(X)
        if self._encoder is not None:
            X = self._encoder.transform(X)
        blocks = [self._posterior(logits).mean(axis=0) for logits in logits_of(self.module_, X)]
        return with_temperature(np.concatenate(blocks), self.temperature_, self._coding.multilabel)

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Natural logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        """
        return np.log(self.predict_proba(X))

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Scores whose sign or argmax is the decision.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
            Log-odds of ``classes_[1]`` if there are two classes, log posteriors else, plus the
            shift of `decision_`; with costs, the negative expected ones.
        """
        check_is_fitted(self, "module_")
        return self.decision_.scores(self.predict_proba(X), self._coding.multilabel)

    def predict(self, X: Any) -> NDArray[Any]:
        """Classes, or label indicators, as `decision` says.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        scores = self.decision_function(X)
        return self._coding.decode(scores)
