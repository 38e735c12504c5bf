"""Searches over parameters, trained as stacks of nets.

What is in the room, from the bottom up:

- ``_run``: folds prepared once, candidates trained in stacks, every one scored.
- ``_search_cv``: FocalGridSearchCV and FocalRandomizedSearchCV.

It may import `_compat` and `estimators`.
"""

from focalsk.search._search_cv import FocalGridSearchCV, FocalRandomizedSearchCV

__all__ = ["FocalGridSearchCV", "FocalRandomizedSearchCV"]
