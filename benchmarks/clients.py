"""Use focalsk as other projects' packages do, and write what came of it into docs/ecosystem.md.

    python benchmarks/clients.py              # all of them, about ten minutes
    python benchmarks/clients.py optuna skops # some; the others' lines stay

It needs the extras `clients`, `dask`, `onnx` and `plot`; a package that is missing is told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import focalsk

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "ecosystem.md"
RESULTS = ROOT / "benchmarks" / "results" / "clients.json"
START, END = "<!-- table -->\n", "<!-- end of the table -->\n"
SECONDS = 900


def run_checks(client: str) -> list[dict[str, Any]]:
    """Lines of one client, in this process and in an empty folder."""
    import warnings

    import _client_checks as checks

    os.chdir(tempfile.mkdtemp())
    lines = []
    for what, function in checks.CHECKS.get(client, {}).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                note, result = function() or "", "works"
                if isinstance(note, tuple):
                    result, note = note
            except Exception as error:
                note, result = f"{type(error).__name__}: {error}".splitlines()[0], "fails"
        lines.append({"what": what, "result": result, "note": note})
    for what, arguments in checks.TESTS.get(client, {}).items():
        marker = ["-m", "clients"] if "clients" in arguments[0] else []
        options = ["-q", "-W", "default", "-W", "error:::focalsk", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", *marker, *options, *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        last = done.stdout.strip().splitlines()[-1:]
        works = done.returncode == 0
        lines.append(
            {"what": what, "result": "works" if works else "fails", "note": "" if works else last}
        )
    return lines


def run_client(client: str) -> dict[str, Any]:
    """A client's version and lines, from a process of its own."""
    try:
        found = version(client)
    except PackageNotFoundError:
        return {"version": None, "lines": []}
    environment = {
        "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg",
        "WANDB_SILENT": "true", "MLFLOW_DISABLE_TELEMETRY": "true",
    }  # fmt: skip
    command = [sys.executable, __file__, "--inside", client]
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    try:
        lines = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        note = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        lines = [{"what": "all", "result": "fails", "note": note}]
    return {"version": found, "lines": lines}


def table(clients: dict[str, Any]) -> str:
    """The lines in Markdown."""
    rows = ["| client | what | result | |", "|---|---|---|---|"]
    for name, client in clients.items():
        for place, line in enumerate(client["lines"]):
            title = f"{name} {client['version']}" if place == 0 else ""
            rows.append(f"| {title} | {line['what']} | {line['result']} | {line['note']} |")
    return "\n".join(rows) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clients", nargs="*", help="packages, all by default")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print("\n" + json.dumps(run_checks(args.inside)))
        return 0
    import _client_checks as checks

    known = sorted({*checks.CHECKS, *checks.TESTS}, key=str.lower)
    clients = json.loads(RESULTS.read_text())["clients"] if RESULTS.exists() else {}
    for client in args.clients or known:
        clients[client] = run_client(client)
        for line in clients[client]["lines"]:
            print(f"{client}: {line['result']}: {line['what']} {line['note']}", flush=True)
        if clients[client]["version"] is None:
            print(f"{client}: not installed", flush=True)
    clients = {name: clients[name] for name in known if name in clients}
    tested = {name: version(name) for name in ("torch", "skorch", "scikit-learn")}
    tested = {"focalsk": focalsk.__version__, **tested}
    RESULTS.write_text(json.dumps({"with": tested, "clients": clients}, indent=1) + "\n")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text(before + START + "\n" + table(clients) + "\n" + END + rest.partition(END)[2])
    return int(any(line["result"] == "fails" for c in clients.values() for line in c["lines"]))


if __name__ == "__main__":
    sys.exit(main())
