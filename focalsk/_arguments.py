"""What the commands' arguments have in common: numbers, pairs, and what a user says of a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from focalsk._compat._text import visible

__all__ = [
    "ENSEMBLE",
    "Parser",
    "add_data",
    "add_decision",
    "add_reading",
    "at_least",
    "complain",
    "note",
    "pair",
    "reading_of",
    "say",
]

ENSEMBLE = "focal-ensemble"


def complain(error: Exception | str) -> int:
    message = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        message = f"{error.strerror}{where}"
    print(f"focalsk: error: {visible(message)}", file=sys.stderr)
    return 2


def say(*lines: object) -> None:
    """Print lines, each in one, without what names of a table could do to a terminal."""
    print(*(visible(str(line), shown="") for line in lines), sep="\n", flush=True)


def note(message: object) -> None:
    """Say something on stderr, in one line."""
    print(f"focalsk: note: {visible(str(message), shown='')}", file=sys.stderr)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.exit(complain(f"{message} (see {self.prog} --help)"))


def at_least(low: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low:
            raise argparse.ArgumentTypeError(f"must be an integer of at least {low}, not {text!r}")
        return number

    return parse


def add_reading(parser: Any) -> None:
    add = parser.add_argument
    add("--decimal", choices=[".", ","], help="decimal mark, where the table does not tell")
    add("--thousands", metavar="MARK", help="what separates thousands")
    add("--date-format", metavar="FORMAT", help="of dates: %%d/%%m/%%Y, say")
    add(
        "--missing",
        action="append",
        default=[],
        metavar="CELL",
        help="what stands for a missing value besides empty cells: NA or -999, say (repeatable)",
    )


def pair(text: str) -> tuple[str, str]:
    name, equals, kind = text.rpartition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"must be COLUMN=KIND, not {text!r}")
    return name, kind


def reading_of(args: argparse.Namespace) -> dict[str, Any]:
    """What the user says of the table, as Python's functions take it."""
    names = ("decimal", "thousands", "date_format", "missing")
    return {name: getattr(args, name) for name in names if getattr(args, name)}


def add_data(parser: Any) -> None:
    add = parser.add_argument
    add("data", help="CSV, Parquet or Excel file, or name of a data set")
    add("--target", metavar="COLUMN", help="the column with the classes")
    add_reading(parser)
    add(
        "--types",
        action="append",
        default=[],
        type=pair,
        metavar="COLUMN=KIND",
        help="numeric, date, categorical, text or drop, where a column is not what it looks like",
    )
    add("--scoring", default="average_precision", metavar="METRIC", help="default: %(default)s")
    add("--max-rows", type=at_least(10), metavar="N", help="draw so many rows, stratified")
    add("--epochs", type=at_least(1), metavar="N", help="of each network (default: 100)")
    add("--seed", type=at_least(0), default=0, metavar="N", help="default: %(default)s")
    add("-q", "--quiet", action="store_true", help="no progress, no notes")


def add_decision(parser: Any) -> None:
    parser.add_argument(
        "--decision",
        metavar="RULE",
        help=f"how {ENSEMBLE} decides: 'posterior' for the most probable class, 'balanced', or "
        "'f1_macro', 'mcc', 'f2', ... for what serves that best on held-out rows",
    )
