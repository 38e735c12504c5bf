"""Words that are numbers or dates: read and told, or refused with both readings."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from focalsk.tables import infer_columns, make_encoder, read_table

N = 120
RNG = np.random.default_rng(0)
AMOUNTS = np.exp(RNG.normal(8, 1.5, N)).round(2)
DAYS = pd.Timestamp("2019-01-01") + pd.to_timedelta(RNG.permutation(1500)[:N], "D")


def german(value, digits=2):
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def written(folder, cells, delimiter=","):
    """A file whose column 'a' has these cells, beside words and a target."""
    quoted = [f'"{cell}"' if delimiter in str(cell) else str(cell) for cell in cells]
    rows = [delimiter.join([cell, "uv"[k % 2], "pq"[k % 3 == 0]]) for k, cell in enumerate(quoted)]
    path = folder / "data.csv"
    path.write_text("\n".join([delimiter.join("aby"), *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("form", "delimiter", "told"),
    [
        ("{:.2f}", ",", ""),
        (lambda v: f"{v:.2f}".replace(".", ","), ";", "decimal comma"),
        (lambda v: f"{v:.2f}".replace(".", ","), ",", "decimal comma"),
        (german, ";", "decimal comma; thousands '.'"),
        ("{:,.2f}", ",", "thousands ','"),
        (lambda v: f"{v:,.2f}".replace(",", "'"), ",", 'thousands "\'"'),
        (lambda v: f"{v:,.2f}".replace(",", "’"), ";", "thousands '’'"),
        (lambda v: f"{v:,.2f}".replace(",", "\u202f").replace(".", ","), "\t", "decimal comma"),
        ("${:,.2f}", ",", "'$' left off"),
        ("CHF {:.2f}", ",", "'CHF' left off"),
        (lambda v: german(v) + " €", ";", "'€' left off"),
        ("{:.2f}%", ",", "45% is 45"),
        ("{:.2f} kg", ",", "'kg' left off"),
        ("+{:.2f}", ",", ""),
    ],
)
def test_numbers_of_the_world_are_read_and_told(tmp_path, form, delimiter, told):
    form = form.format if isinstance(form, str) else form
    X, y = read_table(written(tmp_path, map(form, AMOUNTS), delimiter), "y")
    assert_allclose(X["a"], AMOUNTS)
    columns = infer_columns(X, y)
    assert columns.numeric == ["a"]
    assert told in columns.notes.get("a", "")
    assert not columns.notes.get("a") or f"a ({columns.notes['a']})" in "".join(columns.lines())


def test_negative_numbers_are_so_in_any_form(tmp_path):
    cells = ["(1,234.50)", "−12.5", "-$3.00", "7"] * 30
    X, _ = read_table(written(tmp_path, [cell.replace("$", "") for cell in cells]), "y")
    assert X["a"].head(4).tolist() == [-1234.5, -12.5, -3, 7]


@pytest.mark.parametrize(
    ("cells", "delimiter"),
    [
        ([f"{v + 1000:,.0f}" for v in AMOUNTS], ","),
        ([german(v + 1000, 0) for v in AMOUNTS], ";"),
        ([f"{v + 1000:,.0f}" for v in AMOUNTS], "\t"),
    ],
)
def test_thousands_or_decimals_are_asked_and_then_read_as_told(tmp_path, cells, delimiter):
    path = written(tmp_path, cells, delimiter)
    mark = "," if "," in cells[0] else "."
    with pytest.raises(ValueError, match=r"'a' can be read in two ways.*--thousands"):
        read_table(path, "y")
    X, _ = read_table(path, "y", thousands=mark)
    assert_allclose(X["a"], np.round(AMOUNTS + 1000))
    X, _ = read_table(path, "y", decimal=mark)
    assert_allclose(X["a"], np.round(AMOUNTS + 1000) / 1000)


def test_what_one_column_leaves_open_others_tell(tmp_path):
    rows = [
        f"{german(v + 1000, 0)};{german(v % 7, 1)};{'pq'[k % 2]}" for k, v in enumerate(AMOUNTS)
    ]
    path = tmp_path / "data.csv"
    path.write_text("a;b;y\n" + "\n".join(rows))
    X, _ = read_table(path, "y")
    assert_allclose(X["a"], np.round(AMOUNTS + 1000))
    assert "as other columns tell" in infer_columns(X).notes["a"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["$1.50", "€2.50"] * 60, "several units: '\\$', '€'"),
        (["45%", "0.45"] * 60, "several units: none, '%'"),
        (["1,5", "1.5"] * 60, "several forms"),
        ([*map(str, AMOUNTS[1:]), "oops"], r"'oops' in row 120.*missing=\['oops'\].*--types"),
        ([*map(str, AMOUNTS[1:]), "inf"], "'a' holds infinite"),
        (["03/04/2021", "05/06/2021"] * 60, "03 April 2021 .* or 04 March 2021 .*--date-format"),
        (["03/04/21", "05/06/21"] * 60, "in 3 ways"),
        (["31.01.2021", "2021-02-03"] * 60, "several formats"),
        ([*DAYS[1:].strftime("%m/%d/%Y"), "soon"], "dates and other things: 'soon'"),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path, cells, message):
    path = written(tmp_path, cells, ";")
    with pytest.raises(ValueError, match=message):
        read_table(path, "y")
    X, _ = read_table(path, "y", types={"a": "categorical"})
    assert infer_columns(X, types={"a": "categorical"}).categorical == ["a", "b"]


@pytest.mark.parametrize("kind", ["zip", "range", "version", "unit"])
def test_codes_stay_words(tmp_path, kind):
    forms = {"zip": "0{}234", "range": "{}-9", "version": "1.{}.2", "unit": "{}A"}
    X, _ = read_table(written(tmp_path, [forms[kind].format(k % 7) for k in range(N)]), "y")
    columns = infer_columns(X)
    assert "a" in columns.categorical
    assert kind != "zip" or "leading zeros" in columns.notes["a"]


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%d %H:%M:%S.%f",
        "%m/%d/%Y",
        "%d/%m/%Y",
        "%d-%m-%Y %H:%M",
        "%m/%d/%Y %I:%M %p",
        "%d.%m.%Y",
        "%d.%m.%y",
        "%d-%b-%Y",
        "%b %d, %Y",
        "%B %d, %Y",
    ],
)
def test_dates_of_the_world_are_read_and_told(tmp_path, form):
    X, _ = read_table(written(tmp_path, DAYS.strftime(form), ";"), "y")
    assert (X["a"] == DAYS).all()
    columns = infer_columns(X)
    assert columns.dates == columns.numeric == ["a"]
    assert "date" in columns.notes["a"]


def test_format_of_dates_can_be_said(tmp_path):
    path = written(tmp_path, ["03/04/2021", "05/06/2021"] * 60)
    for form, day in (("%d/%m/%Y", "2021-04-03"), ("%m/%d/%Y", "2021-03-04")):
        X, _ = read_table(path, "y", date_format=form)
        assert X["a"][0] == pd.Timestamp(day)


def test_numbers_that_look_like_dates_are_remarked(tmp_path):
    path = written(tmp_path, DAYS.strftime("%Y%m%d"))
    X, _ = read_table(path, "y")
    assert "look like dates" in infer_columns(X).suspects["a"]
    X, _ = read_table(path, "y", types={"a": "date"})
    assert (X["a"] == DAYS).all()


@pytest.mark.parametrize("word", ["?", ".", "NA", "n/a", "None", "-", "null", "#N/A"])
def test_words_among_numbers_are_missing_and_counted(tmp_path, word):
    X, _ = read_table(written(tmp_path, [word, "", "1.5", "2.5"] * 30, ";"), "y")
    assert X["a"].isna().sum() == 60
    note = infer_columns(X).notes["a"]
    assert "30 empty" in note
    assert f"30 {word!r}" in note


def test_words_among_words_are_missing_if_the_file_says_so_elsewhere(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a,b,y\n" + "NA,NA,p\n1.5,x,q\n2.5,None,p\n" * 20)
    X, _ = read_table(path, "y")
    assert X["b"].isna().sum() == 20
    assert X["b"].eq("None").sum() == 20
    assert "20 'NA'" in infer_columns(X).notes["b"]


def test_placeholder_is_remarked_and_missing_if_told(tmp_path):
    path = written(tmp_path, [-999 if k % 10 == 0 else v for k, v in enumerate(AMOUNTS)])
    X, _ = read_table(path, "y")
    assert "12 cells are -999" in infer_columns(X).suspects["a"]
    X, _ = read_table(path, "y", missing=[-999])
    assert X["a"].isna().sum() == 12
    frame = pd.DataFrame({"a": [-999, *AMOUNTS]})
    columns = infer_columns(frame, missing=[-999])
    assert "1 -999: missing" in columns.notes["a"]
    encoded = make_encoder(columns).fit_transform(frame)
    assert encoded.shape == (N + 1, 2)  # an indicator of the missing value


def test_words_of_a_frame_are_read_as_those_of_a_file(tmp_path):
    cells = [f"{v:,.2f}" for v in AMOUNTS]
    X, _ = read_table(written(tmp_path, cells), "y")
    frame = pd.DataFrame({"a": cells, "b": X["b"]})
    columns = infer_columns(frame)
    assert columns.numeric == ["a"]
    encoder = make_encoder(columns).fit(frame)
    assert_allclose(encoder.transform(frame), encoder.transform(X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decimal": ";"}, "decimal must be"),
        ({"thousands": "12"}, "thousands must be"),
        ({"decimal": ",", "thousands": ","}, "thousands must be"),
        ({"types": {"a": "number"}}, "types must be among numeric, date"),
        ({"decimal": ","}, "'a' does not go with the decimal mark ','"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        infer_columns(pd.DataFrame({"a": ["1.55", "2.5"]}), **options)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=3, max_size=30, unique=True),
    st.integers(1, 2),
    st.sampled_from([(".", ""), (".", ","), (",", "."), (",", ""), (".", "'"), (",", "\u00a0")]),
)
def test_numbers_come_back_from_any_form(whole, digits, marks):
    """With one or two decimals nothing is open."""
    decimal, thousands = marks
    values = np.array(whole) / 10**digits
    table = str.maketrans({",": thousands, ".": decimal})
    cells = [f"{value:,.{digits}f}".translate(table) for value in values]
    frame = pd.DataFrame({"a": cells})
    columns = infer_columns(frame, types={"a": "numeric"})
    encoder = make_encoder(columns).fit(frame)
    assert_allclose(encoder[0].transform(frame)["a"], values)
