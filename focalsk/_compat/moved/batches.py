"""Moved: see `focalsk.nets`."""

from focalsk.nets import ArrayDataset as ArrayDataset
from focalsk.nets import Batches as Batches
from focalsk.nets import seeded as seeded
