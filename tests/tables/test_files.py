"""Files are read as people have them; what cannot be read is refused in one clear line."""

import gzip
import urllib.error

import imblearn.datasets
import numpy as np
import pandas as pd
import pytest
from focalsk.files import parse_frame, read_frame, read_table
from numpy.testing import assert_array_equal

from focalsk.tables import infer_columns


def write(folder, text, name="data.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


TABLE = "age,job,y\n31,cook,no\n?, smith,yes\n57,NA,no\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encode", [str.encode, lambda t: t.encode("utf-8-sig")], ids=["", "bom"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_csv_is_read_whatever_its_dialect(tmp_path, delimiter, encode, pack):
    path = write(tmp_path, pack(encode(TABLE.replace(",", delimiter))))
    X, y = read_table(path, "y")
    assert_array_equal(X["age"], [31, np.nan, 57])
    assert X["job"].fillna("-").tolist() == ["cook", "smith", "-"]
    assert y.tolist() == ["no", "yes", "no"]


def test_parquet_is_read_as_csv_is(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.read_csv(write(tmp_path, TABLE), skipinitialspace=True)
    frame.to_parquet(tmp_path / "data.parquet")
    X, y = read_table(tmp_path / "data.parquet", "y")
    expected, classes = read_table(tmp_path / "data.csv", "y")
    assert infer_columns(X).categorical == infer_columns(expected).categorical
    assert_array_equal(X["age"], expected["age"])
    assert_array_equal(y, classes)


def test_decimal_commas_are_read_where_commas_do_not_separate(tmp_path):
    X, _ = read_table(write(tmp_path, "a;b;y\n1,5;2;p\n-2;3;q\n"), "y")
    assert X["a"].tolist() == [1.5, -2]
    X, _ = read_table(write(tmp_path, 'a,b,y\n"1,5",2,p\n"2,5",3,q\n'), "y")
    assert X["a"].tolist() == ["1,5", "2,5"]


def test_latin_letters_are_read():
    frame = parse_frame(pd.DataFrame({"a": ["é", "ß"]}))
    assert frame["a"].tolist() == ["é", "ß"]


def test_latin_1_file_is_read(tmp_path):
    X, _ = read_table(write(tmp_path, "a,y\né,1\nß,0\n".encode("latin-1")), "y")
    assert X["a"].tolist() == ["é", "ß"]


def test_raw_cells_stay_as_they_are(tmp_path):
    frame = read_frame(write(tmp_path, "zip;x\n01234;1.50\n?;\n"))
    assert frame.to_numpy().tolist() == [["01234", "1.50"], ["?", ""]]
    assert frame.attrs["delimiter"] == ";"
    parsed = parse_frame(frame, strings=["zip"])
    assert parsed["zip"][0] == "01234"
    assert np.isnan(parsed["zip"][1])
    assert parsed["x"][0] == 1.5


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
    path = write(tmp_path, "x,y\n1,0\n2,\n3,1\n")
    with pytest.warns(UserWarning, match="without a value of 'y', left out: 1"):
        X, y = read_table(path, "y")
    assert X["x"].tolist() == [1, 3]
    assert y.tolist() == [0, 1]
    assert y.dtype.kind == "i"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("a,y\n", "no rows"),
        ("a,y\n1,2,3\n4,5,6\n", "more fields than its header"),
        ("a,b,y\n1,2,3\n4,5,6,7\n", "Expected 3 fields in line 3, saw 4"),
        ("a,b,y\n1,2,3\n4,5\n", "line 3 has 2 fields, and the header 3"),
        (b"\x00\x01\x02", "neither text nor Parquet"),
        (b"\x1f\x8bnothing", "Cannot read"),
        (b"PAR1nothing", "Cannot read"),
        ("a,z\n1,2\n", "No column 'y' in .* 'a', 'z'"),
        ("a,y\n1,\n2,\n", "no classes"),
        ("a,y\n1,0.5\n2,1.5\n", "regression"),
        ("a,y\n1,inf\n2,1\n", "infinite"),
        ("a,y\n" + "".join(f"1,{i}\n" for i in range(40)), "40 distinct numbers"),
        (
            "a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40)) + "oops,1\n",
            "Column 'a' mixes numbers and strings: 'oops' in row 41",
        ),
    ],
)
def test_bad_file_is_refused(tmp_path, text, message):
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
