"""Private names of scikit-learn's trees: what a fitted one is made of.

No public replacement; without them a model file's trees could not be looked at and would have to
be refused.
"""

from __future__ import annotations

from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.tree._tree import Tree

__all__ = ["Tree", "TreePredictor"]
