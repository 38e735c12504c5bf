"""Arrays and CSR matrices as minibatches of tensors, and what a seed decides about them."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from scipy import sparse
from skorch.dataset import Dataset  # its callbacks look into no other
from torch.utils.data import Subset

from focalsk.nets import _csr as csr
from focalsk.nets._constraints import check_numbers, check_unmasked, check_weight

__all__ = ["ArrayDataset", "Batches", "Rows", "as_tensor", "in_blocks", "seeded"]

# What a seed is used for: its streams are told apart by these.
WEIGHTS, EPOCH, ORDER, FIRST_BATCH, PREDICTION = 1, 2, 3, 4, 5

# How many values one gather or one evaluation batch takes at most: large enough to make the cost
# per call vanish, small enough to stay in a processor's cache.
_BLOCK_VALUES = 2**19

# The same where a few operations in a row make as many values again each.
_CACHED_VALUES = 2**16

# From how many features on, and up to which share of non-zeros, a layer that reads these only is
# quicker than a dense one: see benchmarks/memory.py.
_SPARSE_FEATURES, _SPARSE_DENSITY = 3000, 0.05


@contextlib.contextmanager
def seeded(seed: int | None, *keys: int) -> Iterator[None]:
    """Run a block under torch's global generator seeded by `(seed, *keys)`, then restore it.

    With ``seed=None`` the global generator is used as it is, as torch code does. Threads take
    turns: there is only one global generator.
    """
    if seed is None:
        yield
        return
    devices = _cuda_devices()
    with _GENERATOR, torch.random.fork_rng(devices=devices):
        # Not torch.manual_seed: where CUDA never started, it notes a stack trace for later.
        for generator in (torch.default_generator, *map(_cuda_generator, devices)):
            generator.manual_seed(derive_seed(seed, *keys))
        yield


_GENERATOR = threading.RLock()


def _cuda_devices() -> list[int]:
    """CUDA devices whose generator a block may use; none where CUDA was never started."""
    return [torch.cuda.current_device()] if torch.cuda.is_initialized() else []


def _cuda_generator(device: int) -> torch.Generator:
    return torch.cuda.default_generators[device]


def derive_seed(*keys: int) -> int:
    """Hash whole numbers into one 63-bit seed: streams of different keys are independent.

    The last key must not be 0, since trailing zeros make no difference.
    """
    return int(np.random.SeedSequence(keys).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Rows:
    """Some rows of an array or a CSR matrix, which are not copied until they are asked for.

    Parameters
    ----------
    whole : ndarray or CSR matrix of shape (n, ...)
    index : ndarray of shape (n_rows,)
        Which of them, by their numbers.
    """

    def __init__(self, whole: Any, index: np.ndarray) -> None:
        self.whole, self.index = whole, index
        self.shape, self.dtype = (len(index), *whole.shape[1:]), whole.dtype

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, chosen: Any) -> Rows:
        """Those of the rows that a mask, an index array or a slice chooses."""
        return Rows(self.whole, self.index[chosen])

    def copy(self) -> Any:
        """The rows as an array or matrix of their own."""
        return self.whole[self.index]


class ArrayDataset(Dataset):
    """Samples held in arrays: ``dataset[i]`` is ``(X[i], y[i])``, with a weight third if given.

    Parameters
    ----------
    X : ndarray, Tensor, CSR matrix, or Rows of one, of shape (n_samples, ...)
        Samples. They are never copied whole; a CSR matrix becomes dense one batch at a time,
        if at all.
    y : ndarray or Tensor of shape (n_samples,) or (n_samples, n_outputs), default=None
        Targets. Without them every target is 0, as in skorch, and is not looked at.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample in the loss; used as given.

    Examples
    --------
    >>> import numpy as np
    >>> from focalsk.nets import ArrayDataset
    >>> dataset = ArrayDataset(np.eye(3), np.array([0, 1, 1]))
    >>> len(dataset), dataset[1]
    (3, (tensor([0., 1., 0.], dtype=torch.float64), tensor(1)))
    """

    def __init__(self, X: Any, y: Any = None, sample_weight: Any = None) -> None:
        self.rows: torch.Tensor | None = None  # of X; None for all
        if isinstance(X, Rows):
            self.rows, X = torch.as_tensor(X.index), X.whole
        X = check_numbers("X", X)
        self.X = X if sparse.issparse(X) else as_tensor(X)
        n_samples = len(self)
        self.y = torch.zeros(1, dtype=torch.int64).expand(n_samples) if y is None else _as_target(y)
        self.weight = None if sample_weight is None else _as_weight(sample_weight)
        for name, values in (("y", self.y), ("sample_weight", self.weight)):
            if values is not None and len(values) != n_samples:
                raise ValueError(
                    f"{name} must have one entry per sample. Got {len(values)} for "
                    f"{n_samples} samples."
                )
        if self.weight is not None:
            check_weight(self.weight)

    def __len__(self) -> int:
        return self.X.shape[0] if self.rows is None else len(self.rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        return tuple(part[0] for part in self.take(torch.as_tensor([index])))

    def __getitems__(self, indices: list[int]) -> list[tuple[torch.Tensor, ...]]:
        return list(zip(*self.take(torch.as_tensor(indices)), strict=True))

    def take(
        self,
        index: torch.Tensor | slice,
        keep_sparse: bool = False,
        out: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        """The samples at `index` as tensors ``(X, y)`` or ``(X, y, weight)``.

        Those of a CSR matrix are dense, or a CSR tensor with `keep_sparse`. If X is gathered from a
        tensor, it is put into `out`.
        """
        rows = index if self.rows is None else _take(self.rows, index)
        parts = (self.y,) if self.weight is None else (self.y, self.weight)
        return _take(self.X, rows, keep_sparse, out), *(_take(part, index) for part in parts)

    def to(self, device: torch.device) -> ArrayDataset:
        """The same samples on `device`, where they are a tensor that fits there at ease."""
        if device.type == "cpu" or sparse.issparse(self.X) or self.X.device == device:
            return self
        X = self.X if self.rows is None else self.X[self.rows]
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if X.nbytes > free / 2:
                return self
        weight = None if self.weight is None else self.weight.to(device)
        return ArrayDataset(X.to(device), self.y.to(device), weight)


def _as_weight(sample_weight: Any) -> torch.Tensor:
    weight = as_tensor(check_numbers("sample_weight", sample_weight))
    return weight if weight.is_floating_point() else weight.to(torch.float64)


def as_tensor(values: Any) -> torch.Tensor:
    """An array as a tensor, which shares its memory where torch can read it."""
    if isinstance(values, torch.Tensor):
        return values
    values = np.asarray(values)
    if any(stride < 0 for stride in values.strides):  # a reversed view
        values = np.ascontiguousarray(values)
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if values.flags.writeable:
        return torch.as_tensor(values)
    with warnings.catch_warnings():
        # A read-only array (a memory map, joblib's shared data) is only ever read here.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.as_tensor(values)


def _as_target(y: Any) -> torch.Tensor:
    if not isinstance(y, torch.Tensor):
        check_unmasked("y", y)
        y = np.asarray(y)
        if y.dtype.kind not in "iubf":
            raise TypeError(
                "A net trains on class indices 0, 1, ... or indicators of labels, but y holds "
                f"{y.dtype}. FocalNetClassifier takes classes of any type."
            )
        if y.dtype.kind in "iub":
            y = y.astype(np.int64, copy=False)  # what torch takes for an index
    if not y.ndim:
        raise ValueError("y must have an axis of samples. Got a scalar.")
    return as_tensor(y)


def _take(
    values: Any,
    index: torch.Tensor | slice,
    keep_sparse: bool = False,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        if isinstance(index, slice):
            return values[index]
        index = index.to(values.device)
        return torch.index_select(values, 0, index, out=out)  # four times as fast as [index]
    rows = values[index if isinstance(index, slice) else index.numpy(force=True)]
    return csr.as_tensor(rows) if keep_sparse else torch.from_numpy(rows.toarray())


def _is_better_sparse(X: Any) -> bool:
    """Whether a CSR matrix is worth a layer that reads its non-zeros only."""
    return X.shape[1] >= _SPARSE_FEATURES and X.nnz <= _SPARSE_DENSITY * X.shape[0] * X.shape[1]


def _cut(part: torch.Tensor, n_samples: int, smallest: int) -> Iterable[torch.Tensor]:
    if csr.is_csr(part):
        return csr.split(part, n_samples)
    rest = len(part) % n_samples
    if not 0 < rest < smallest or rest == len(part):
        return part.split(n_samples)
    sizes = [n_samples] * (len(part) // n_samples)
    sizes[-1] += rest
    return part.split(sizes)


def in_blocks(function: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    """A function of rows that treats each by itself, applied to a cacheful of them at a time."""
    n_rows = max(1, _CACHED_VALUES // max(1, rows[:1].numel()))
    if len(rows) <= n_rows:
        return function(rows)
    return torch.cat([function(block) for block in rows.split(n_rows)])


class Batches:
    """Iterate over an :class:`ArrayDataset` in minibatches of tensors.

    It stands where torch has a ``DataLoader`` and does without a Python call per sample. The
    order of an epoch is a function of ``(seed, epoch)`` alone, so that continued training sees
    what uninterrupted training would have seen.

    Parameters
    ----------
    dataset : ArrayDataset, or a torch Subset of one
        The samples.
    batch_size : int, default=128
        Samples in a batch; the last one may be smaller.
    shuffle : bool, default=False
        A new order each epoch, or the dataset's own.
    device, dtype : default="cpu", None
        Where the batches go, and the floating point type that X and weights are cast to.
    seed : int, default=None
        What orders the samples; None draws from torch's global generator.
    process : (int, int), default=(0, 1)
        Rank of this process and number of processes that share each batch: together they take
        batches of `batch_size` each. So that all take as many, up to one sample per process is
        left out in the last batch.
    accepts_sparse : bool, default=False
        Whether batches of a CSR matrix may be CSR tensors. They are where that is quicker: on the
        CPU, for many features with few non-zeros.
    smallest : int, default=1
        Fewest samples in a batch: a last batch with fewer joins the one before it. 2 is for
        modules that take a mean over a batch. CSR tensors are never joined.
    reuse : bool, default=False
        Whether X of a batch is good until the next one only, which then may lie in the same memory.

    Examples
    --------
    >>> import numpy as np
    >>> from focalsk.nets import ArrayDataset, Batches
    >>> batches = Batches(ArrayDataset(np.eye(5), np.arange(5)), batch_size=2)
    >>> [y.tolist() for X, y in batches]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: ArrayDataset | Subset,
        batch_size: int = 128,
        shuffle: bool = False,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | None = None,
        seed: int | None = None,
        process: tuple[int, int] = (0, 1),
        accepts_sparse: bool = False,
        smallest: int = 1,
        reuse: bool = False,
    ) -> None:
        self.reuse, self._room = reuse, torch.empty(0)
        self.device = torch.device(device)
        self.rows: torch.Tensor | None = None  # of the dataset; None for all
        whole: Any = dataset
        if isinstance(dataset, Subset):
            whole = dataset.dataset
            self.rows = torch.as_tensor(dataset.indices)
            if self.device.type != "cpu":  # only these go there
                whole, self.rows = ArrayDataset(*whole.take(self.rows)), None
        self.dataset: ArrayDataset = whole.to(self.device)
        self.batch_size = min(int(batch_size), sys.maxsize)  # torch cuts by such an int only
        self.shuffle = shuffle
        self.dtype = dtype
        self.seed = seed
        self.process = process
        self.epoch = 0
        self.keep_sparse = (
            accepts_sparse
            and sparse.issparse(self.dataset.X)
            and self.device.type == "cpu"
            and (dtype or torch.float32) in (torch.float32, torch.float64)
            and _is_better_sparse(self.dataset.X)
        )
        self.smallest = 1 if self.keep_sparse else min(smallest, self.batch_size)

    @property
    def n_samples(self) -> int:
        """How many samples a pass takes."""
        return len(self.dataset if self.rows is None else self.rows) // self.process[1]

    def __len__(self) -> int:
        whole, rest = divmod(self.n_samples, self.batch_size)
        return whole + (rest >= self.smallest or (rest > 0 and not whole))

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass, as torch's DistributedSampler does."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        order, n_samples = self._index(), self.n_samples
        values_per_sample = max(1, int(np.prod(self.dataset.X.shape[1:])))
        # Gather many batches at once and cut views out of them: far fewer calls per batch.
        n_batches = max(1, _BLOCK_VALUES // (values_per_sample * self.batch_size))
        block = n_batches * self.batch_size
        stop = 0
        while stop < n_samples:
            start, stop = stop, min(stop + block, n_samples)
            if n_samples - stop < self.smallest:
                stop = n_samples
            index = slice(start, stop) if order is None else order[start:stop]
            taken = self.dataset.take(index, self.keep_sparse, self._where(stop - start))
            parts = [self._move(part) for part in taken]
            yield from zip(
                *(_cut(part, self.batch_size, self.smallest) for part in parts), strict=True
            )

    def _where(self, n_samples: int) -> torch.Tensor | None:
        """Where to gather so many samples; None for memory of their own."""
        X = self.dataset.X
        if not self.reuse or not isinstance(X, torch.Tensor):
            return None
        if len(self._room) < n_samples:
            self._room = X.new_empty((n_samples, *X.shape[1:]))
        return self._room[:n_samples]

    def _index(self) -> torch.Tensor | None:
        """Which samples a pass takes, one after the other; None for all as they are."""
        n_samples = len(self.dataset if self.rows is None else self.rows)
        index = self._order(n_samples) if self.shuffle else None
        if self.rows is not None:
            index = self.rows if index is None else self.rows[index]
        rank, n_processes = self.process
        if n_processes == 1:
            return index
        index = torch.arange(n_samples) if index is None else index
        batches = index[: n_samples // n_processes * n_processes].split(
            self.batch_size * n_processes
        )
        return torch.cat([batch.chunk(n_processes)[rank] for batch in batches])

    def _order(self, n_samples: int) -> torch.Tensor:
        device = self.dataset.y.device
        if self.seed is None:
            return torch.randperm(n_samples, device=device)
        generator = torch.Generator(device).manual_seed(
            derive_seed(self.seed, ORDER, self.epoch + 1)
        )
        return torch.randperm(n_samples, generator=generator, device=device)

    def _move(self, part: torch.Tensor) -> torch.Tensor:
        dtype = self.dtype if part.is_floating_point() else None
        return part.to(self.device, dtype, non_blocking=True)
