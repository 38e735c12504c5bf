"""FocalNet: a skorch net that trains any module with focal loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import EpochTimer
from skorch.dataset import get_len
from skorch.utils import is_dataset, to_device
from torch.nn.parameter import is_lazy

from focalsk._compat._skorch import optimizer_names
from focalsk._compat._torch import takes_lazy_parameters
from focalsk.losses import FocalLoss
from focalsk.nets._adam import quick_step
from focalsk.nets._array_net import EVALUATION_VALUES, ArrayNet
from focalsk.nets._batches import EPOCH, WEIGHTS, ArrayDataset, Batches, as_tensor, seeded
from focalsk.nets._checkpoint import EpochKeeper
from focalsk.nets._constraints import check_epochs, check_parameters, check_some
from focalsk.nets._manual_step import manual_step, plain_forward
from focalsk.nets._skorch import (
    LazyPrintLog,
    WeightedDataset,
    explain_batch_of_one,
    explain_no_validation,
    first_output,
    has_batch_hooks,
    is_several_inputs,
    notice_probabilities,
    parts_of,
    routed_split_params,
    takes_weight,
)

__all__ = ["FocalNet"]


class FocalNet(ArrayNet):
    """Train any module with focal loss, the skorch way.

    A :class:`skorch.NeuralNetClassifier` whose criterion is a focal loss: callbacks, history,
    checkpoints, ``set_params`` with double underscores and the other features of skorch work as
    usual, but for the differences in the Notes. Beyond it: sample weights, a seed, sparse input,
    and epochs without a Python call per sample.

    The loss of a batch is the sum of ``weight * alpha * focal loss`` over its samples, divided by
    the number of samples (for a sigmoid criterion, the terms of a sample's labels are summed).
    Class weights are not divided out batch by batch, so the expected loss does not depend on the
    batch size. (Targets that the criterion ignores count as samples.)

    Parameters
    ----------
    module : torch.nn.Module class, factory or instance
        Maps a batch (B, ...) to logits (B, C), or to a tuple of which these are the first; the
        loss and the predictions look at no other. Processes whose `module_` is wrapped in
        DistributedDataParallel share the batches: see ``examples/several_processes.py``.
        Batches of CSR matrices are dense, unless its class has ``accepts_sparse = True``: then
        they may be CSR tensors.
    criterion : class, default=FocalLoss
        :class:`~focalsk.FocalLoss` for one class per sample,
        :class:`~focalsk.SigmoidFocalLoss` for binary or multi-label targets; its parameters are
        ``criterion__gamma``, ``criterion__alpha``, ... Any other criterion is treated as
        NeuralNetClassifier does, and takes sample weights only if it has a parameter ``weight``.
    optimizer : torch.optim.Optimizer class, default=torch.optim.Adam
        Its further parameters are ``optimizer__*``.
    lr : float, default=0.005
        Learning rate.
    max_epochs : int, default=10
        Passes over the data.
    batch_size : int, default=128
        Samples in a batch; -1 for all.
    train_split : callable, default=None
        What holds out validation data, for example ``skorch.dataset.ValidSplit(5)``.
    random_state : int, default=None
        Seed of the initial weights, the batches and dropout. None uses torch's global generator,
        as skorch does; an int leaves that generator as it was found.
    dtype : torch.dtype, default=None
        Floating point type of the parameters; None keeps that of the module. Batches are cast to
        it.
    **kwargs
        Any other parameter of :class:`skorch.NeuralNet`: ``callbacks``, ``device``, ``compile``,
        ``warm_start``, ``verbose``, ``iterator_train`` and so on.

    Attributes
    ----------
    module_, criterion_, optimizer_ : what is trained, with what, and how.
    history : skorch.history.History
        One row per epoch with ``train_loss``, ``valid_loss`` and what callbacks record.
    classes_ : ndarray of shape (n_classes,)
        Once trained, the class indices 0, 1, ... of the logits; 0 and 1 for one sigmoid logit.

    Notes
    -----
    What differs from :class:`skorch.NeuralNetClassifier`:

    - `module` alone may be positional. Defaults are those above; train_split is None.
    - Modules give logits. ``forward`` returns them as they are; ``predict_proba`` and ``predict``
      apply the posterior of the loss, unless `predict_nonlinearity` is set. NaN is refused there,
      and a module that ends in a softmax is warned about.
    - ``classes_`` are the indices of the logits, not those found in y; y must hold indices, not
      names of classes.
    - The default callbacks are ``epoch_timer`` and ``print_log`` alone: losses are recorded
      without a callback, and there is no ``valid_acc`` (add ``EpochScoring("accuracy",
      lower_is_better=False)``).
    - The history has rows per batch only if a callback or an overridden method (``train_step``,
      ``get_loss``, ``on_batch_end``, ...) follows the batches.
    - Validation and predictions take larger batches than `batch_size`; set
      ``iterator_valid=DataLoader`` for batches of that size.
    - Options of a DataLoader, such as ``iterator_train__num_workers``, need
      ``iterator_train=DataLoader``.
    - A frame is one array of samples, not a dict of columns. Dicts, and lists of arrays, are
      several inputs as in skorch; a list of anything else is refused.
    - A Dataset may give a sample's weight third.
    - Batches are cast to the module's floating point type, where X is an array.
    - With BatchNorm, a last batch of one sample joins the one before it.
    - A callback that reads ``valid_loss`` without validation samples ends with a ValueError that
      says so, not with a KeyError.
    - An optimizer that is not of torch.optim gets a closure, one of torch.optim only if it is
      LBFGS.
    - The state of a net is arrays, numbers and strings, also for skops, unless it holds objects of
      the user's. There is no pickle inside the pickle, so that classes of a notebook go along with
      cloudpickle; `torch_load_kwargs` is for a user's module on CUDA.
    - ``trim_for_prediction`` keeps the criterion, which has gamma and alpha.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from focalsk import FocalNet
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> y = (X[:, 0] > 1).astype(int)
    >>> net = FocalNet(nn.Linear(4, 2), criterion__gamma=2.0, random_state=0, verbose=0)
    >>> net.fit(X, y, sample_weight=np.where(y == 1, 5.0, 1.0)).predict_proba(X).shape
    (200, 2)
    """

    _stop: type[BaseException] = KeyboardInterrupt  # how skorch's callbacks ask to stop

    def __init__(
        self,
        module: Any,
        *,
        criterion: Any = FocalLoss,
        optimizer: Any = torch.optim.Adam,
        lr: float = 0.005,
        max_epochs: int = 10,
        batch_size: int = 128,
        train_split: Any = None,
        dataset: Any = ArrayDataset,
        iterator_train: Any = Batches,
        iterator_valid: Any = Batches,
        random_state: int | None = None,
        dtype: torch.dtype | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            module,
            criterion=criterion,
            optimizer=optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            train_split=train_split,
            dataset=dataset,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            **kwargs,
        )
        self.random_state = random_state
        self.dtype = dtype

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        # Losses per epoch are recorded by run_single_epoch: skorch's callbacks for them would
        # need a row per batch.
        return [("epoch_timer", EpochTimer()), ("print_log", LazyPrintLog())]

    # Building -----------------------------------------------------------------------------------

    def check_training_readiness(self) -> None:
        super().check_training_readiness()
        check_parameters(self)

    def initialize_module(self) -> FocalNet:
        with seeded(self.random_state, WEIGHTS):
            super().initialize_module()
        if self.dtype is not None:
            self.module_.to(self.dtype)
        return self

    def get_params_for_optimizer(
        self, prefix: str, named_parameters: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        named = list(named_parameters)
        args, kwargs = super().get_params_for_optimizer(prefix, named)
        if kwargs.get("fused") and any(is_lazy(p) for _, p in named):
            kwargs["fused"] = takes_lazy_parameters()
        return args, kwargs

    # Training -----------------------------------------------------------------------------------

    def fit_loop(
        self,
        X: Any,
        y: Any = None,
        epochs: int | None = None,
        *,
        sample_weight: Any = None,
        valid: Any = None,
        keeper: EpochKeeper | None = None,
        **fit_params: Any,
    ) -> FocalNet:
        """Train for some epochs.

        Parameters
        ----------
        X, y : samples and targets, or a Dataset and None.
        epochs : int, default=None
            Passes over the data; None for ``max_epochs``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample in the loss, used as given.
        valid : Dataset, default=None
            Validation data; None leaves the choice to ``train_split``.
        keeper : EpochKeeper, default=None
            What keeps the epochs in a file, and goes on from there.
        **fit_params
            Passed to the module's forward.
        """
        method = fit_params.pop("_routing_method", "fit")
        self.check_data(X, y)
        self.check_training_readiness()
        check_epochs(self, epochs)
        train = X if sample_weight is None else self._weighted(X, y, sample_weight)
        if valid is None:
            split_params = routed_split_params(self, method, fit_params)
            train, valid = self.get_split_datasets(train, y, **split_params)
        else:
            train = self.get_dataset(train, y)
        check_some(self, train)
        batches_train = self.get_iterator(train, training=True)
        batches_valid = None if valid is None else self.get_iterator(valid, training=False)
        datasets = {"dataset_train": train, "dataset_valid": valid}
        left = self.max_epochs if epochs is None else epochs
        left -= 0 if keeper is None else keeper.resume(self)
        for ahead in reversed(range(left)):
            epoch = len(self.history)
            with seeded(self.random_state, EPOCH, epoch + 1):
                if hasattr(batches_train, "set_epoch"):
                    batches_train.set_epoch(epoch)
                self.notify("on_epoch_begin", **datasets)
                self.run_single_epoch(
                    batches_train, True, "train", step_fn=self.train_step, **fit_params
                )
                self.run_single_epoch(
                    batches_valid, False, "valid", step_fn=self.validation_step, **fit_params
                )
                try:
                    self.notify("on_epoch_end", **datasets)
                except self._stop:
                    break
                except KeyError as error:
                    raise (explain_no_validation(error) if valid is None else error) from error
            if keeper is not None and ahead:
                keeper.save(self)
        return self

    def _weighted(self, X: Any, y: Any, sample_weight: Any) -> Any:
        if is_dataset(X):
            raise ValueError(
                "sample_weight is for X of arrays. A Dataset gives the weights itself, third in "
                "each sample."
            )
        if is_several_inputs(X):
            return WeightedDataset(X, y, sample_weight)
        return ArrayDataset(X, y, sample_weight)

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> FocalNet:
        """Initialize the net, unless `warm_start`, and train it: see :meth:`fit_loop`.

        Parameters
        ----------
        X, y : samples and targets, or a Dataset and None.
        **fit_params
            ``sample_weight``, ``epochs`` and ``valid``, as for :meth:`fit_loop`; any other goes to
            the module's forward.

        Returns
        -------
        self : FocalNet
        """
        return super().fit(X, y, **fit_params)

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any
    ) -> FocalNet:
        """Train on, without initializing a net that is: see :meth:`fit_loop`.

        Parameters
        ----------
        X, y, **fit_params
            As for :meth:`fit`.
        classes : ignored, for scikit-learn.

        Returns
        -------
        self : FocalNet
        """
        super().partial_fit(X, y, classes, **fit_params)
        last = self.history[-1].get("train_loss") if self.history else None
        wrong = isinstance(last, float) and not np.isfinite(last)
        if wrong or not all(weights.isfinite().all() for weights in self._parameters()):
            became = f"loss became {last}" if wrong else "made weights that are not finite"
            warnings.warn(
                f"The training {became}. Lower lr, or look for numbers in X, "
                "sample_weight or the criterion's alpha that are too large or NaN.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        if iterator is None:
            return
        hooks = has_batch_hooks(self)
        by_hand = None if hooks or fit_params or not training else self._manual_step(iterator)
        losses, sizes = [], []
        step: dict[str, Any] = {}
        for batch in iterator:
            shown = batch[:2] if isinstance(batch, (tuple, list)) else batch
            if hooks:  # skorch's callbacks expect batches of X and y
                self.notify("on_batch_begin", batch=shown, training=training)
            try:
                step = by_hand(batch) if by_hand else step_fn(batch, **fit_params)
            except ValueError as error:
                raise explain_batch_of_one(error) from error
            losses.append(step["loss"] if by_hand else step["loss"].detach())
            sizes.append(self._n_samples(batch))
            if hooks:
                self.history.record_batch(prefix + "_loss", step["loss"].sum().item())
                self.history.record_batch(prefix + "_batch_size", sizes[-1])
                self.notify("on_batch_end", batch=shown, training=training, **step)
        self.history.record(prefix + "_batch_count", len(sizes))
        if sizes:
            self._record_loss(prefix + "_loss", losses, sizes)
            if training:
                self._note_outputs(step.get("y_pred"))

    def _note_outputs(self, y_pred: Any) -> None:
        """Read the number of classes off the last batch; warn where logits are none."""
        y_pred = first_output(y_pred)
        if not isinstance(y_pred, torch.Tensor) or not y_pred.ndim:
            return
        width = y_pred.shape[1] if y_pred.ndim > 1 else 1
        self.n_classes_ = max(2, width)  # one logit stands for two classes
        if len(self.history) == 1 and self._focal() is not None:
            notice_probabilities(self.module_, y_pred.detach(), self._is_sigmoid())

    def _n_samples(self, batch: Any) -> Any:
        X, y, _ = parts_of(batch)
        return len(y) if isinstance(y, torch.Tensor) and y.ndim else get_len(X)

    def _record_loss(self, name: str, losses: list[torch.Tensor], sizes: list[Any]) -> None:
        loss = torch.stack(losses)
        if self._process()[1] > 1:  # each process has as many samples of a batch
            torch.distributed.all_reduce(loss, group=self.module_.process_group)
            loss /= self._process()[1]
        values, weights = loss.numpy(force=True), np.asarray(sizes, dtype=float)
        mean = (values * weights).sum(axis=0) / weights.sum(axis=0)
        earlier = [row[name] for row in self.history[:-1] if name in row]
        self.history.record(name, mean.tolist())
        self.history.record(name + "_best", np.all([mean < other for other in earlier], 0).tolist())

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        if has_batch_hooks(self) or not self._is_one_step():
            return super().train_step(batch, **fit_params)
        self.optimizer_.zero_grad(set_to_none=True)
        step = self.train_step_single(batch, **fit_params)
        self.optimizer_.step()
        return step

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        step = self._step(batch, training=True, **fit_params)
        step["loss"].sum().backward()
        return step

    def _is_one_step(self) -> bool:
        """Whether one optimizer takes one step without evaluating the loss by itself."""
        kind = type(getattr(self, "optimizer_", None))
        known = kind.__module__.split(".")[:2] == ["torch", "optim"]
        return len(optimizer_names(self)) == 1 and known and kind is not torch.optim.LBFGS

    def _has_own(self, *methods: str) -> bool:
        """Whether no subclass has replaced these methods."""
        return all(getattr(type(self), name) is getattr(FocalNet, name) for name in methods)

    def _manual_step(self, iterator: Any) -> Callable[[Any], dict[str, torch.Tensor]] | None:
        """`train_step` without autograd, for an epoch in which nobody looks on.

        None if the module, the loss, the optimizer, the samples or a subclass do not let it.
        """
        methods = ("train_step", "train_step_single", "_step", "infer", "get_loss")
        usual = self._has_own(*methods) and self._is_one_step()
        if not usual or not isinstance(iterator, Batches) or iterator.keep_sparse:
            return None
        self._set_training()
        dataset = iterator.dataset
        gradients = manual_step(self.module_, self.criterion_, dataset.X, dataset.y)
        if gradients is None:
            return None
        parameters = list(self.module_.parameters())
        update = quick_step(self.optimizer_, parameters)
        self.n_classes_ = max(2, len(parameters[-1]))  # the last bias

        def step(batch: Any) -> dict[str, torch.Tensor]:
            loss, grads = gradients(*batch)
            update(grads)
            return {"loss": loss}

        return step

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            return self._step(batch, training=False, **fit_params)

    def forward_iter(self, X: Any, training: bool = False, device: str = "cpu") -> Iterator[Any]:
        methods = ("get_dataset", "get_iterator")
        usual = self.dataset is ArrayDataset and self.iterator_valid is Batches
        few = isinstance(X, np.ndarray) and X.size <= EVALUATION_VALUES and X.dtype.kind == "f"
        if training or not (usual and few and self._has_own(*methods)):
            yield from super().forward_iter(X, training=training, device=device)
            return
        # One batch needs no iterator, which would take longer than the net.
        batch = as_tensor(X).to(self.device, self._module_dtype())
        yield to_device(self.evaluation_step((batch, None)), device=device)

    def evaluation_step(self, batch: Any, training: bool = False) -> torch.Tensor:
        if getattr(self, "module_", None) is None:
            self.check_is_fitted()
        if not training and self._has_own("infer"):
            logits = plain_forward(self.module_, batch[0])
            if logits is not None:
                self._set_training(False)
                return logits
        return super().evaluation_step(parts_of(batch)[:2], training=training)

    def _step(self, batch: Any, training: bool, **fit_params: Any) -> dict[str, torch.Tensor]:
        self._set_training(training)
        Xi, yi, weight = parts_of(batch)
        y_pred = self.infer(Xi, **fit_params)
        given = {} if weight is None else {"weight": weight}
        if given and not takes_weight(self.get_loss):
            raise TypeError(
                "sample_weight needs a get_loss that takes 'weight'; that of "
                f"{type(self).__name__} does not."
            )
        loss = self.get_loss(y_pred, yi, X=Xi, training=training, **given)
        return {"loss": loss, "y_pred": y_pred}

    def get_loss(
        self,
        y_pred: Any,
        y_true: Any,
        X: Any = None,
        training: bool = False,
        weight: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Sum of the weighted losses over the number of samples.

        Of a module's several outputs, the first are the logits. A criterion that is no focal loss
        is called as skorch calls it, with ``weight`` only if there are sample weights.
        """
        if self._focal() is None:
            return self._loss_of_another(y_pred, y_true, X, training, weight)
        y_pred = first_output(y_pred)
        samples = y_pred.numel() // (y_pred.shape[1] if y_pred.ndim > 1 else 1)
        y_true = y_true.to(y_pred.device)
        if weight is not None:
            weight = weight.to(y_pred.device)
        return self.criterion_(y_pred, y_true, weight=weight, avg_factor=max(samples, 1))

    def _loss_of_another(
        self, y_pred: Any, y_true: Any, X: Any, training: bool, weight: torch.Tensor | None
    ) -> torch.Tensor:
        if weight is None:
            return super().get_loss(y_pred, y_true, X=X, training=training)
        criterion = self.criterion_
        if not takes_weight(getattr(criterion, "forward", criterion)):
            raise TypeError(
                f"sample_weight needs a criterion that takes 'weight'. {type(criterion).__name__} "
                "does not; FocalLoss(gamma=0) is cross-entropy that does."
            )
        return criterion(y_pred, y_true.to(y_pred.device), weight=weight.to(y_pred.device))

    def _set_training(self, training: bool = True) -> None:
        parts = (getattr(self, name, None) for name in ("module_", "criterion_"))
        if any(getattr(part, "training", None) is not training for part in parts):
            super()._set_training(training)
