"""What each part of the ensemble is worth: one parameter changed at a time, development half.

``--only gamma`` runs the variations of one group; ``--set 'n_estimators=8'`` is one of your own
(repeatable, with commas between parameters).
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from typing import Any

import _common as common
import _rivals as rivals
import ensemble as comparison
import pandas as pd
from _ranks import win_tie_loss

import focalsk
from focalsk.comparison import METRICS

DEFAULT = rivals.ENSEMBLE
TOLERANCE = 5e-4  # smaller differences are neither won nor lost
#: By group and name: parameters other than the defaults.
VARIATIONS: dict[str, dict[str, dict[str, Any]]] = {
    "members": {f"K = {k}": {"n_estimators": k} for k in (1, 2, 4, 8, 32)},
    "gamma": {f"gamma = {g}": {"gamma": g} for g in (0.0, 0.5, 1.0, 2.0)},
    "alpha": {f"alpha {a}": {"alpha": a} for a in ("sqrt", "balanced")},
    "smoothing": {f"label smoothing {e}": {"label_smoothing": e} for e in (0.0, 0.05, 0.1, 0.2)},
    "width": {
        f"width {' '.join(map(str, w))}": {"hidden_layer_sizes": w}
        for w in ((10, 10), (64, 64), (256, 256), (128, 128, 128))
    },
    "dropout": {f"dropout {d}": {"dropout": d} for d in (0.0, 0.1, 0.2)},
    "decay": {f"weight decay {w}": {"weight_decay": w} for w in (0.0, 0.01, 0.1)},
}


def main() -> None:
    parser = comparison.argument_parser(__doc__)
    parser.add_argument("--only", type=comparison.names, help=f"of {', '.join(VARIATIONS)}")
    parser.add_argument("--set", action="append", default=[], help="name=value,name=value")
    args = comparison.finish(parser.parse_args())
    if lacking := rivals.METHODS[DEFAULT].missing():
        print(f"nothing to vary: {lacking} is not here")
        return
    methods = {DEFAULT: rivals.METHODS[DEFAULT], **variations(args)}
    results = comparison.collect(methods, args)
    table, errors = comparison.whole(results)
    for row in errors.itertuples():
        print(f"{row.method} failed on {row.data}, fold {row.repeat}.{row.fold}: {row.error}")
    table = table[~table["method"].isin(set(errors["method"]))]
    if table["method"].nunique() < 2:
        sys.exit("no fold has the default and a variation yet")
    gained = gains(table)
    print(f"{table['data'].nunique()} sets, {len(table[comparison.KEYS].drop_duplicates())} folds")
    print("\nThe default's means over the sets")
    print(comparison.mean_scores(table).loc[[DEFAULT]].round(4).to_string())
    print("\nGain × 1000 over the default (positive is better), sets won–lost, * if p < .05 (Holm)")
    print(gained["text"].to_string())
    print("\nProcessor seconds on one thread")
    print(comparison.seconds(table).round(2).to_string())
    save(table, gained["numbers"], methods, args)


def variations(args: argparse.Namespace) -> dict[str, rivals.Method]:
    """Those asked for, of parameters that the ensemble has."""
    known = inspect.signature(focalsk.FocalEnsembleClassifier).parameters
    own = {text: parse(text) for text in args.set}
    groups = args.only or ([] if own else list(VARIATIONS))
    wanted = {name: params for group in groups for name, params in VARIATIONS[group].items()} | own
    if args.quick and not own:
        wanted = dict(list(wanted.items())[:2])
    chosen = {}
    for name, params in wanted.items():
        if unknown := sorted(params.keys() - known.keys()):
            print(f"{name} is left out: there is no parameter {unknown[0]!r}", file=sys.stderr)
        elif any(known[key].default != value for key, value in params.items()):
            chosen[name] = rivals.ensemble(**params)
    return chosen


def parse(text: str) -> dict[str, Any]:
    """Parameters of ``name=value,name=value``, where the values are Python's; others are strings.

    >>> parse("n_estimators=8,hidden_layer_sizes=(10, 10),alpha='sqrt'")
    {'n_estimators': 8, 'hidden_layer_sizes': (10, 10), 'alpha': 'sqrt'}
    """
    call = ast.parse(f"dict({text})", mode="eval").body
    assert isinstance(call, ast.Call)
    return {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}


def gains(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Mean gain of each variation over the default for each metric, and the sets won and lost."""
    texts, numbers = {}, {}
    for metric, heading in comparison.PAGE.items():
        scores = comparison.means(table, metric)
        better = METRICS[metric].greater_is_better
        counts = win_tie_loss(scores, DEFAULT, greater_is_better=better, tolerance=TOLERANCE)
        gain = 1000 * scores.sub(scores[DEFAULT], axis=0).mean() * (1 if better else -1)
        texts[heading] = {
            name: f"{gain[name]:+.1f} ({row['win']:.0f}–{row['loss']:.0f})"
            f"{'*' if row['p_value'] < 0.05 else ''}"
            for name, row in counts.iterrows()
        }
        numbers[heading] = {
            name: {
                "gain": round(gain[name], 3),
                "won": int(row["win"]),
                "lost": int(row["loss"]),
                "p": round(row["p_value"], 4),
            }
            for name, row in counts.iterrows()
        }
    order = list(dict.fromkeys(table["method"]))[1:]
    return {"text": pd.DataFrame(texts).loc[order], "numbers": pd.DataFrame(numbers).loc[order]}


def save(
    table: pd.DataFrame,
    gained: pd.DataFrame,
    methods: dict[str, rivals.Method],
    args: argparse.Namespace,
) -> None:
    settings = {k: getattr(args, k) for k in ("half", "sets", "repeats", "folds", "max_rows")}
    result = {
        **settings,
        "code": rivals.code(),
        "default": comparison.mean_scores(table).loc[DEFAULT].round(5).to_dict(),
        "variations": {
            name: {
                "params": methods[name].params,
                "gain_x1000": gained.loc[name].to_dict(),
                "fit_seconds": round(float(seconds), 3),
            }
            for name, seconds in comparison.seconds(table)["fit"].drop(DEFAULT).items()
        },
    }
    common.write_json("ensemble_ablation", args.quick, result)


if __name__ == "__main__":
    main()
