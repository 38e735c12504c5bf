"""
Data beyond memory
==================

A Parquet file may be larger than memory. It is read a few hundred rows at a time, and
``partial_fit`` trains on them: what is in memory is these rows, the network, and the optimizer's
state, which lives on from call to call.

The data here are handwritten digits, and the question is whether one is an 8: few enough to be
trained on all at once as well, and to see that nothing is lost.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.metrics import PrecisionRecallDisplay, average_precision_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from focalsk import FocalNetClassifier

try:
    import pyarrow.parquet as pq
except ImportError:
    raise SystemExit("This example needs pyarrow: pip install pyarrow") from None

# %%
# A file
# ------
# Rows that lie together are trained on together, so they should be in no order: a file that is
# sorted by class or by time wants to be shuffled when it is written.

X, y = load_digits(return_X_y=True, as_frame=True)
X, X_test, y, y_test = train_test_split(X, y == 8, test_size=0.4, stratify=y, random_state=0)
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits.parquet"
X.assign(eight=y).to_parquet(path, row_group_size=100)
print(
    f"{len(X)} rows, {y.mean():.2f} of them an 8, in {pq.read_metadata(path).num_row_groups} groups"
)


# %%
# Reading it in pieces
# --------------------
# pyarrow reads row groups as they are needed. A generator turns them into samples and targets.


def read(path, batch_size=200):
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size):
            frame = batch.to_pandas()
            yield frame.drop(columns="eight"), frame["eight"]


# %%
# The first pass is the scaler's, and those after it are the network's: one call of ``partial_fit``
# is one pass over the rows it is given. With ``alpha="balanced"``, the class weights are those of
# all rows seen so far.

EPOCHS = 20
scaler = StandardScaler()
for rows, _ in read(path):
    scaler.partial_fit(rows)

params = {"alpha": "balanced", "batch_size": 32, "random_state": 0}
in_pieces = FocalNetClassifier(**params)
for epoch in range(EPOCHS):
    losses = []
    for rows, eight in read(path):
        in_pieces.partial_fit(scaler.transform(rows), eight, classes=[False, True])
        losses.append(in_pieces.loss_curve_[-1])
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:2}  loss {np.mean(losses):.4f}")

# %%
# All at once
# -----------
# The same with everything in memory. The order of the samples differs, and with it the weights, but
# not what they are worth.

at_once = FocalNetClassifier(max_epochs=EPOCHS, **params)
at_once.fit(scaler.transform(pd.read_parquet(path).drop(columns="eight")), y)

figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
scores = {}
for name, clf, color in [("in pieces", in_pieces, "#ee6677"), ("at once", at_once, "#4477aa")]:
    p = clf.predict_proba(scaler.transform(X_test))[:, 1]
    scores[name] = average_precision_score(y_test, p)
    print(f"{name:9}  average precision {scores[name]:.3f}")
    PrecisionRecallDisplay.from_predictions(
        y_test, p, name=name, curve_kwargs={"color": color, "lw": 2}, ax=ax
    )
ax.set(title="Is it an 8? Training in pieces and at once", xlim=(0.5, 1.01), ylim=(0, 1.02))
ax.set_aspect("auto")
folder.cleanup()

plt.show()
