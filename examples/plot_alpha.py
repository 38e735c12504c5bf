"""
Weights from label frequencies
==============================

``gamma`` sorts samples into easy and hard ones; ``alpha`` weighs the classes. There are several
customs for deriving it from how often each class occurs, and they differ less than it seems.
"""

import matplotlib.pyplot as plt
import numpy as np

from focalsk import compute_alpha

SCHEMES = ["inverse", "geometric", "balanced", "sqrt", "effective"]
COLORS = dict(zip(SCHEMES, ["#4477aa", "#66ccee", "#228833", "#ee6677", "#aa3377"], strict=True))
MARKERS = dict(zip(SCHEMES, "osD^v", strict=True))

# %%
# Two classes, 84 % and 16 %
# --------------------------
# ``'inverse'`` frequencies are scaled to sum to one. ``'geometric'`` scales the same two numbers to
# a geometric mean of one, ``'balanced'`` such that the average *sample* has the weight one, as
# scikit-learn's ``class_weight='balanced'``. The ratio of the two weights is 5.25 in all three.
# ``'sqrt'`` is the gentle choice, with a ratio of 2.3.

y = np.repeat(["common", "rare"], [84, 16])
pairs = {scheme: compute_alpha(scheme, y) for scheme in SCHEMES[:4]}
for scheme, (common, rare) in pairs.items():
    mean = 0.84 * common + 0.16 * rare
    print(f"{scheme:10} {common:.3f} {rare:.3f}   ratio {rare / common:.2f}   mean {mean:.2f}")

# %%
# Many classes, one of them unseen
# --------------------------------
# A class may be known and yet have no sample, say in one fold of a cross-validation. Name all
# classes, and the absent one gets weight 0 where dividing by its frequency would give infinity.

counts = {"cat": 1000, "dog": 300, "fox": 100, "owl": 30, "elk": 10, "yak": 0}
y = np.repeat(list(counts), list(counts.values()))
weights = {scheme: compute_alpha(scheme, y, classes=list(counts), beta=0.99) for scheme in SCHEMES}

# %%
# On a logarithmic scale, the first three are parallel lines: the same weights up to a factor, which
# acts like another learning rate (and hardly at all with Adam, which undoes it). A different
# *shape* is what ``'sqrt'`` has, with half the slope, and ``'effective'``, which levels off where
# one sample more would add little.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.2), layout="constrained", width_ratios=[2, 3]
)
for position, (scheme, pair) in enumerate(pairs.items()):
    for offset, value, hatch in zip((-0.2, 0.2), pair, ("", "//"), strict=True):
        left.bar(
            position + offset, value, 0.38, color=COLORS[scheme], hatch=hatch, edgecolor="white"
        )
        left.text(position + offset, value + 0.04, f"{value:.2f}", ha="center")
left.bar(0, 0, color="0.6", label="common, 84 %")
left.bar(0, 0, color="0.6", hatch="//", edgecolor="white", label="rare, 16 %")
left.legend(loc="upper left")
left.set_xticks(range(len(pairs)), pairs)
left.set(ylabel="weight", title="Two classes", ylim=(0, 3.6))

names = list(counts)
for scheme, weight in weights.items():
    right.plot(names[:-1], weight[:-1], marker=MARKERS[scheme], color=COLORS[scheme], label=scheme)
right.axhline(1, color="0.8", lw=1, zorder=0)
right.plot("yak", 1.5e-3, "v", color="0.3")
right.text(5, 2.2e-3, "no sample,\nweight 0", ha="center", va="bottom")
right.set_xlim(-0.5, 5.7)
right.set_xticks(range(len(names)), [f"{name}\n{n}" for name, n in counts.items()])
right.set(yscale="log", ylim=(1e-3, 50), title="Six classes")
right.legend(ncols=2)

plt.show()
