"""Command line: compare methods on a table, train one, predict with it."""

# Heavy libraries are imported where they are needed: `focalsk --help` answers at once.
from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from textwrap import wrap
from time import perf_counter
from typing import TYPE_CHECKING, Any

from focalsk._arguments import (
    ENSEMBLE,
    Parser,
    add_data,
    add_decision,
    add_reading,
    at_least,
    complain,
    note,
    reading_of,
    say,
)
from focalsk._compat._files import write_whole

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from focalsk.tables import Columns

__all__ = ["main"]

_EPILOG = """\
data can be a text file (CSV of any dialect, in UTF-8, UTF-16 or older encodings, packed with gzip
or Zstandard or not), a Parquet or an Excel file, or the name of a data set: breast_cancer, digits,
iris, wine, or one of imbalanced-learn's fetch_datasets. What a table leaves open is asked, not
guessed: then say --decimal, --thousands, --date-format, --missing or --types.

A model file holds no code, and a checksum. Older ones are pickles, which run any code that is in
them: predict refuses them unless told --allow-pickle."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line tool.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments; None for those of the process.

    Returns
    -------
    int
        0, 2 if something was wrong with the input, 130 if interrupted.

    Examples
    --------
    >>> from focalsk.cli import main
    >>> main(["compare", "nowhere.csv", "--target", "default"])  # says so on stderr
    2
    """
    # Before torch reads it, and inherited by workers: tiny nets on several threads only wait for
    # each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):  # names of any alphabet, in a terminal of another
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except KeyboardInterrupt:
        kept = getattr(args, "checkpoint", None)
        hint = "; the same command goes on from where it was" if kept else ""
        print(f"\nfocalsk: interrupted{hint}", file=sys.stderr)
        return 130
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        return complain(error)
    except Exception as error:  # nobody who calls a tool wants a traceback
        return complain(f"{type(error).__name__}: {error}")
    return 0


# Arguments --------------------------------------------------------------------------------------


def _parser() -> Parser:
    import focalsk

    parser = Parser("focalsk", description="Focal loss and resampling on your imbalanced data.")
    parser.add_argument("--version", action="version", version=f"focalsk {focalsk.__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    for add in (_add_compare, _add_fit, _add_predict):
        add(commands)
    return parser


def _command(commands: Any, run: Callable[[argparse.Namespace], None], summary: str) -> Any:
    parser = commands.add_parser(
        run.__name__.removeprefix("_"),
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_compare(commands: Any) -> None:
    parser = _command(commands, _compare, "compare focal loss with resampling and other methods")
    add_data(parser)
    add = parser.add_argument
    add(
        "--methods",
        default="default",
        metavar="NAMES",
        help="'quick' (8 methods), 'default' (all), or names separated by commas",
    )
    add("--positive", metavar="CLASS", help="compare on this class against the rest")
    add("--folds", type=at_least(2), default=5, metavar="N", help="default: %(default)s")
    add("--repeats", type=at_least(1), default=1, metavar="N", help="default: %(default)s")
    add("--jobs", type=at_least(1), metavar="N", help="processes (default: one per core)")
    add("--checkpoint", metavar="FOLDER", help="keep each result there; a killed run goes on")
    add("--report", metavar="FILE.html", help="write a report with figures")


def _add_fit(commands: Any) -> None:
    parser = _command(commands, _fit, "train one method on all rows and save it")
    add_data(parser)
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="MODEL", help="file to write: model.skops")
    add(
        "--method",
        default=ENSEMBLE,
        metavar="NAME",
        help="as in compare (default: %(default)s)",
    )
    add_decision(parser)


def _add_predict(commands: Any) -> None:
    parser = _command(commands, _predict, "add predictions and probabilities to a table")
    add = parser.add_argument
    add("model", help="file written by focalsk fit")
    add("data", help="file with the columns that the model was trained on, and maybe more")
    add("-o", "--output", required=True, metavar="FILE", help="CSV file (or .parquet) to write")
    add_reading(parser)
    add_decision(parser)
    add(
        "--allow-pickle",
        action="store_true",
        help="load a model that is a pickle, and run whatever code is in it",
    )


# Commands ---------------------------------------------------------------------------------------


def _compare(args: argparse.Namespace) -> None:
    if args.report is not None:
        _check_writable(args.report, args.data)
        if find_spec("matplotlib") is None:
            raise ImportError("A report needs matplotlib: pip install 'focalsk[plot]'")
    if args.checkpoint is not None:
        if not args.checkpoint:
            raise ValueError("--checkpoint needs the name of a folder.")
        Path(args.checkpoint).mkdir(parents=True, exist_ok=True)
    X, y, columns, facts = _read(args)
    from focalsk.comparison import compare_resampling, verdict

    say(*facts, "")
    comparison = compare_resampling(
        X,
        y,
        estimator=_network(args),
        methods=[name.strip() for name in args.methods.split(",")],
        columns=columns,
        cv=args.folds,
        n_repeats=args.repeats,
        scoring=args.scoring,
        n_jobs=args.jobs or -1,
        random_state=args.seed,
        checkpoint=args.checkpoint,
        progress=not args.quiet,
    )
    said = [line for part in verdict(comparison) for line in wrap(part, 98)]
    say(*comparison.table().splitlines(), "", *said)
    if args.report is not None:
        comparison.to_html(args.report, title=f"Methods compared on {args.data}", notes=facts[:2])
        say(f"Report: {args.report}")


def _fit(args: argparse.Namespace) -> None:
    _check_writable(args.output, args.data)
    if find_spec("skops") is None:
        raise ImportError("Model files need skops: pip install skops")
    X, y, columns, facts = _read(args)
    import numpy as np

    from focalsk.comparison import METHODS, make_context, make_methods
    from focalsk.persistence import write_model

    if args.method not in METHODS:
        raise ValueError(f"No method {args.method!r}. There are: {', '.join(METHODS)}.")
    say(*facts)
    classes, counts = np.unique(y, return_counts=True)
    context = make_context(
        X,
        n_classes=len(classes),
        estimator=_network(args),
        preprocessor=None,
        scoring=args.scoring,
        random_state=args.seed,
        columns=columns,
        classes=classes,
    )
    if args.method != ENSEMBLE:
        n_inner = _inner_folds(classes, counts, context.n_inner, args.quiet)
        context = replace(context, n_inner=n_inner)
    start = perf_counter()
    estimator = _decide_by(args.decision, make_methods([args.method], context)[args.method])
    if args.method == ENSEMBLE:
        _prepare_ensemble(estimator, columns, args.epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, y)
    scores = getattr(estimator, "cv_results_", {}).get("mean_test_score")
    if scores is not None and np.isnan(scores).all():
        raise ValueError(f"{args.scoring} cannot be computed in any fold: nothing was chosen.")
    model = {
        "estimator": estimator,
        "method": args.method,
        "columns": columns,
        "reading": reading_of(args),
        "target": args.target,
        "classes": classes,
    }
    write_model(model, args.output)
    found = getattr(estimator, "best_params_", {})
    searched = ", ".join(f"{name.split('__')[-1]}={value}" for name, value in found.items())
    trained = f"{args.method}{f' ({searched})' if searched else ''}: trained in "
    say(f"{trained}{perf_counter() - start:.1f} s, saved as {args.output}")


def _prepare_ensemble(estimator: Any, columns: Columns, epochs: int | None) -> None:
    """Let it pick its columns, for who serves it brings what there is, and set its epochs."""
    from focalsk.tables import ColumnPicker

    estimator.steps.insert(0, ("columns", ColumnPicker(columns.used)))
    if epochs is not None:
        estimator.set_params(classifier__max_epochs=epochs)


def _decide_by(rule: str | None, estimator: Any) -> Any:
    """The estimator with another rule of decision, if one is given."""
    if rule is None:
        return estimator
    if "classifier__decision" not in estimator.get_params():
        raise ValueError(f"--decision is for {ENSEMBLE} and for single networks.")
    estimator.set_params(classifier__decision=rule)
    estimator.named_steps["classifier"]._validate_params()
    return estimator


def _inner_folds(classes: np.ndarray, counts: np.ndarray, n: int, quiet: bool) -> int:
    """Folds of what is chosen within the fit: no more than the rarest class has rows."""
    n_rare, rare = counts.min(), classes[counts.argmin()]
    if n_rare < 2:
        raise ValueError(f"Class {rare!s} has one row only: nothing can be held out to choose by.")
    if n_rare < n and not quiet:
        note(f"class {rare} has {n_rare} rows only: what is chosen rests on {n_rare} folds")
    return min(n, int(n_rare))


def _predict(args: argparse.Namespace) -> None:
    from focalsk.persistence import other_versions, read_fitted

    model = read_fitted(args.model, args.allow_pickle)
    other = other_versions(model["versions"])
    if other:
        note(f"{args.model} was trained with {', '.join(other)}")
    _check_writable(args.output, args.model)
    import numpy as np

    from focalsk.tables import read_rows

    reading = {**model["reading"], **reading_of(args)}
    for given in ("decimal", "thousands"):  # of the training's file, and this one tells its own
        if getattr(args, given) is None:
            reading.pop(given, None)
    X, rows = read_rows(args.data, model["columns"], **reading)
    estimator = _decide_by(args.decision, model["estimator"])
    added = {"prediction": estimator.predict(X)}
    proba = np.asarray(estimator.predict_proba(X))
    added |= {f"proba_{name}": proba[:, k] for k, name in enumerate(estimator.classes_)}
    taken = [name for name in added if name in rows]
    if taken:
        note(f"replaced the columns {', '.join(taken)} of {args.data}")
    _write(rows.drop(columns=taken).assign(**added), args.output, rows.attrs.get("delimiter", ","))
    say(f"{len(rows)} rows with {', '.join(added)}: {args.output}")


# Input and output -------------------------------------------------------------------------------


def _read(args: argparse.Namespace) -> tuple[pd.DataFrame, np.ndarray, Columns, list[str]]:
    """Samples, classes, the columns, and what there is to know about them."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    from focalsk.comparison import METRICS
    from focalsk.tables import describe, infer_columns, read_table

    if args.scoring not in METRICS:
        raise ValueError(f"No metric {args.scoring!r}. There are: {', '.join(METRICS)}.")
    said, types = reading_of(args), dict(args.types)
    with _notes(args.quiet):
        X, y = read_table(args.data, args.target, **said, types=types)
    target = args.target or "target"
    types.pop(target, None)  # has been read
    said["types"] = types
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"Column {target!r} holds one class only: {classes[0]}")
    columns = infer_columns(X, y, **said)
    X, told = X[columns.used], columns.dropped
    if getattr(args, "positive", None) is not None:
        y = _one_against_rest(y, args.positive)
        columns = infer_columns(X, y, **said)
        columns.dropped.update(told)
        X = X[columns.used]
    if args.max_rows is not None and args.max_rows < len(y):
        X, _, y, _ = train_test_split(
            X, y, train_size=args.max_rows, stratify=y, random_state=args.seed
        )
    classes, counts = np.unique(y, return_counts=True)
    facts = describe(args.data, columns, classes, counts)
    chooses = "positive" in args and args.positive is None
    if len(classes) == 2 and counts[1] > counts[0] and not args.quiet and chooses:
        note(
            f"metrics of one class are about {classes[1]}, the frequent one; "
            f"--positive {classes[0]} makes them about {classes[0]}"
        )
    return X, y, columns, facts


def _one_against_rest(y: np.ndarray, positive: str) -> np.ndarray:
    import numpy as np

    is_positive = y.astype(str) == positive
    if not is_positive.any():
        known = ", ".join(np.unique(y).astype(str))
        raise ValueError(f"No class {positive!r}. There are: {known}.")
    return np.where(is_positive, positive, f" not {positive}")  # the blank makes it the first


def _network(args: argparse.Namespace) -> Any:
    from focalsk.estimators import FocalNetClassifier

    return (
        FocalNetClassifier() if args.epochs is None else FocalNetClassifier(max_epochs=args.epochs)
    )


def _check_writable(path: str, source: str) -> None:
    """Find out before the hours of work, and spare what is read."""
    there = os.path.exists(path)
    if there and os.path.exists(source) and os.path.samefile(path, source):
        raise ValueError(f"{path} is read and would be overwritten: name another file to write.")
    with open(path, "ab"):
        pass
    if not there:
        os.unlink(path)


def _write(frame: pd.DataFrame, path: str, delimiter: str) -> None:
    if path.endswith(".parquet"):
        write_whole(path, lambda file: frame.to_parquet(file, engine="pyarrow", index=False))
        return
    packed: Any = {".gz": "gzip", ".zst": "zstd"}.get(os.path.splitext(path)[1])
    write_whole(
        path, lambda file: frame.to_csv(file, sep=delimiter, index=False, compression=packed)
    )


@contextmanager
def _notes(quiet: bool) -> Iterator[None]:
    """Print warnings as notes of one line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in caught:
        if not quiet and warning.category is UserWarning:
            note(warning.message)
