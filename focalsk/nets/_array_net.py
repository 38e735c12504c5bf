"""A skorch net over classes whose samples are arrays: batches in, predictions out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if
from skorch import NeuralNetClassifier
from skorch.utils import is_dataset
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import IterableDataset, Subset

from focalsk.losses import FocalLoss, SigmoidFocalLoss
from focalsk.nets import _answers as answers
from focalsk.nets._batches import ArrayDataset, Batches
from focalsk.nets._net_state import is_plain, plain_state, set_plain_state
from focalsk.nets._skorch import (
    as_plain_dataset,
    first_output,
    is_ours,
    is_several_inputs,
    smallest_batch,
)

__all__ = ["EVALUATION_VALUES", "ArrayNet"]

# Values in one evaluation batch: large enough to make the cost per call vanish, small enough for
# its activations to stay in a processor's cache.
EVALUATION_VALUES = 2**19


class ArrayNet(NeuralNetClassifier):
    """What :class:`~focalsk.FocalNet` does but for the training: see there."""

    criterion: Any
    criterion_: Any
    random_state: int | None

    # What goes in -------------------------------------------------------------------------------

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """An :class:`ArrayDataset`; skorch's Dataset for a dict or list of several inputs."""
        if self.dataset is not ArrayDataset or is_dataset(X):
            return super().get_dataset(X, y)
        if is_several_inputs(X):
            return as_plain_dataset(X, y)
        if isinstance(X, (list, tuple)):
            raise TypeError(
                "X must be an array, a tensor, a sparse matrix, a torch Dataset, or a dict or list "
                f"of arrays for a module of several inputs. Got a {type(X).__name__} instead."
            )
        return super().get_dataset(X, y)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Batches over an :class:`ArrayDataset`; a torch DataLoader over any other dataset."""
        side = "iterator_train" if training else "iterator_valid"
        kwargs = self.get_params_for(side)
        batch_size = int(kwargs.pop("batch_size", self.batch_size))
        if batch_size == -1:
            batch_size = max(1, len(dataset) // (self._process()[1] if training else 1))
        if getattr(self, side) is not Batches:
            return getattr(self, side)(dataset, batch_size=batch_size, **kwargs)
        ours = dataset.dataset if isinstance(dataset, Subset) else dataset
        if not isinstance(ours, ArrayDataset):
            if not isinstance(dataset, IterableDataset):
                kwargs.setdefault("shuffle", training)
            return torch.utils.data.DataLoader(dataset, batch_size=batch_size, **kwargs)
        if not training:
            width = max(1, int(np.prod(ours.X.shape[1:])))
            batch_size = max(batch_size, EVALUATION_VALUES // width)
        if unknown := sorted(kwargs.keys() - {"shuffle", "smallest"}):
            raise TypeError(
                f"{side}__{unknown[0]} is for torch's DataLoader: pass {side}=DataLoader with it."
            )
        kwargs.setdefault("shuffle", training)
        module = getattr(self, "module_", None)
        if training and module is not None:
            kwargs.setdefault("smallest", smallest_batch(module))
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
        module = getattr(self, "module_", None)
        if not isinstance(module, DistributedDataParallel):
            return 0, 1
        return module.process_group.rank(), module.process_group.size()

    def _accepts_sparse(self) -> bool:
        # Not inherited: the forward of a subclass may do with its input what a CSR tensor cannot.
        return vars(type(getattr(self, "module_", None))).get("accepts_sparse", False)

    def _parameters(self) -> Iterator[torch.Tensor]:
        module = getattr(self, "module_", None)
        return iter(()) if module is None else module.parameters()

    def _module_device(self) -> torch.device:  # where somebody else has put it
        return next((p.device for p in self._parameters()), torch.device("cpu"))

    def _module_dtype(self) -> torch.dtype | None:
        return next((p.dtype for p in self._parameters() if p.is_floating_point()), None)

    def __copy__(self) -> ArrayNet:
        """Another net of the same parts: what `copy.copy` gives of any object."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Arrays, numbers and strings; what holds more stays as it is: a module of the user's."""
        plain = plain_state(self)
        return vars(self).copy() if plain is None else plain

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "__cuda_dependent_attributes__" in state:
            raise ValueError(
                f"This {type(self).__name__} holds a pickle within its state, as skorch and "
                "focalsk 0.1 write it, and that may run any code. Save it with this version."
            )
        if is_plain(state):
            set_plain_state(self, state)
        else:
            self.__dict__.update(state)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A user's module on CUDA goes skorch's way, so that it loads where there is no CUDA: as a
        # pickle within the pickle, which only a pickle may open, never __setstate__.
        on_cpu = all(p.device.type == "cpu" for p in self._parameters())
        if (on_cpu and str(self.device) == "cpu") or plain_state(self) is not None:
            return super().__reduce_ex__(protocol)
        return _open_pickle, (type(self), super().__getstate__())

    def check_data(self, X: Any, y: Any) -> None:
        """Refuse samples without targets, unless `get_loss` is a subclass's."""
        if y is None and not is_dataset(X) and is_ours(self, "get_loss", "get_dataset"):
            raise ValueError(
                "y must be given, unless X is a Dataset that has the targets. Got y=None."
            )

    @property
    def classes_(self) -> np.ndarray:
        """What the columns of `predict_proba` stand for: class indices, or `classes` if given."""
        if getattr(self, "classes", None) is not None:
            return super().classes_
        n_classes = self.__dict__.get("n_classes_")
        if n_classes is None:
            raise AttributeError(
                f"{type(self).__name__} knows its classes_ once it is trained, or from the "
                "parameter 'classes'."
            )
        return np.arange(n_classes)

    # What comes out -----------------------------------------------------------------------------

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the data: the posterior behind gamma and alpha.

        Parameters
        ----------
        X : samples, as for ``fit``.

        Returns
        -------
        ndarray of the logits' shape; (n_samples, 2) for one sigmoid logit per sample
            Softmax criterion, one sigmoid logit: rows sum to one. Several sigmoid logits:
            probability of each label. With another criterion or `predict_nonlinearity`: what
            skorch gives.

        Raises
        ------
        ValueError
            If the module gives NaN.
        """
        loss = self._answering()
        if loss is None:
            return super().predict_proba(X)
        return answers.posterior(loss, self._logits(X)).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Decisions under the class weights: class indices, or 0/1 of each label.

        Parameters
        ----------
        X : samples, as for ``fit``.

        Returns
        -------
        ndarray of int64
            Of shape (n_samples,), or of the logits' shape for several sigmoid logits. With another
            criterion or `predict_nonlinearity`: the most probable class.
        """
        loss = self._answering()
        if loss is None:
            return super().predict(X)
        return answers.decide(loss, self._logits(X)).numpy()

    @available_if(lambda net: net._answering() is not None)
    def decision_function(self, X: Any) -> np.ndarray:
        """Scores whose sign or argmax is :meth:`predict`.

        Parameters
        ----------
        X : samples, as for ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else of the logits' shape
            Log-odds of class 1 or of each label under the class weights, or a score per class.
            Only with a focal criterion and without `predict_nonlinearity`.
        """
        return answers.scores(self._answering(), self._logits(X)).numpy()

    def _answering(self) -> Any:
        """The loss whose posterior the net reports; None if skorch's own rules apply."""
        return self._focal() if self.predict_nonlinearity == "auto" else None

    def _logits(self, X: Any) -> torch.Tensor:
        logits: torch.Tensor = first_output(self.forward(X)).detach()
        # -inf may leave out a class or a label, and says something beside others.
        if logits.numel() and not logits.max() < np.inf:  # NaN fails as well
            raise ValueError(
                f"{type(self.module_).__name__} gives NaN or infinity for some samples: its "
                "weights or X are not finite, or too large for its floating point type."
            )
        return logits

    def _is_sigmoid(self) -> bool:
        return isinstance(self._focal(), SigmoidFocalLoss)

    def _focal(self) -> FocalLoss | SigmoidFocalLoss | None:
        """The criterion if it is a focal loss, whatever torch.compile has wrapped it in."""
        criterion = getattr(self, "criterion_", None)
        criterion = getattr(criterion, "_orig_mod", criterion)
        return criterion if isinstance(criterion, (FocalLoss, SigmoidFocalLoss)) else None

    def trim_for_prediction(self) -> None:
        """Drop what only training needs, as skorch does; a focal loss stays for the posterior."""
        kept = self.criterion, getattr(self, "criterion_", None)
        focal = self._focal() is not None
        super().trim_for_prediction()
        if focal:
            self.criterion, self.criterion_ = kept


def _open_pickle(kind: type[ArrayNet], state: dict[str, Any]) -> ArrayNet:
    """A net by the state that skorch makes of one on CUDA."""
    net = kind.__new__(kind)
    NeuralNetClassifier.__setstate__(net, state)
    return net
