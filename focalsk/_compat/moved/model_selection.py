"""Moved: see `focalsk.search`."""

from focalsk.search import FocalGridSearchCV as FocalGridSearchCV
from focalsk.search import FocalRandomizedSearchCV as FocalRandomizedSearchCV
