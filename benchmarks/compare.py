"""Two results of the same benchmark side by side: what has become slower.

    python benchmarks/compare.py old/grid_search.json new/grid_search.json --tolerance 0.1

Numbers whose name ends in `_s` are seconds; of each side the median CPU time counts. Exit status 1
says that one of them has grown by more than the tolerance.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOLERANCE = 0.1
# Lists of all repeats; the clock, which a busy machine stretches; and the sum of other rows.
_LEFT_OUT = {"cpu_s", "wall_s", "median_wall_s", "total_s"}


def timings(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    """Names and seconds of all that a result timed."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in _LEFT_OUT and key != "environment":
                yield from timings(inner, (*path, str(key)))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from timings(inner, (*path, str(i)))
    elif any(name.endswith("_s") for name in path) and type(value) in (int, float):
        yield " / ".join(name for name in path if name != "median_cpu_s"), float(value)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What the two were measured on or with, where it is not the same."""
    before, after = old.get("environment", {}), new.get("environment", {})
    found = [
        f"{name}: {before.get(name)} then, {after.get(name)} now"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    if old.get("quick") != new.get("quick"):
        found.append("one of them was measured with --quick")
    return found


def compare(
    old: dict[str, Any], new: dict[str, Any], tolerance: float
) -> tuple[list[tuple[str, str, str, str, str]], bool]:
    """Rows of a table, and whether any of them is a regression."""
    before, after = dict(timings(old)), dict(timings(new))
    rows, slower = [], False
    for name in before.keys() | after.keys():
        if name not in before or name not in after:
            continue
        ratio = after[name] / before[name] if before[name] else float("inf")
        mark = ""
        if ratio > 1 + tolerance:
            mark, slower = "SLOWER", True
        elif ratio < 1 / (1 + tolerance):
            mark = "faster"
        rows.append((name, f"{before[name]:.4g}", f"{after[name]:.4g}", f"{ratio:.2f}", mark))
    return sorted(rows), slower


def main(args: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument(
        "--tolerance", type=float, default=TOLERANCE, help="how much slower is none, as a share"
    )
    options = parser.parse_args(args)
    old, new = (json.loads(path.read_text("utf-8")) for path in (options.old, options.new))
    for line in differences(old, new):
        print(f"note: {line}")
    rows, slower = compare(old, new, options.tolerance)
    if not rows:
        print("The two have no timing in common.", file=sys.stderr)
        return 2
    table = [("", "old, s", "new, s", "new / old", ""), *rows]
    widths = [max(len(row[i]) for row in table) for i in range(5)]
    for row in table:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
