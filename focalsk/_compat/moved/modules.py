"""Moved: see `focalsk.nets`."""

from focalsk.nets import FocalMLP as FocalMLP
from focalsk.nets import StackedMLP as StackedMLP
from focalsk.nets import VmapStack as VmapStack
