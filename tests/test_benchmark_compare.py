"""benchmarks/compare.py: what has become slower between two results."""

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import compare


def result(seconds, **environment):
    side = {"median_cpu_s": seconds, "median_wall_s": 9 * seconds, "cpu_s": [seconds], "scale": 1.0}
    return {"environment": {"cpu": "x", **environment}, "quick": False, "sides": {"fit": side}}


def files(tmp_path, old, new):
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    for path, value in zip(paths, (old, new), strict=True):
        path.write_text(json.dumps(value))
    return [str(path) for path in paths]


@pytest.mark.parametrize(
    ("seconds", "status", "mark"),
    [(1.0, 0, ""), (1.05, 0, ""), (1.2, 1, "SLOWER"), (0.5, 0, "faster")],
)
def test_says_what_is_slower(tmp_path, capsys, seconds, status, mark):
    assert compare.main(files(tmp_path, result(1.0), result(seconds))) == status
    _, row = capsys.readouterr().out.splitlines()
    assert row.startswith("sides / fit")
    assert row.endswith(mark or f"{seconds:.2f}")


def test_tolerance_is_the_callers(tmp_path):
    paths = files(tmp_path, result(1.0), result(1.2))
    assert compare.main([*paths, "--tolerance", "0.3"]) == 0


def test_notes_another_machine_and_what_is_measured_once(tmp_path, capsys):
    old = result(1.0) | {"stacks": [{"step_s": 2.0, "n_models": 3}], "gone_s": 1.0}
    new = result(1.0, cpu="y") | {"stacks": [{"step_s": 2.0, "n_models": 4}], "came_s": 1.0}
    assert compare.main(files(tmp_path, old, new)) == 0
    out = capsys.readouterr().out
    assert "cpu: x then, y now" in out
    assert "stacks / 0 / step_s" in out
    assert "gone" not in out
    assert "n_models" not in out


def test_results_of_different_benchmarks_have_nothing_to_compare(tmp_path, capsys):
    assert compare.main(files(tmp_path, result(1.0), {"other": {"a_s": 1.0}})) == 2
    assert "no timing in common" in capsys.readouterr().err
