"""Moved: see `focalsk.nets`."""

from focalsk.nets import BestEpoch as BestEpoch
