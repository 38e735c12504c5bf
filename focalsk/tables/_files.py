"""Files and data sets by name, read as they stand: the cells of a text file stay words."""

from __future__ import annotations

import gzip
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

__all__ = ["Unreadable", "read_frame", "refuse_twins"]

_LOADERS: dict[str, Callable[..., Any]] = {
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}
_MARKS = (  # of encodings, at the start of a file; UTF-32's begins with UTF-16's
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SEPARATORS = ",;\t|"
_EXCEL = re.compile(r"sep=(.)[ \t]*\n", re.IGNORECASE)  # its own first line


class Unreadable(ValueError):
    """A file that is no table."""


def read_frame(source: str | Path) -> pd.DataFrame:
    """Read a table as it stands: the cells of a text file stay strings.

    Parameters
    ----------
    source : path-like or str
        A file of text, Parquet or Excel, or the name of a data set, as for :func:`read_table`.

    Returns
    -------
    DataFrame
        Columns without a name are called 'Unnamed: 0' and so on, by their position. Its ``attrs``
        hold the separator of a text file under 'delimiter', and under 'told' what is to be said.

    Raises
    ------
    ValueError
        If the file is no table.
    OSError
        If the file cannot be opened, or the data set cannot be downloaded.
    ImportError
        If pyarrow or openpyxl is needed and not there.
    """
    path = Path(source)
    if not path.exists():
        return _data_set(str(source))
    if not path.is_file():
        raise Unreadable(f"{source} is not a file.")
    try:
        return _read(path)
    except (ValueError, EOFError, zipfile.BadZipFile, gzip.BadGzipFile, KeyError) as error:
        raise Unreadable(f"Cannot read {source}: {_first_line(error)}") from error


def refuse_twins(frame: pd.DataFrame) -> None:
    """Refuse a table in which two columns have one name.

    Parameters
    ----------
    frame : DataFrame
        Its names count as strings.

    Raises
    ------
    ValueError
        With the name.
    """
    twice = [name for name, n in Counter(map(str, frame.columns)).items() if n > 1]
    if twice:
        raise ValueError(f"Each column needs a name of its own. Got {twice[0]!r} twice.")


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _data_set(name: str) -> pd.DataFrame:
    if name in _LOADERS:
        data = _LOADERS[name](as_frame=True)
        names = np.asarray(data.target_names).astype(str)
        return data.data.assign(target=names[data.target])
    if not re.fullmatch(r"[a-z][a-z0-9_]+", name):
        raise FileNotFoundError(f"No such file: {name}")
    from imblearn.datasets import fetch_datasets

    try:
        data = fetch_datasets(filter_data=(name,))[name]
    except ValueError:  # before any download
        raise FileNotFoundError(f"No such file or data set: {name}") from None
    except OSError as error:
        raise OSError(f"The data set {name!r} needs a network to download: {error}") from error
    return pd.DataFrame(data.data).add_prefix("x").assign(target=data.target)


def _read(path: Path) -> pd.DataFrame:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        data = _unpack_zstd(data)
    if data[:4] == b"PAR1":
        return _named(_read_parquet(data))
    if data[:4] == b"PK\x03\x04" or data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return _named(_read_excel(data))
    text, told = _decode(data)
    text = re.sub(r"\r\n?", "\n", text)  # of any system, and of several in one file
    frame = _read_text(text, told)
    frame.attrs["told"] = told
    return frame


def _unpack_zstd(data: bytes) -> bytes:
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError("Zstandard files need pyarrow: pip install pyarrow") from error
    try:
        with pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd") as stream:
            return stream.read()
    except OSError as error:
        raise ValueError(str(error)) from error


def _read_parquet(data: bytes) -> pd.DataFrame:
    from io import BytesIO

    try:
        frame = pd.read_parquet(BytesIO(data), engine="pyarrow")
    except ImportError as error:
        raise ImportError("Parquet files need pyarrow: pip install pyarrow") from error
    except OSError as error:
        raise ValueError(str(error)) from error
    if not isinstance(frame.index, pd.RangeIndex):
        nameless = all(name is None for name in frame.index.names)
        frame = frame.rename_axis("") if nameless and frame.index.nlevels == 1 else frame
        frame = frame.reset_index()
    frame.attrs = {}  # whatever its writer noted there
    return frame


def _read_excel(data: bytes) -> pd.DataFrame:
    from io import BytesIO

    try:
        frame = pd.read_excel(BytesIO(data), dtype=object, keep_default_na=False, na_values=[""])
    except ImportError as error:
        needed = "openpyxl" if data[:2] == b"PK" else "xlrd"
        raise ImportError(f"This Excel file needs {needed}: pip install {needed}") from error
    frame = frame.dropna(how="all")
    for k in range(frame.shape[1]):
        values = frame.iloc[:, k]
        held = pd.api.types.infer_dtype(values, skipna=True)
        if held.startswith("mixed") and held != "mixed-integer-float":
            words = [value if pd.isna(value) else str(value) for value in values]
            frame.isetitem(k, pd.Series(words, values.index, dtype=object))
        else:
            frame.isetitem(k, values.infer_objects())
    return frame


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a name for each column, and rows counted from 0."""
    if frame.empty:
        raise ValueError("it has no rows below its header.")
    names = [str(name).strip() for name in frame.columns]
    names = [name or f"Unnamed: {k}" for k, name in enumerate(names)]
    return frame.set_axis(names, axis=1).reset_index(drop=True)


# Text -------------------------------------------------------------------------------------------


def _decode(data: bytes) -> tuple[str, list[str]]:
    """The text of a file, and what is to be said of its encoding."""
    if not data.strip():
        raise ValueError("it is empty.")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding), []
    utf16 = _utf16_without_mark(data)
    if utf16:
        return data.decode(utf16), [f"Encoding: {utf16.upper()}, by the look of it."]
    if b"\0" in data[:4096] or sum(byte < 9 for byte in data[:4096]) > 2:
        raise ValueError("it is neither text nor Parquet nor Excel.")
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        # Of the few that are common in tables: with more to choose from, short files get exotic.
        guess = from_bytes(data, cp_isolation=["cp1252", "cp1250", "cp1251", "cp932", "gb18030"])
        best = guess.best()
        name = best.encoding if best else "cp1252"
        if _same(data, name, "cp1252"):
            name = "cp1252"
        if name == "cp1252":
            name = "latin-1" if re.search(b"[\x81\x8d\x8f\x90\x9d]", data) else "cp1252"
        return data.decode(name), [f"Encoding: {name}, by the look of it; UTF-8 leaves no doubt."]


def _same(data: bytes, one: str, other: str) -> bool:
    return data.decode(one, "replace") == data.decode(other, "replace")


def _utf16_without_mark(data: bytes) -> str:
    start = data[:4096]
    if len(data) % 2 or len(data) < 16:
        return ""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if odd > 0.3 * len(start) and even < 0.02 * len(start):
        return "utf-16-le"
    return "utf-16-be" if even > 0.3 * len(start) and odd < 0.02 * len(start) else ""


def _read_text(text: str, told: list[str]) -> pd.DataFrame:
    with _as_file(text) as path:
        dialect = _sniff(path, text)
        rows = _rows(path, dialect)
    n_above = dialect["skip"]
    if n_above and not _EXCEL.match(text):
        told.append(f"Lines above the header, skipped: {n_above}.")
    header = ["" if pd.isna(name) else name for name in rows.iloc[0]]
    frame = _named(rows.iloc[1:].set_axis(header, axis=1))
    frame.attrs["delimiter"] = dialect["delim"]
    return frame


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A file of UTF-8: duckdb reads no other encoding without an extension from the network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(text.encode("utf-8", "replace"))
        yield str(path)


def _sniff(path: str, text: str) -> dict[str, Any]:
    """The dialect, as duckdb sees it where it sees a table at all."""
    import duckdb

    query = "SELECT Delimiter, Quote, Escape, SkipRows FROM sniff_csv(?, all_varchar = true)"
    lines = text[:100_000].split("\n")
    try:
        with duckdb.connect() as base:
            found = base.execute(query, [path]).fetchone()
    except duckdb.Error:
        found = None
    delim, quote, escape, skip = found or (",", '"', '"', 0)
    excel = _EXCEL.match(text)
    header = next(line for line in lines if line.strip())
    by_header = max(_SEPARATORS, key=header.count)
    if excel:
        delim, skip = excel[1], 1
    elif skip and any(line.count(delim) for line in lines[:skip] if not line.startswith("#")):
        delim, skip = by_header, 0  # a ragged file: duckdb takes the rows that fit it
    elif not skip and header.count(delim) == 0 and header.count(by_header):
        delim = by_header  # the same, seen as one column
    quote = "'" if quote == "'" else '"'
    escape = escape if escape == "\\" else quote
    return {"delim": delim, "quote": quote, "escape": escape, "skip": int(skip)}


def _rows(path: str, dialect: dict[str, Any]) -> pd.DataFrame:
    """All rows as words, the header first."""
    import duckdb

    options = "header = false, all_varchar = true, auto_detect = false, strict_mode = true"
    options += ", null_padding = false, max_line_size = 16777216, encoding = 'utf-8'"
    options += "".join(
        f", {name} = {value if isinstance(value, int) else _quoted(value)}"
        for name, value in dialect.items()
    )
    with duckdb.connect() as base:
        n_columns = _width(path, dialect)
        names = ", ".join(f"'c{k}': 'VARCHAR'" for k in range(n_columns))
        query = f"SELECT * FROM read_csv(?, columns = {{{names}}}, {options})"
        try:
            return base.execute(query, [path]).df().astype(object)
        except duckdb.Error as error:
            raise ValueError(_complaint(str(error))) from None


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _width(path: str, dialect: dict[str, Any]) -> int:
    """How many fields the header has: it may have line breaks in quotes."""
    import csv

    with open(path, encoding="utf-8", newline="\n") as file:
        for _ in range(dialect["skip"]):
            file.readline()
        for row in csv.reader(file, delimiter=dialect["delim"], quotechar=dialect["quote"]):
            if row:
                return len(row)
    raise ValueError("it is empty.")


def _complaint(message: str) -> str:
    line = re.search(r"CSV Error on Line: (\d+)", message)
    width = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if line and width:
        return f"line {line[1]} has {width[2]} fields, and the header {width[1]}."
    return f"line {line[1]}: {_first_cause(message)}" if line else _first_cause(message)


def _first_cause(message: str) -> str:
    """The line below the line of the file, which may have several."""
    below = re.search(r"^Original Line: .*?\n\n+([^\n]+)", message, re.DOTALL | re.MULTILINE)
    lines = [line for line in message.splitlines() if line.strip()]
    return below[1] if below else next(iter(lines[1:]), lines[0])
