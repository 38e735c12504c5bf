"""What importing all of focalsk adds to the libraries below it, each time in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import _common as common

LIBRARIES = "torch, skorch, sklearn.model_selection"
LATER = ("imblearn", "pandas", "matplotlib", "tqdm", "torch._dynamo")

CHILD = f"""
import json, sys, time

def timed(statement):
    start = time.process_time(), time.perf_counter()
    exec(statement)
    return time.process_time() - start[0], time.perf_counter() - start[1]

libraries = timed("import {LIBRARIES}")
before = set(sys.modules)
own = timed("from focalsk import *")
print(json.dumps([libraries, own, sorted(set(sys.modules) - before)]))
"""


def measure(repeats: int) -> tuple[dict[str, common.Timing], set[str]]:
    """Times of the two imports, and the modules that the second one loads."""
    timings = {LIBRARIES: common.Timing(), "focalsk": common.Timing()}
    loaded: set[str] = set()
    for i in range(repeats + 1):
        printed = subprocess.run(
            [sys.executable, "-c", CHILD], check=True, capture_output=True, text=True
        ).stdout
        *times, modules = json.loads(printed)
        loaded |= set(modules)
        for timing, (cpu, wall) in zip(timings.values(), times, strict=True):
            if i:  # the first one writes byte code and fills the disk's cache
                timing.cpu_s.append(cpu)
                timing.wall_s.append(wall)
    return timings, loaded


def main() -> None:
    args = common.argument_parser(__doc__, repeats=15).parse_args()
    timings, loaded = measure(min(args.repeats, 3) if args.quick else args.repeats)
    common.print_ratios("import, in this order", timings, LIBRARIES)
    packages = sorted({name.partition(".")[0] for name in loaded} - {"focalsk"})
    print("packages of which focalsk loads more:", ", ".join(packages))
    result: dict[str, Any] = {
        "sides": common.as_json(timings),
        "packages": packages,
        "modules": len(loaded),
        "also_loaded": [name for name in LATER if name in loaded],
    }
    common.write_json("import_time", args.quick, result)


if __name__ == "__main__":
    main()
