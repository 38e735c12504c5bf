"""Moved: see `focalsk.tables`."""

from focalsk.tables import read_frame as read_frame
from focalsk.tables import read_table as read_table
