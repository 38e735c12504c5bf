"""Tables: a user's file or frame becomes columns in words and numbers, and what is to be said.

:func:`read_table` reads a file, :func:`infer_columns` tells what its columns are and what is
better left out, :func:`describe` says so in a few lines, and :func:`make_encoder` makes numbers of
them. duckdb reads the dialects of text files, pandas the others; scikit-learn and skrub encode.

What is in the room, from the bottom up:

- ``_frames``: columns of any frame as NumPy's types hold them.
- ``_reading``, ``_dates``: numbers and dates in words: one reading, or a question.
- ``_words``: which columns of words are numbers or dates.
- ``_leaks``: row numbers, identifiers, copies of the target.
- ``_columns``: what columns are, and what is to be said of them.
- ``_encoder``: from columns to numbers.
- ``_files``: files and data sets by name, read as they stand.
- ``_tables``: tables for training and for prediction.

It may import `_compat` and no net.
"""

from focalsk.tables._columns import Columns, describe, infer_columns
from focalsk.tables._encoder import ColumnPicker, TableCleaner, make_cleaner, make_encoder
from focalsk.tables._files import read_frame
from focalsk.tables._frames import plain_frame, some
from focalsk.tables._tables import read_rows, read_table

__all__ = [
    "ColumnPicker",
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
