"""Tables: a user's file or frame becomes columns in words and numbers, and what is to be said.

:func:`read_table` reads a file, :func:`infer_columns` tells what its columns are and what is
better left out, :func:`describe` says so in a few lines, and :func:`make_encoder` makes numbers of
them. duckdb reads the dialects of text files, pandas the others; scikit-learn and skrub encode.
"""

from focalsk.tables._columns import Columns, describe, infer_columns
from focalsk.tables._encoder import TableCleaner, make_cleaner, make_encoder
from focalsk.tables._files import read_frame
from focalsk.tables._frames import plain_frame, some
from focalsk.tables._tables import read_rows, read_table

__all__ = [
    "Columns",
    "TableCleaner",
    "describe",
    "infer_columns",
    "make_cleaner",
    "make_encoder",
    "plain_frame",
    "read_frame",
    "read_rows",
    "read_table",
    "some",
]
