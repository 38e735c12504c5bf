"""FocalNet: a skorch net that trains any module with focal loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EpochTimer,
    PassthroughScoring,
    PrintLog,
    TrainEndCheckpoint,
)
from skorch.utils import to_device
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import IterableDataset, Subset

from focalsk.losses import (
    FocalLoss,
    SigmoidFocalLoss,
    focal_posterior,
    focal_scores,
    sigmoid_focal_posterior,
    sigmoid_focal_scores,
)
from focalsk.nets._adam import quick_step
from focalsk.nets._batches import EPOCH, WEIGHTS, ArrayDataset, Batches, as_tensor, seeded
from focalsk.nets._manual_step import manual_step, plain_forward

__all__ = ["FocalNet"]

# Values in one evaluation batch: large enough to make the cost per call vanish, small enough for
# its activations to stay in a processor's cache.
_EVALUATION_VALUES = 2**19


class FocalNet(NeuralNet):
    """Train any module with focal loss, the skorch way.

    A :class:`skorch.NeuralNet` whose criterion is a focal loss: callbacks, history, checkpoints,
    ``set_params`` with double underscores and every other feature of skorch work as usual. Beyond
    it: sample weights, a seed, sparse input, and epochs without a Python call per sample.

    The loss of a batch is the sum of ``weight * alpha * focal loss`` over its samples, divided by
    the number of samples (for a sigmoid criterion, the terms of a sample's labels are summed).
    Class weights are not divided out batch by batch, so the expected loss does not depend on the
    batch size. (Targets that the criterion ignores count as samples.)

    Parameters
    ----------
    module : torch.nn.Module class, factory or instance
        Maps a batch (B, ...) to logits (B, C). Processes whose `module_` is wrapped in
        DistributedDataParallel share the batches: see ``examples/several_processes.py``.
        Batches of CSR matrices are dense, unless its class has ``accepts_sparse = True``: then
        they may be CSR tensors.
    criterion : class, default=FocalLoss
        :class:`~focalsk.FocalLoss` for one class per sample,
        :class:`~focalsk.SigmoidFocalLoss` for binary or multi-label targets; its parameters are
        ``criterion__gamma``, ``criterion__alpha``, ...
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
        One row per epoch with ``train_loss``, ``valid_loss`` and what callbacks record. Rows per
        batch are kept only if a callback has hooks on batches.

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
        return [("epoch_timer", EpochTimer()), ("print_log", _LazyPrintLog())]

    # Building -----------------------------------------------------------------------------------

    def initialize_module(self) -> FocalNet:
        with seeded(self.random_state, WEIGHTS):
            super().initialize_module()
        if self.dtype is not None:
            self.module_.to(self.dtype)
        return self

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        if self.dataset is ArrayDataset and isinstance(X, (Mapping, list, tuple)):
            raise TypeError(
                "X must be an array, a tensor, a sparse matrix or a torch Dataset. Got "
                f"{type(X).__name__} instead; for dicts and lists of inputs pass "
                "dataset=skorch.dataset.Dataset and iterator_train, iterator_valid=DataLoader."
            )
        return super().get_dataset(X, y)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Batches over an :class:`ArrayDataset`; a torch DataLoader over any other dataset."""
        side = "iterator_train" if training else "iterator_valid"
        kwargs = self.get_params_for(side)
        ours = dataset.dataset if isinstance(dataset, Subset) else dataset
        if getattr(self, side) is not Batches:
            return super().get_iterator(dataset, training=training)
        batch_size = kwargs.pop("batch_size", self.batch_size)
        if batch_size == -1:
            batch_size = max(1, len(dataset) // (self._process()[1] if training else 1))
        if not isinstance(ours, ArrayDataset):
            if not isinstance(dataset, IterableDataset):
                kwargs.setdefault("shuffle", training)
            return torch.utils.data.DataLoader(dataset, batch_size=batch_size, **kwargs)
        if not training:
            width = max(1, int(np.prod(ours.X.shape[1:])))
            batch_size = max(batch_size, _EVALUATION_VALUES // width)
        kwargs.setdefault("shuffle", training)
        return Batches(
            dataset,
            batch_size=batch_size,
            device=self.device or self._module_device(),
            dtype=self._module_dtype(),
            seed=self.random_state,
            process=self._process() if training else (0, 1),
            accepts_sparse=self._accepts_sparse(),
            **kwargs,
        )

    def _process(self) -> tuple[int, int]:
        """Rank and number of the processes that train a DistributedDataParallel module."""
        if not isinstance(self.module_, DistributedDataParallel):
            return 0, 1
        group = self.module_.process_group
        return group.rank(), group.size()

    def _accepts_sparse(self) -> bool:
        # Not inherited: the forward of a subclass may do with its input what a CSR tensor cannot.
        return vars(type(self.module_)).get("accepts_sparse", False)

    def _module_device(self) -> torch.device:  # where somebody else has put it
        return next((p.device for p in self.module_.parameters()), torch.device("cpu"))

    def _module_dtype(self) -> torch.dtype | None:
        parameters = self.module_.parameters()
        return next((p.dtype for p in parameters if p.is_floating_point()), None)

    # Training -----------------------------------------------------------------------------------

    def fit_loop(
        self,
        X: Any,
        y: Any = None,
        epochs: int | None = None,
        *,
        sample_weight: Any = None,
        valid: Any = None,
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
        **fit_params
            Passed to the module's forward.
        """
        fit_params.pop("_routing_method", None)
        self.check_data(X, y)
        train = X if sample_weight is None else ArrayDataset(X, y, sample_weight)
        if valid is None:
            train, valid = self.get_split_datasets(train, y)
        else:
            train = self.get_dataset(train, y)
        batches_train = self.get_iterator(train, training=True)
        batches_valid = None if valid is None else self.get_iterator(valid, training=False)
        datasets = {"dataset_train": train, "dataset_valid": valid}
        for _ in range(self.max_epochs if epochs is None else epochs):
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
        return self

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        if iterator is None:
            return
        hooks = self._has_batch_hooks()
        by_hand = None if hooks or fit_params or not training else self._manual_step(iterator)
        losses, sizes = [], []
        for batch in iterator:
            if hooks:  # skorch's callbacks expect batches of X and y
                self.notify("on_batch_begin", batch=batch[:2], training=training)
            step = by_hand(batch) if by_hand else step_fn(batch, **fit_params)
            losses.append(step["loss"] if by_hand else step["loss"].detach())
            sizes.append(self._n_samples(batch))
            if hooks:
                self.history.record_batch(prefix + "_loss", step["loss"].sum().item())
                self.history.record_batch(prefix + "_batch_size", sizes[-1])
                self.notify("on_batch_end", batch=batch[:2], training=training, **step)
        self.history.record(prefix + "_batch_count", len(sizes))
        if sizes:
            self._record_loss(prefix + "_loss", losses, sizes)

    def _n_samples(self, batch: Any) -> Any:
        return len(batch[1])

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

    def _has_batch_hooks(self) -> bool:
        hooks = ("on_batch_begin", "on_batch_end", "on_grad_computed")
        readers = (PassthroughScoring, Checkpoint, TrainEndCheckpoint)  # of rows per batch
        return any(
            isinstance(callback, readers)
            or any(getattr(type(callback), hook) is not getattr(Callback, hook) for hook in hooks)
            for _, callback in self.callbacks_
        )

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        if self._has_batch_hooks() or not self._is_one_step():
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
        return len(self._optimizers) == 1 and not isinstance(self.optimizer_, torch.optim.LBFGS)

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
        update = quick_step(self.optimizer_, list(self.module_.parameters()))

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
        few = isinstance(X, np.ndarray) and X.size <= _EVALUATION_VALUES and X.dtype.kind == "f"
        if training or not (usual and few and self._has_own(*methods)):
            yield from super().forward_iter(X, training=training, device=device)
            return
        # One batch needs no iterator, which would take longer than the net.
        batch = as_tensor(X).to(self.device, self._module_dtype())
        yield to_device(self.evaluation_step((batch, None)), device=device)

    def evaluation_step(self, batch: Any, training: bool = False) -> torch.Tensor:
        if not training and self._has_own("infer"):
            logits = plain_forward(self.module_, batch[0])
            if logits is not None:
                self._set_training(False)
                return logits
        return super().evaluation_step(batch[:2], training=training)

    def _step(self, batch: Any, training: bool, **fit_params: Any) -> dict[str, torch.Tensor]:
        self._set_training(training)
        Xi, yi, *weight = batch
        y_pred = self.infer(Xi, **fit_params)
        loss = self.get_loss(y_pred, yi, X=Xi, training=training, weight=next(iter(weight), None))
        return {"loss": loss, "y_pred": y_pred}

    def get_loss(
        self,
        y_pred: torch.Tensor,
        y_true: torch.Tensor,
        X: Any = None,
        training: bool = False,
        weight: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Sum of the weighted losses over the number of samples."""
        samples = y_pred.numel() // (y_pred.shape[1] if y_pred.ndim > 1 else 1)
        y_true = y_true.to(y_pred.device)
        if weight is not None:
            weight = weight.to(y_pred.device)
        return self.criterion_(y_pred, y_true, weight=weight, avg_factor=max(samples, 1))

    def _set_training(self, training: bool = True) -> None:
        if self.module_.training is not training or self.criterion_.training is not training:
            super()._set_training(training)

    # Prediction ---------------------------------------------------------------------------------

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the data: the posterior behind gamma and alpha.

        Parameters
        ----------
        X : samples, as for ``fit``.

        Returns
        -------
        ndarray of the logits' shape
            Softmax criterion: rows sum to one. Sigmoid criterion: probability of each label.
        """
        logits, loss = self.forward(X), self.criterion_
        gamma, alpha = _cpu(loss.gamma), _cpu(loss.alpha)
        smoothing = loss.label_smoothing
        if self._is_sigmoid():
            return sigmoid_focal_posterior(logits, gamma, alpha, label_smoothing=smoothing).numpy()
        return focal_posterior(logits, gamma, alpha, dim=1, label_smoothing=smoothing).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Decisions under the class weights: class indices, or 0/1 for a sigmoid criterion.

        Parameters
        ----------
        X : samples, as for ``fit``.

        Returns
        -------
        ndarray of int64
            Of shape (n_samples,), or of the logits' shape for a sigmoid criterion.
        """
        logits, gamma = self.forward(X), _cpu(self.criterion_.gamma)
        if self._is_sigmoid():
            return (sigmoid_focal_scores(logits, gamma) > 0).to(torch.int64).numpy()
        return focal_scores(logits, gamma, dim=1).argmax(dim=1).numpy()

    def _is_sigmoid(self) -> bool:
        return isinstance(self.criterion_, SigmoidFocalLoss)


class _LazyPrintLog(PrintLog):
    """Print the history of a verbose net, and make no table otherwise."""

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        if net.verbose or self.sink is not print:
            super().on_epoch_end(net, **kwargs)


def _cpu(value: Any) -> Any:
    return value.cpu() if isinstance(value, torch.Tensor) else value
