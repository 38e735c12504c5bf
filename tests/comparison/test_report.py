"""Report: one file that holds all it needs, and escapes what it is given."""

import base64
import os
import re
import sys
from copy import copy
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from _synthetic import METHODS, make_comparison
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, StandardScaler

from focalsk import FocalNetClassifier
from focalsk.comparison import METRICS
from focalsk.comparison._displays import PLOTS
from focalsk.comparison._report import format_table

pytest.importorskip("matplotlib")
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """The elements of a page: their attributes and texts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append({"tag": tag, "text": "", **dict(attrs)})
        if tag not in VOID:
            self.open.append((tag, self.elements[-1]))

    def handle_endtag(self, tag):
        opened, _ = self.open.pop()
        assert opened == tag

    def handle_data(self, data):
        for _, element in self.open:
            element["text"] += data

    def all(self, tag):
        return [element for element in self.elements if element["tag"] == tag]

    def texts(self, tag):
        return [" ".join(element["text"].split()) for element in self.all(tag)]


def report(comparison, tmp_path, **options):
    path = tmp_path / "report.html"
    comparison.to_html(path, **options)
    return path.read_text(encoding="utf-8")


@pytest.fixture
def no_pictures(monkeypatch):
    """Drawing takes most of the time."""
    monkeypatch.setattr("focalsk.comparison._report._picture", lambda *_: "data:,")


@pytest.fixture(scope="module")
def comparison():
    comparison = make_comparison(fail=[("boosting", 0), ("boosting", 1)])
    comparison.random_state = 1234
    net = FocalNetClassifier(gamma=1.5, max_epochs=2, random_state=0)
    comparison.estimators_[comparison.best_] = make_pipeline(
        StandardScaler(), RandomOverSampler(random_state=0), net
    )
    return comparison


@pytest.fixture(scope="module")
def text(comparison, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return report(comparison, folder, title="A <b>title</b>", notes=["One & two.", "<script>x"])


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


# Page ------------------------------------------------------------------------------------------


def test_page_needs_nothing_from_outside(text, page):
    assert not page.all("script")
    assert not page.all("link")
    for element in page.elements:
        for name in ("src", "href"):
            assert element.get(name, "data:").startswith("data:")
    outside = re.sub(r'"data:[^"]*"', "", text)
    assert "http" not in outside
    assert "url(" not in outside


def test_page_is_made_for_phones_prints_and_the_night(text, page):
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"}.items() <= (
        page.all("meta")[1].items()
    )
    assert "@media print" in text
    assert "prefers-color-scheme: dark" in text
    tables = page.all("table")
    assert len(tables) == sum(element.get("class") == "scroll" for element in page.all("div"))


def test_what_is_given_is_escaped(text, page):
    assert page.texts("h1") == page.texts("title") == ["A <b>title</b>"]
    assert {"One & two.", "<script>x"} <= set(page.texts("p"))
    assert "A &lt;b&gt;title" in text
    for raw in ("<net>", "<bad>", "<b>"):  # a method, a class, an error
        assert raw not in text
        assert raw in " ".join(page.texts("body"))


HOSTILE = {
    "<script>alert(1)</script><img src=x onerror=alert(2)>": (3.0, 1.0),
    r"$\frac{1": (2.9, 1.0),
    "שיטה مثال": (2.5, 1.0),
    "over\u202eride": (2.0, 3.0),
    "网络": (2.8, 1.0),
    "{{ 7*7 }} {% raw %} &amp;": (2.2, 1.0),
    "n" * 10_000: (2.4, 1.0),
    "a word " * 1500: (2.3, 1.0),
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A report of names that nobody would choose, pictures and all."""
    labels = ("$x^{ <b>", "\u202e" + "z" * 10_000)
    hostile = make_comparison(methods=HOSTILE, labels=labels, fail=[("over\u202eride", 0)])
    given = {"title": "<i>$a$\u202e", "notes": ["\u2066\x1b[2J note"]}
    return report(hostile, tmp_path_factory.mktemp("report"), **given)


def test_names_cannot_be_more_than_names(hostile):
    page = Page(hostile)
    kinds = {element["tag"] for element in page.elements}
    assert not kinds & {"script", "i", "b"}
    assert all(element["src"].startswith("data:") for element in page.all("img"))
    assert page.texts("h1") == ["<i>$a$<U+202E>"]
    assert "<U+2066><U+001B>[2J note" in page.texts("p")
    rows = " ".join(page.texts("th"))
    shown = [name.replace("\u202e", "<U+202E>") for name in HOSTILE if len(name) < 100]
    assert all(name in rows for name in shown)
    assert "nnn…nnn" in rows


def test_nothing_in_a_report_turns_text_or_has_no_end(hostile):
    page = Page(hostile)
    told = "".join(page.texts("body"))
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", told)
    assert max(map(len, re.findall(r"\S+", told))) <= 200
    assert max(map(len, page.texts("th"))) < 130


def test_names_in_pictures_are_short_and_no_mathematics(hostile):
    images = [element["src"].partition(",")[2] for element in Page(hostile).all("img")]
    pictures = [ElementTree.fromstring(base64.b64decode(image)) for image in images]
    texts = [text for picture in pictures for text in picture.itertext() if text.strip()]
    assert r"$\frac{1" in texts
    assert max(map(len, texts)) < 80
    assert not any("\u202e" in text for text in texts)


def test_one_note_need_not_be_a_list(comparison, tmp_path, no_pictures):
    assert "A note." in Page(report(comparison, tmp_path, notes="A note.")).texts("p")


def test_facts_are_told(comparison, page):
    said = dict(zip(page.texts("dt"), page.texts("dd"), strict=True))
    assert said["Samples"] == "300"
    assert said["Methods"] == str(len(METHODS))
    assert said["Folds"] == "3"
    assert said["Seed"] == "1234"
    assert said["Ranked by"] == "average precision"
    assert said["Classes"] == "fine: 240 (80.0 %), rare & <bad>: 60 (20.0 %)"
    assert "focalsk" in said["Versions"]


def test_pictures_are_named_and_well_formed(page):
    images = page.all("img")
    assert [image["alt"].split(":")[0] for image in images] == list(PLOTS)
    for image in images:
        kind, data = image["src"].split(";base64,")
        assert kind == "data:image/svg+xml"
        root = ElementTree.fromstring(base64.b64decode(data))
        assert root.tag.endswith("svg")
        assert len(list(root.iter("{http://www.w3.org/2000/svg}text"))) > 5  # not outlines


def test_costs_of_more_classes_are_left_out(tmp_path, no_pictures):
    three = make_comparison({"smote": (2.0, 1.0)}, labels=[3, 5, 7], shares=[0.5, 0.3, 0.2])
    text = report(three, tmp_path)
    assert [image["alt"].split(":")[0] for image in Page(text).all("img")] == [
        kind for kind in PLOTS if kind != "cost"
    ]
    assert "There is no picture of\ncosts" in text


def test_same_comparison_gives_the_same_file(comparison, tmp_path, monkeypatch):
    monkeypatch.setattr("focalsk.comparison._report.PLOTS", ["cost"])  # one picture is enough
    one, other = (report(comparison, tmp_path) for _ in range(2))
    assert one == other
    assert len(Page(one).all("img")) == 1


def test_without_matplotlib_the_error_says_what_to_install(comparison, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'focalsk\[plot\]'"):
        report(comparison, tmp_path)
    assert not list(tmp_path.iterdir())


# Table and failures ----------------------------------------------------------------------------


def test_cells_are_means_the_best_bold_the_worse_grey(comparison, page):
    cells = [cell for cell in page.all("td") if "title" in cell]
    summaries = [comparison.summary(name) for name in METRICS]
    expected = [
        ("–", False, True)  # failed on most folds
        if np.isnan(row["mean"])
        else (f"{row['mean']:.3f}", row["mean"] == summary["mean"].iloc[0], row["p_value"] < 0.05)
        for method in comparison.summary().index
        for summary, row in ((summary, summary.loc[method]) for summary in summaries)
    ]
    shown = [(cell["text"], "best" in cell["class"], "worse" in cell["class"]) for cell in cells]
    assert shown == expected
    assert {worse for *_, worse in shown} == {True, False}


def test_failures_are_listed_with_their_error(page):
    (table,) = (table for table in page.texts("table") if "error" in table)
    assert table == "methodfoldserror boosting2ValueError: no <b>neighbours</b>"


def test_no_failure_no_section(tmp_path, no_pictures):
    fine = make_comparison({"smote": (2.0, 1.0)})
    assert "What failed" not in Page(report(fine, tmp_path)).texts("h2")


# Source ----------------------------------------------------------------------------------------


def test_best_method_is_shown_as_scikit_learn_prints_it(comparison, page):
    expected = repr(comparison.estimators_[comparison.best_])
    assert " ".join(expected.split()) in page.texts("code")


def test_long_pipelines_are_shown_whole(comparison, tmp_path, no_pictures):
    other = copy(comparison)
    steps = [Binarizer(threshold=0.5 + i, copy=False) for i in range(25)]
    other.estimators_ = comparison.estimators_ | {comparison.best_: make_pipeline(*steps)}
    (code,) = (text for text in Page(report(other, tmp_path)).texts("code") if "Pipeline" in text)
    assert code.count("Binarizer(") == 25


def test_tuned_decisions_are_part_of_the_best_method(comparison, tmp_path, no_pictures):
    tuned = copy(comparison)
    tuned.scoring = "g_mean_tuned"
    (code,) = (text for text in Page(report(tuned, tmp_path)).texts("code") if "Tuned" in text)
    assert code.startswith("TunedThresholdClassifierCV(")
    assert "geometric_mean_score" in code


def test_failed_write_leaves_the_old_report(comparison, tmp_path, no_pictures, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left") as caught:
        comparison.to_html(path)
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# Text ------------------------------------------------------------------------------------------


def test_table_holds_means_deviations_and_a_star_on_the_best(comparison):
    metrics = ["brier", "mcc_tuned"]
    top, heading, *lines = format_table(comparison, metrics).split("\n\n")[0].split("\n")
    assert top.split() == ["tuned"]
    assert heading.split() == ["method", "Brier", "↓", "MCC", "↑", "fit", "s"]
    grouped = comparison.results_.groupby(["metric", "method"])["value"]
    mean, sd = grouped.mean(), grouped.std()
    assert len(lines) == len(METHODS)
    for line, method in zip(lines, comparison.summary().index, strict=True):
        assert line.startswith(method)
        cells = line.removeprefix(method).split()
        for name, cell in zip(metrics, cells, strict=False):
            best = comparison.summary(name).index[0] == method
            shown = f"{mean[name, method]:.3f}±{sd[name, method]:.3f}" + "*" * best
            assert cell == ("failed" if method == "boosting" else shown)  # on most folds
        assert cells[-1] == "0.50"


def test_columns_are_aligned(comparison):
    lines = format_table(comparison).split("\n\n")[0].splitlines()[2:]
    assert len({len(line) for line in lines}) == 1


def test_table_tells_of_failures(comparison):
    foot = format_table(comparison).split("\n\n")[1]
    assert foot.splitlines()[0] == "Mean ± standard deviation over 3 folds; * is the best."
    assert foot.splitlines()[1].startswith("Failed: boosting on 2 of 3 folds, ")


def test_method_that_failed_everywhere_has_no_numbers():
    methods = {"boosting": (2.0, 1.0), "smote": (1.0, 1.0)}
    failed = make_comparison(methods, fail=[("smote", i) for i in range(3)])
    line = format_table(failed, ["mcc"]).splitlines()[2]
    assert line.split() == ["smote", "failed", "–"]


def test_default_metrics_begin_with_the_one_that_ranks(comparison):
    other = copy(comparison)
    other.scoring = "mcc"
    assert format_table(other).splitlines()[1].split()[:3] == ["method", "MCC", "↑"]
    assert "AP" in format_table(other).splitlines()[1]
