"""Every example runs without a warning, draws a figure, and shows what its text says."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
CLAIMS: dict[str, Callable[[dict[str, Any]], None]] = {}


def claim(check):
    CLAIMS[check.__name__] = check
    return check


@pytest.fixture
def quiet_pyplot(monkeypatch):
    """No window, no style and no figure left over from elsewhere."""
    monkeypatch.setattr(plt, "show", lambda: None)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        plt.close("all")
        yield
        plt.close("all")


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.usefixtures("quiet_pyplot")
def test_example(path):
    names = runpy.run_path(str(path))
    assert len(names["__doc__"].split("\n", 3)) > 3  # a title, its underline, a text
    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert figures
    for figure in figures:
        figure.canvas.draw()
        assert any(ax.has_data() for ax in figure.axes)
    CLAIMS[path.stem](names)


def test_every_example_has_its_claim():
    assert sorted(CLAIMS) == [path.stem for path in EXAMPLES]


def test_every_example_is_listed():
    listed = (EXAMPLES[0].parent / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES:
        assert path.name in listed


@claim
def plot_gamma(names):
    shares = names["shares"]
    assert shares[0.95] < 0.01
    assert 0.9 < shares[0.28] < 1.1
    assert max(names["pulls"][2] / names["pulls"][0]) > 1.2


@claim
def plot_alpha(names):
    ratios = {scheme: rare / common for scheme, (common, rare) in names["pairs"].items()}
    assert [round(ratios[s], 2) for s in ("inverse", "geometric", "balanced")] == [5.25] * 3
    assert round(ratios["sqrt"], 1) == 2.3
    for weight in names["weights"].values():
        assert weight[-1] == 0
        assert (np.diff(weight[:-1]) > 0).all()


@claim
def plot_three_classes(names):
    plain, costly, balanced = (names["recalls"][title] for title in names["WEIGHTS"])
    assert costly[2] > plain[2] > balanced[2]
    assert balanced[0] > plain[0] > costly[0]
    assert np.ptp(balanced) < 0.1
    for believed in names["believed"].values():
        np.testing.assert_allclose(believed, [1 / 6, 1 / 3, 1 / 2], atol=0.03)


@claim
def plot_sentiment(names):
    found, right = names["found"], names["right"]
    assert found["cross-entropy"] < 0.05
    assert found["focal, balanced"] > found["focal, sqrt"] > 0.4
    assert right["focal, sqrt"] > right["focal, balanced"]
    factors = {kind: values.mean() for kind, values in names["factors"].items()}
    assert factors["hard"] > 3 * factors["easy"]
    assert (names["y"] == "negative").mean() == 0.01


@claim
def plot_images(names):
    assert names["X"].shape == (910, 1, 8, 8)
    assert sum(len(names[y]) for y in ("y", "y_test")) == 1300
    recall, precision, accuracy = zip(*names["scores"].values(), strict=True)
    assert min(recall[1:]) > recall[0] + 0.05
    assert max(precision[1:]) < precision[0]
    assert max(accuracy) - min(accuracy) < 0.06
    # The weights that were kept are those of the best epoch.
    net, X, y = names["net"], names["X"], names["y"]
    assert len(names["train"]) == len(names["valid"]) == 20
    shorter = clone(net).set_params(max_epochs=int(names["best"]) + 1).fit(X, y)
    np.testing.assert_allclose(net.predict_proba(X), shorter.predict_proba(X), rtol=1e-5)


@claim
def plot_search(names):
    recall, precision = names["table"]["recall"], names["table"]["precision"]
    assert recall[2].mean() > recall[0].mean() + 0.05
    assert precision[2].mean() < precision[0].mean() - 0.03
    average_precision = names["table"]["average_precision"]
    spread = np.ptp(recall.mean(axis=1))
    assert np.ptp(average_precision.mean(axis=1)) < spread
    assert np.ptp(recall.mean(axis=0)) < spread


@claim
def plot_training_loop(names):
    plain, *others = names["curves"].values()
    for losses in (plain, *others):
        assert len(losses) == 5
        np.testing.assert_allclose(losses, plain, rtol=0.1)
        assert losses[-1] < losses[0] / 2
    for weight in names["weights"].values():
        assert min(weight[:3]) > 2 * max(abs(weight[3:]))


@claim
def plot_sample_weight(names):
    new, old = (names["accuracy"][f"{age} sensor"] for age in ("new", "old"))
    assert new == sorted(new)
    assert old == sorted(old, reverse=True)
    assert new[-1] > new[0] + 0.15


@claim
def plot_padded_sequences(names):
    real = names["real"]
    assert names["losses"][~real].eq(0).all()
    assert names["losses"][real].ne(0).all()
    assert min(names["recall"].values()) > 0.5


@claim
def plot_two_answers(names):
    brier, constant = names["brier"], names["constant"]
    assert brier["posterior"] < constant < min(brier["weighted"], brier["raw"])
    means = {proba: p.mean() for proba, p in names["probabilities"].items()}
    assert abs(means["posterior"] - names["y"].mean()) < 0.03
    assert min(means["weighted"], means["raw"]) > 2 * names["y"].mean()
    assert names["balanced"] > 0.75


@claim
def plot_beyond_memory(names):
    scores = names["scores"]
    assert abs(scores["in pieces"] - scores["at once"]) < 0.02
    assert min(scores.values()) > 0.9
    assert names["in_pieces"].n_iter_ == names["EPOCHS"] * 6
    assert names["in_pieces"].class_count_.sum() == 1078 * names["EPOCHS"]
    np.testing.assert_allclose(names["scaler"].mean_, names["X"].mean())


@claim
def plot_displays(names):
    # Class weights decide, gamma does not: a whole row of the grid is worse.
    grid = names["grid"]
    assert grid.scores[0].max() < grid.scores[1:].min()
    assert (grid.p_values[1:] < 0.05).sum() == 0
    assert names["epochs"].best
    reliability = names["reliability"]
    before, after = (
        dict(curves)["class weights"] for curves in (reliability.before, reliability.curves)
    )
    gap = [np.abs(np.subtract(*curve)).max() for curve in (before, after)]
    assert gap[1] < gap[0] / 2
    error = names["trade_off"].calibration_error
    assert error["undersampling"] > 5 * max(
        e for name, e in error.items() if name != "undersampling"
    )
