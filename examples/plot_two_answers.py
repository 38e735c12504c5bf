"""
One fit, two answers
====================

Class weights make a classifier attend to the rare class, and spoil its probabilities: a network
trained as if half of the patients were ill believes that half of them are. So does resampling.
Focal loss bends the probabilities once more, however good the decisions are.

Both distortions are known formulas, so both can be taken back. A
:class:`~focalsk.FocalNetClassifier` gives two answers: ``predict`` decides under the class weights,
``predict_proba`` reports probabilities of the data.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_diabetes
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, recall_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from focalsk import FocalNetClassifier

# %%
# In the diabetes data of scikit-learn, 442 patients were measured and seen again a year later. Who
# is among the 15 % whose disease had progressed most? This is rare *and* hard to tell, the case in
# which probabilities matter.

X, progression = load_diabetes(return_X_y=True)
y = (progression > np.quantile(progression, 0.85)).astype(int)
print(f"{len(y)} patients, {y.mean():.1%} with fast progression")

# %%
# The parameter ``proba`` chooses what ``predict_proba`` reports; it needs no new fit.
#
# - ``'posterior'``, the default: the probability of the class in data like these.
# - ``'weighted'``: the probability under the class weights, as if both classes were equally
#   frequent. ``predict`` is its argmax.
# - ``'raw'``: the softmax of the logits, what other focal losses leave you with.
#
# Each is judged on patients that the network had not seen, in a cross-validation with repeats.

PROBAS = ["posterior", "weighted", "raw"]
model = make_pipeline(
    StandardScaler(),
    FocalNetClassifier(
        (10,), gamma=2, class_weight="balanced", weight_decay=0.01, max_epochs=30, random_state=0
    ),
)
truth, decisions, probabilities = [], [], {proba: [] for proba in PROBAS}
for train, test in RepeatedStratifiedKFold(n_splits=5, n_repeats=4, random_state=0).split(X, y):
    model.fit(X[train], y[train])
    truth.append(y[test])
    decisions.append(model.predict(X[test]))
    for proba in PROBAS:
        model.set_params(focalnetclassifier__proba=proba)
        probabilities[proba].append(model.predict_proba(X[test])[:, 1])

truth, decisions = np.concatenate(truth), np.concatenate(decisions)
probabilities = {proba: np.concatenate(p) for proba, p in probabilities.items()}

# %%
# The curves compare what was promised with what came about. Only the posterior follows the
# diagonal; on the right is what that is worth: the Brier score falls below that of a
# constant forecast of 15 %. The decisions meanwhile find both classes about equally often, which
# the posterior with its threshold at a half would not.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(10.5, 4.6), layout="constrained", width_ratios=[3, 2]
)
colors = dict(zip(PROBAS, ["#228833", "#ccbb44", "#ee6677"], strict=True))
left.plot([0, 1], [0, 1], "--", color="0.6", lw=1)
for proba, p in probabilities.items():
    share, promised = calibration_curve(truth, p, n_bins=8, strategy="quantile")
    left.plot(promised, share, "o-", color=colors[proba], lw=2, label=f'proba="{proba}"')
left.set(xlabel="predicted probability", ylabel="share with fast progression")
left.set(xlim=(0, 1), ylim=(0, 0.75), title="Reliability", aspect="equal")
left.legend(loc="upper left")

brier = {proba: brier_score_loss(truth, p) for proba, p in probabilities.items()}
constant = brier_score_loss(truth, np.full(len(truth), y.mean()))
bars = right.bar(list(brier), list(brier.values()), color=list(colors.values()))
right.bar_label(bars, fmt="%.3f")
right.axhline(constant, color="0.4", ls="--", lw=1)
right.text(0, constant, "constant forecast", ha="center", va="bottom", color="0.3")
right.set(ylabel="Brier score (lower is better)", title="Price of the distortion")

for name, predicted in {
    "predict": decisions,
    "posterior > 0.5": (probabilities["posterior"] > 0.5).astype(int),
}.items():
    slow, fast = recall_score(truth, predicted, average=None)
    print(f"{name:16} recall of slow {slow:.2f}, of fast {fast:.2f}")
balanced = balanced_accuracy_score(truth, decisions)
print(f"balanced accuracy of predict: {balanced:.2f}")
for proba, p in probabilities.items():
    print(f"{proba:9}  mean {p.mean():.3f}  Brier score {brier[proba]:.3f}")

plt.show()
