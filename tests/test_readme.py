"""The code of the README and of the page about production runs; prompts are doctests."""

import doctest
import re
from pathlib import Path

import pandas as pd
from sklearn.datasets import make_classification

README_PATH = Path(__file__).parents[1] / "README.md"
README = README_PATH.read_text(encoding="utf-8")
BLOCKS = [block for block in re.findall(r"```python\n(.*?)```", README, re.S) if ">>>" not in block]


def test_blocks_run():
    X, y = make_classification(120, weights=[0.8], random_state=0)
    frame = pd.DataFrame(X)
    names = {"X": X, "y": y, "X_new": X[:5], "frame": frame, "frame_new": frame[:5]}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), names)
    assert names["GridSearchCV"].__name__ == "FocalGridSearchCV"
    assert names["search"].predict_proba(X[:5]).shape == (5, 2)
    assert names["search"].stacks_ == [{"n_nets": 50, "n_streams": 5, "trained": "stacked"}]


def test_the_page_about_production_runs():
    page = README_PATH.parent / "docs" / "production.md"
    results = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert results.attempted > 0
    assert results.failed == 0
