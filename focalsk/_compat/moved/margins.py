"""Moved: see `focalsk.losses`."""

from focalsk.losses._margins import class_margins as class_margins
from focalsk.losses._margins import dense_focal as dense_focal
from focalsk.losses._margins import sigmoid_focal as sigmoid_focal
from focalsk.losses._margins import softmax_focal as softmax_focal
