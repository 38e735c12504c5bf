"""
Choosing gamma and alpha
========================

The literature recommends ``gamma=2``, and gammas between 0 and 5 as the range to search; about the
class weights it says less. Both are ordinary parameters here, which scikit-learn's searches can
choose by any metric. :class:`~focalsk.FocalGridSearchCV` is scikit-learn's ``GridSearchCV``, but
trains the whole grid and all folds as one network.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

from focalsk import FocalGridSearchCV, FocalNetClassifier

# %%
# 1000 images of the digits 0 to 7 and 300 of 8 and 9, as rows of 64 noisy pixels. Is it one of the
# 300? ``gamma=0`` with ``alpha='balanced'`` is weighted cross-entropy, ``gamma=0`` with
# ``alpha=None`` cross-entropy, so the rivals of focal loss are on the grid as well.

digits = load_digits()
rng = np.random.default_rng(0)
is_rare = digits.target >= 8
chosen = np.r_[np.flatnonzero(~is_rare)[:1000], np.flatnonzero(is_rare)[:300]]
X = digits.data[chosen] / 16 + rng.normal(0, 0.3, (len(chosen), 64))
y = is_rare[chosen].astype(int)

GRID = {"alpha": [None, "sqrt", "balanced"], "gamma": [0, 0.5, 1, 2, 5]}
METRICS = ["recall", "precision", "average_precision"]
search = FocalGridSearchCV(
    FocalNetClassifier((10,), weight_decay=0.001, lr=0.02, max_epochs=8, random_state=0),
    GRID,
    scoring=METRICS,
    refit="average_precision",
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
).fit(X, y)
spread = search.cv_results_["std_test_average_precision"][search.best_index_]
print(search.stacks_)  # 15 candidates on 3 folds
print(search.best_params_, f"average precision {search.best_score_:.3f} ± {spread:.3f}")

# %%
# Down the rows, the weights trade precision for recall: inverse frequencies are right if a miss is
# as bad as several false alarms, and wrong for a metric that punishes false alarms. Along the
# columns, gamma makes smaller differences. Average precision looks at the ranking and not at the
# decisions, so the choice of the weights matters less to it. Choose the metric first, and then
# gamma and alpha.

table = {
    metric: search.cv_results_[f"mean_test_{metric}"].reshape(
        len(GRID["alpha"]), len(GRID["gamma"])
    )
    for metric in METRICS
}
figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained", sharey=True)
low = min(values.min() for values in table.values())
high = max(values.max() for values in table.values())
for ax, (metric, values) in zip(axes, table.items(), strict=True):
    image = ax.imshow(values, cmap="viridis", vmin=low, vmax=high, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        dark = value < (low + high) / 2
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="w" if dark else "k")
    ax.set_xticks(range(len(GRID["gamma"])), GRID["gamma"])
    ax.set(xlabel="gamma", title=metric.replace("_", " "))
axes[0].set_yticks(range(len(GRID["alpha"])), [str(alpha) for alpha in GRID["alpha"]])
axes[0].set_ylabel("alpha")
figure.colorbar(image, ax=axes, label="mean of three folds")

plt.show()
