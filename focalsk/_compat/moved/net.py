"""Moved: see `focalsk.nets`."""

from focalsk.nets import FocalNet as FocalNet
