"""Files are read as people have them; what cannot be read is refused in one clear line."""

import gzip
import urllib.error

import imblearn.datasets
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from focalsk.tables import describe, infer_columns, read_frame, read_table


def write(folder, text, name="data.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


TABLE = "age,job,y\n31,cook,no\n?, smith,yes\n57,NA,no\n"


def zstd(data):
    pyarrow = pytest.importorskip("pyarrow")
    packed = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(data)
    return packed.getvalue().to_pybytes()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_text_is_read_whatever_its_dialect(tmp_path, delimiter, encoding):
    text = TABLE.replace("cook", "Köchin").replace(",", delimiter)
    assert_is_the_table(read_table(write(tmp_path, text.encode(encoding)), "y"))


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
def test_packed_text_is_read_whatever_its_line_ends(tmp_path, pack, end):
    data = pack(TABLE.replace("cook", "Köchin").replace("\n", end).encode())
    assert_is_the_table(read_table(write(tmp_path, data), "y"))


def assert_is_the_table(read):
    X, y = read
    assert_array_equal(X["age"], [31, np.nan, 57])
    assert X["job"].tolist() == ["Köchin", "smith", "NA"]
    assert y.tolist() == ["no", "yes", "no"]


@pytest.mark.parametrize(
    ("text", "names", "first"),
    [
        ("sep=;\na;b\n1;x\n", ["a", "b"], ["1", "x"]),
        ("SEP=|\r\na|b\r\n1|x\r\n", ["a", "b"], ["1", "x"]),
        ('"a\nb",c\n"1,5","x\ny"\n2,z\n', ["a\nb", "c"], ["1,5", "x\ny"]),
        ("a,b\n1,2\r\n3,4\r5,6\n", ["a", "b"], ["1", "2"]),
        ('a,b\n"He said ""hi""",1\n', ["a", "b"], ['He said "hi"', "1"]),
        ('a,b\n"He said \\"hi\\"",1\nx,2\n', ["a", "b"], ['He said "hi"', "1"]),
        ("'a','b'\n'x,1',2\n", ["a", "b"], ["x,1", "2"]),
        (
            "text,y\nhello; there; is,1\nhello; you; are,2\n",
            ["text", "y"],
            ["hello; there; is", "1"],
        ),
        (",x,\n0,1,2\n", ["Unnamed: 0", "x", "Unnamed: 2"], ["0", "1", "2"]),
        (" a , b \n1,2\n\n3,4\n", ["a", "b"], ["1", "2"]),
        ("city;amount\nA, B;1\nC, D;2\n", ["city", "amount"], ["A, B", "1"]),
    ],
)
def test_habits_of_spreadsheets_are_read(tmp_path, text, names, first):
    frame = read_frame(write(tmp_path, text))
    assert list(frame) == names
    assert frame.iloc[0].tolist() == first


def test_lines_above_the_header_are_skipped_and_told(tmp_path):
    path = write(tmp_path, "Report of 2020\n\na,b,y\n1,2,p\n4,5,q\n")
    X, y = read_table(path, "y")
    assert X.shape == (2, 2)
    facts = describe("t", infer_columns(X), *np.unique(y, return_counts=True))
    assert any(fact.startswith("Lines above the header, skipped: ") for fact in facts)


def test_encoding_that_had_to_be_guessed_is_told(tmp_path):
    X, _ = read_table(write(tmp_path, "a,b,y\né,1,u\nß,2.5,v\n".encode("latin-1")), "y")
    assert X["a"].tolist() == ["é", "ß"]
    assert any("cp1252" in line for line in infer_columns(X[["b"]]).lines())


def test_parquet_and_excel_are_read_as_text_is(tmp_path):
    pytest.importorskip("pyarrow")
    pytest.importorskip("openpyxl")
    frame = pd.DataFrame({"age": [31, None, 57], "job": ["cook", "smith", None], "y": [0, 1, 0]})
    frame["since"] = pd.to_datetime(["2020-01-31", "2021-12-01", "2022-02-01"])
    frame.to_csv(tmp_path / "data.csv", index=False)
    frame.to_parquet(tmp_path / "data.parquet")
    frame.to_excel(tmp_path / "data.xlsx", index=False)
    expected, classes = read_table(tmp_path / "data.csv", "y")
    for name in ("data.parquet", "data.xlsx"):
        X, y = read_table(tmp_path / name, "y")
        assert infer_columns(X).numeric == infer_columns(expected).numeric == ["age", "since"]
        assert_array_equal(X["age"], expected["age"])
        assert_array_equal(X["since"], expected["since"])
        assert_array_equal(y, classes)


def test_words_among_numbers_of_excel_are_missing_values(tmp_path):
    pytest.importorskip("openpyxl")
    frame = pd.DataFrame({"a": [1, "n/a", 2.5], "y": ["p", "q", "p"]})
    frame.to_excel(tmp_path / "data.xlsx", index=False)
    X, _ = read_table(tmp_path / "data.xlsx", "y")
    assert_array_equal(X["a"], [1, np.nan, 2.5])


def test_index_that_pandas_wrote_into_parquet_is_left_out(tmp_path):
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=50), "y": [0, 1] * 25}, rng.permutation(50))
    frame.to_parquet(tmp_path / "data.parquet")
    X, _ = read_table(tmp_path / "data.parquet", "y")
    assert infer_columns(X).numeric == ["x"]


def test_raw_cells_stay_as_they_are(tmp_path):
    frame = read_frame(write(tmp_path, "zip;x\n01234;1.50\n?;\n"))
    assert frame.fillna("").to_numpy().tolist() == [["01234", "1.50"], ["?", ""]]
    assert frame.attrs["delimiter"] == ";"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("a,y\n", "no rows"),
        ("a,y\n1,2,3\n4,5,6\n", "line 2 has 3 fields, and the header 2"),
        ("a,b,y\n1,2,3\n4,5,6,7\n", "line 3 has 4 fields, and the header 3"),
        ("a,b,y\n1,2,3\n4,5\n", "line 3 has 2 fields, and the header 3"),
        ("a,b,y\n" + "1,2,3\n" * 5000 + "4,5\n", "line 5002 has 2 fields, and the header 3"),
        ('a,b\n"open,1\n2,3\n', "line 2"),
        (b"\x00\x01\x02", "neither text nor Parquet"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "neither text nor Parquet"),
        (b"\x1f\x8bnothing", "Cannot read"),
        (b"\x28\xb5\x2f\xfdnothing", "Cannot read"),
        (b"PAR1nothing", "Cannot read"),
        (b"PK\x03\x04nothing", "Cannot read"),
        ("<html><body>no table</body></html>\n", "no rows"),
        ('{"a": [1, 2]}', "no rows"),
        ("a,z\n1,2\n", "No column 'y' in .* 'a', 'z'"),
        ("a,y,y\n1,2,2\n", "Got 'y' twice"),
        ("a,a,y\n1,2,2\n", "Got 'a' twice"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message):
        read_table(path, "y")


def test_absent_file_and_directory_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file: .*nowhere\.csv"):
        read_table(tmp_path / "nowhere.csv", "y")
    with pytest.raises(FileNotFoundError, match="No such file or data set: nowhere"):
        read_table("nowhere", "y")
    with pytest.raises(ValueError, match="is not a file"):
        read_table(tmp_path, "y")


@pytest.mark.parametrize(
    ("name", "shape", "n_classes"), [("iris", (150, 4), 3), ("digits", (1797, 64), 10)]
)
def test_data_sets_go_by_name(name, shape, n_classes):
    X, y = read_table(name)
    assert X.shape == shape
    assert len(np.unique(y)) == n_classes


def test_data_set_that_cannot_be_downloaded_is_said_to_need_a_network(monkeypatch):
    def fail(*args, **kwargs):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(imblearn.datasets, "fetch_datasets", fail)
    with pytest.raises(OSError, match=r"'ecoli' needs a network.*no route"):
        read_table("ecoli")


def test_a_quote_without_an_end_is_named(tmp_path):
    path = write(tmp_path, 'a,b,y\n1,"u,yes\n2,v,no\n')
    with pytest.raises(ValueError, match="line 2: Value with unterminated quote found"):
        read_table(path, "y")
