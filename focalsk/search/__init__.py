"""Searches over parameters, trained as stacks of nets.

What is in the room, from the bottom up:

- ``_folds``: splits, with what comes before the classifier fitted once for all candidates.
- ``_metrics``: metrics of many nets on the same samples, by one count or one sort.
- ``_scores``: those where they apply, else scikit-learn's scorers.
- ``_run``: candidates trained in stacks and scored.
- ``_search_cv``: FocalGridSearchCV and FocalRandomizedSearchCV.

It may import `_compat` and `estimators`.
"""

from focalsk.search._search_cv import FocalGridSearchCV, FocalRandomizedSearchCV

__all__ = ["FocalGridSearchCV", "FocalRandomizedSearchCV"]
