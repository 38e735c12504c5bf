"""Losses and scores after each epoch, and the epoch whose weights were kept."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline

from focalsk.displays._axes import COLORS, as_text, legend_below, new_axes
from focalsk.displays._checks import real_numbers

__all__ = ["EpochsDisplay"]


class EpochsDisplay:
    """Training and held-out loss after each epoch, the best epoch marked.

    Parameters
    ----------
    curves : dict of str to array of shape (n_epochs,)
        Losses by name.
    best : dict of str to int, default=None
        Epoch to mark on some of them, the first is 1.
    members : sequence of array of shape (n_epochs,), default=None
        Held-out losses of the members of an ensemble, drawn thin.
    score : tuple of (str, array of shape (n_epochs,)), default=None
        A score on a second axis: what was watched instead of the loss.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Set by :meth:`plot`.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores against the number of samples.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalNetClassifier
    >>> from focalsk.displays import EpochsDisplay
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> clf = FocalNetClassifier(max_epochs=10, early_stopping=True, random_state=0).fit(X, y)
    >>> display = EpochsDisplay.from_estimator(clf)
    >>> sorted(display.curves), sorted(display.best)
    (['held-out loss', 'training loss'], ['held-out loss'])
    """

    def __init__(
        self,
        *,
        curves: Mapping[str, ArrayLike],
        best: Mapping[str, int] | None = None,
        members: Sequence[ArrayLike] | None = None,
        score: tuple[str, ArrayLike] | None = None,
    ) -> None:
        self.curves = curves
        self.best = best
        self.members = members
        self.score = score

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> EpochsDisplay:
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : FocalNetClassifier, FocalEnsembleClassifier, FocalNet or another skorch net
            Or a pipeline that ends in one, or a search whose best estimator is one.
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        EpochsDisplay

        Raises
        ------
        ValueError
            If it has no history.
        """
        net = estimator
        while hasattr(net, "best_estimator_") or isinstance(net, Pipeline):
            net = net[-1] if isinstance(net, Pipeline) else net.best_estimator_
        if hasattr(net, "validation_loss_"):
            return cls._of_members([np.asarray(losses) for losses in net.validation_loss_]).plot(ax)
        history = getattr(net, "history_", None)
        if not history:
            raise ValueError(f"A fitted net was expected. {type(net).__name__} has no history.")
        return cls._of_history(history, net).plot(ax)

    @classmethod
    def from_history(cls, history: Any, *, ax: Any = None) -> EpochsDisplay:
        """Draw skorch's history.

        Parameters
        ----------
        history : skorch.history.History, or list of dict
            One row for each epoch, with ``train_loss`` and perhaps ``valid_loss``.
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        EpochsDisplay

        Raises
        ------
        ValueError
            If there is no epoch, or none with a loss.
        """
        return cls._of_history(history, None).plot(ax)

    @classmethod
    def _of_history(cls, history: Any, net: Any) -> EpochsDisplay:
        rows = list(history) if isinstance(history, Sequence) else []
        if not rows or not all(isinstance(row, Mapping) for row in rows):
            raise ValueError(
                "history must be a list with a dict for each epoch, with 'train_loss' in it. Got "
                f"{reprlib.repr(history)}."
            )
        columns = {"training loss": "train_loss", "held-out loss": "valid_loss"}
        curves = {
            name: real_numbers([row.get(column, np.nan) for row in rows], column)
            for name, column in columns.items()
        }
        curves = {name: values for name, values in curves.items() if not np.isnan(values).all()}
        if not curves:
            raise ValueError("history must have a 'train_loss' or 'valid_loss' that is a number.")
        scores = getattr(net, "validation_scores_", None)
        if not scores:
            watched = [name for name in curves if name == "held-out loss"]
            best = {name: int(np.nanargmin(curves[name])) + 1 for name in watched}
            return cls(curves=curves, best=best)
        kept = int(np.nanargmax(scores)) + 1
        if net.monitor == "loss":
            return cls(curves=curves, best={"held-out loss": kept})
        name = net.monitor if isinstance(net.monitor, str) else "monitor"
        return cls(curves=curves, best={name: kept}, score=(name, np.asarray(scores)))

    @classmethod
    def _of_members(cls, members: Sequence[Any]) -> EpochsDisplay:
        # Members that have stopped keep their best, as the ensemble does.
        n_epochs = max(map(len, members))
        kept = [np.fmin.accumulate(losses) for losses in members]  # NaN once a member has stopped
        kept = [np.pad(losses, (0, n_epochs - len(losses)), mode="edge") for losses in kept]
        return cls(curves={"best so far, mean": np.mean(kept, axis=0)}, members=members)

    def plot(self, ax: Any = None) -> EpochsDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        EpochsDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_ = ax = new_axes(ax, (5.2, 3.8))
        self.figure_ = ax.figure
        shown = []
        members = [np.asarray(losses) for losses in self.members or []]
        for i, losses in enumerate(members):
            label = f"held-out loss of {len(members)} members" if i == 0 else None
            epochs = np.arange(1, len(losses) + 1)
            ax.plot(epochs, losses, color=COLORS[5], lw=0.8, alpha=0.7, label=label)
            best = np.nanargmin(losses)
            kept = "kept" if i == 0 else None
            ax.plot(best + 1, losses[best], "*", color=COLORS[1], ms=8, zorder=4, label=kept)
        for (name, values), color in zip(self.curves.items(), COLORS, strict=False):
            values = np.asarray(values)
            shown.append(values)
            ax.plot(np.arange(1, len(values) + 1), values, color=color, lw=1.8, label=as_text(name))
            self._mark(ax, name, values, color)
        ax.set(xlabel="epoch", ylabel="loss")
        ax.set_ylim(*_limits([*shown, *members]))
        ax.margins(x=0.02)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.25)
        if self.score is not None:
            self._plot_score(ax, self.score[0], np.asarray(self.score[1]))
        legend_below(ax)
        return self

    def _mark(self, ax: Any, name: str, values: Any, color: str) -> None:
        epoch = (self.best or {}).get(name)
        if epoch is not None:
            label = f"best epoch, {epoch}"
            ax.plot(
                epoch, values[epoch - 1], "*", color=color, ms=14, mec="k", zorder=4, label=label
            )

    def _plot_score(self, ax: Any, name: str, values: NDArray[Any]) -> None:
        color = COLORS[2]
        right = ax.twinx()
        right.plot(np.arange(1, len(values) + 1), values, color=color, lw=1.8)
        self._mark(right, name, values, color)
        right.set_ylabel(as_text(f"held-out {name}".replace("_", " ")), color=color)
        right.tick_params(axis="y", colors=color)
        # One legend for both axes.
        ax.plot([], [], color=color, lw=1.8, label=as_text(f"held-out {name}".replace("_", " ")))
        for line in right.lines[1:]:
            ax.plot([], [], "*", color=color, ms=10, mec="k", label=line.get_label())


def _limits(curves: Sequence[Any]) -> tuple[float, float]:
    """From the lowest loss to the highest but the first epochs' peaks."""
    finite = [known for curve in curves if len(known := curve[np.isfinite(curve)])]
    if not finite:
        return 0.0, 1.0
    low = float(np.min([known.min() for known in finite]))
    high = float(np.max([np.quantile(known, 0.98) for known in finite]))
    pad = 0.05 * (high - low) or 0.05
    return low - pad, high + pad
