"""Classes, and rows for prediction: nothing is lost, and the same rows are the same in any form."""

import gzip

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from focalsk.tables import infer_columns, make_encoder, read_rows, read_table

N = 120


def table(folder, target, **columns):
    frame = pd.DataFrame({"a": np.arange(len(target)) / 7, **columns, "y": target})
    frame.to_csv(folder / "data.csv", index=False)
    return folder / "data.csv"


# Classes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["None", "NA", "nan", "null", "N/A", "?", "-"])
def test_words_for_nothing_are_classes(tmp_path, word):
    path = table(tmp_path, [word, "Apnea", "Insomnia"] * 30)
    X, y = read_table(path, "y")
    assert sorted(set(y)) == sorted([word, "Apnea", "Insomnia"])
    assert len(y) == 90
    assert any(repr(word) in line for line in infer_columns(X).lines())
    with pytest.warns(UserWarning, match="left out: 30"):
        _, y = read_table(path, "y", missing=[word])
    assert sorted(set(y)) == ["Apnea", "Insomnia"]


@pytest.mark.parametrize("others", [["0", "1"], ["p", "q"]], ids=["numbers", "words"])
def test_words_for_nothing_are_asked_about_where_they_mean_two_things(tmp_path, others):
    path = table(tmp_path, ["NA", *others] * 30, b=["NA", 1.5, 2.5] * 30)
    with pytest.raises(ValueError, match=r"'y' holds 'NA' in 30 rows.*--missing NA.*y=categorical"):
        read_table(path, "y")
    _, y = read_table(path, "y", types={"y": "categorical"})
    assert set(y) == {"NA", *others}
    with pytest.warns(UserWarning, match="left out: 30"):
        _, y = read_table(path, "y", missing=["NA"])
    assert {str(label) for label in y} == set(others)


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([1.0, 0.0, 1.0], [1, 0, 1]),
        (pd.array([1, 0, 1], dtype="Int64"), [1, 0, 1]),
        ([True, False, True], ["True", "False", "True"]),
        (pd.Categorical(["b", "a", "b"]), ["b", "a", "b"]),
    ],
    ids=["float", "Int64", "bool", "category"],
)
def test_classes_are_ints_or_strings(tmp_path, values, classes):
    pytest.importorskip("pyarrow")
    pd.DataFrame({"x": [1, 2, 3], "y": values}).to_parquet(tmp_path / "data.parquet")
    assert read_table(tmp_path / "data.parquet", "y")[1].tolist() == classes


def test_rows_without_class_are_left_out_with_a_warning(tmp_path):
    (tmp_path / "data.csv").write_text("x,y\n1,0\n2,\n3,1\n")
    with pytest.warns(UserWarning, match="without a value of 'y', left out: 1"):
        X, y = read_table(tmp_path / "data.csv", "y")
    assert X["x"].tolist() == [1, 3]
    assert y.tolist() == [0, 1]
    assert y.dtype.kind == "i"


def test_classes_that_differ_by_capitals_are_remarked(tmp_path):
    X, y = read_table(table(tmp_path, ["Yes", "yes", "no"] * 10), "y")
    assert len(set(y)) == 3
    assert any("Yes, yes" in line for line in infer_columns(X).lines())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y\n1,\n2,\n", "no classes"),
        ("a,y\n1,0.5\n2,1.5\n", "regression"),
        ("a,y\n1,inf\n2,1\n", "infinite"),
        ("a,y\n" + "".join(f"1,{i}\n" for i in range(40)), "40 distinct numbers"),
        ("a\n1\n", "No column 'y'"),
    ],
)
def test_bad_target_is_refused(tmp_path, text, message):
    (tmp_path / "data.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "data.csv", "y")


# Prediction -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A table of training, its columns, its encoder, and rows as they were encoded."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("tables")
    frame = pd.DataFrame(
        {
            "code": rng.choice(["1", "2", "3", "B"], N),
            "size": rng.choice(["0.5", "1", "XL"], N),
            "age": rng.integers(20, 80, N),
            "rate": rng.normal(size=N).round(3),
            "debt": [f"{value:,.2f}" for value in np.exp(rng.normal(8, 1.5, N))],
            "flag": rng.random(N) > 0.5,
            "since": rng.permutation(pd.date_range("2020-01-01", periods=N)),
            "score": [str(value) if value > 0.1 else "NA" for value in rng.random(N).round(2)],
            "y": rng.choice(["no", "yes"], N),
        }
    )
    frame["since"] = frame["since"].dt.strftime("%d/%m/%Y")
    frame.to_csv(folder / "train.csv", index=False)
    X, y = read_table(folder / "train.csv", "y")
    columns = infer_columns(X, y)
    encoder = make_encoder(columns).fit(X)
    rows = frame.drop(columns="y")
    rows = rows[(rows["code"] != "B") & (rows["size"] != "XL")].reset_index(drop=True)
    rows.to_csv(folder / "plain.csv", index=False)
    return folder, rows, columns, encoder


def numbers(rows):
    """The same rows as those who know them would hold them."""
    days = pd.to_datetime(rows["since"], format="%d/%m/%Y")
    debt = rows["debt"].str.replace(",", "").astype(float)
    score = pd.to_numeric(rows["score"], errors="coerce")
    return rows.assign(
        code=rows["code"].astype(int), size=rows["size"].astype(float), since=days, debt=debt,
        score=score,
    )  # fmt: skip


WRITERS = {
    "order.csv": lambda r, p: r[r.columns[::-1]].assign(more="x").to_csv(p, index=False),
    "bom.csv": lambda r, p: r.to_csv(p, index=False, encoding="utf-8-sig", lineterminator="\r\n"),
    "utf16.txt": lambda r, p: r.to_csv(p, index=False, encoding="utf-16", sep="\t"),
    "gzip.csv.gz": lambda r, p: p.write_bytes(gzip.compress(r.to_csv(index=False).encode())),
    "german.csv": lambda r, p: numbers(r).to_csv(p, index=False, sep=";", decimal=","),
    "floats.csv": lambda r, p: numbers(r).astype({"code": float}).to_csv(p, index=False),
    "flags.csv": lambda r, p: r.assign(flag=r["flag"].astype(int)).to_csv(p, index=False),
    "small.csv": lambda r, p: r.assign(flag=r["flag"].map(str).str.upper()).to_csv(p, index=False),
    "words.parquet": lambda r, p: r.to_parquet(p),
    "numbers.parquet": lambda r, p: numbers(r).to_parquet(p),
    "nullable.parquet": lambda r, p: numbers(r).convert_dtypes().to_parquet(p),
    "excel.xlsx": lambda r, p: numbers(r).to_excel(p, index=False),
}


@pytest.mark.parametrize("name", WRITERS)
def test_same_rows_are_the_same_in_any_form(trained, name):
    folder, rows, columns, encoder = trained
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    if name.endswith("xlsx"):
        pytest.importorskip("openpyxl")
    WRITERS[name](rows, folder / name)
    expected, _ = read_rows(folder / "plain.csv", columns)
    X, raw = read_rows(folder / name, columns)
    assert len(raw) == len(rows)
    assert_allclose(encoder.transform(X), encoder.transform(expected), atol=1e-9)


def test_frames_of_other_types_are_predicted_without_a_file(trained):
    folder, rows, columns, encoder = trained
    expected = encoder.transform(read_rows(folder / "plain.csv", columns)[0])
    for frame in (rows, numbers(rows), numbers(rows).convert_dtypes()):
        assert_allclose(encoder.transform(frame), expected, atol=1e-9)


def test_single_row_is_read_as_the_training_was(trained):
    folder, rows, columns, encoder = trained
    expected = encoder.transform(read_rows(folder / "plain.csv", columns)[0])
    for k in range(5):  # whose dates and amounts alone may be open
        rows.iloc[[k]].to_csv(folder / "one.csv", index=False)
        X, _ = read_rows(folder / "one.csv", columns)
        assert_allclose(encoder.transform(X)[0], expected[k], atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.drop(columns=["code", "age"]), "lacks columns of the model: 'age', 'code'"),
        (lambda r: r.assign(age="old"), "'age' must hold numbers. Got 'old'"),
        (lambda r: r.assign(since="soon"), "'since' must hold dates"),
        (lambda r: r.assign(rate="5%"), "'rate' has the unit '%'"),
        (lambda r: r.join(r[["age"]].set_axis(["age "], axis=1)), "Got 'age' twice"),
    ],
)
def test_rows_that_are_not_those_of_the_training_are_refused_by_name(trained, change, message):
    folder, rows, columns, _ = trained
    change(rows).to_csv(folder / "bad.csv", index=False)
    with pytest.raises(ValueError, match=message):
        read_rows(folder / "bad.csv", columns)


def test_word_for_nothing_is_the_same_after_others_have_read_the_table(tmp_path):
    frame = pd.DataFrame({"x": np.arange(60) / 7, "c": ["NA", "u", "v"] * 20, "y": ["p", "q"] * 30})
    frame.to_csv(tmp_path / "words.csv", index=False)
    X, _ = read_table(tmp_path / "words.csv", "y")
    encoder = make_encoder(infer_columns(X)).fit(X)
    again = pd.read_csv(tmp_path / "words.csv")  # which takes NA for a missing value
    assert again["c"].isna().any()
    assert_allclose(encoder.transform(again), encoder.transform(X))
    encoder = make_encoder(infer_columns(again[["x", "c"]])).fit(again)
    assert_allclose(encoder.transform(X), encoder.transform(again))
