"""
What gamma does to a sample
===========================

Cross-entropy never lets go of a sample: even one that is classified with 95 % certainty still pulls
at the weights, and thousands of such samples drown the few that are wrong. Focal loss multiplies
each sample's loss by ``(1 - p) ** gamma``, where ``p`` is the probability of its true class.

Here is what that does to the loss and to its gradient, the force with which a sample pulls.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from focalsk import focal_loss

# %%
# Both depend on a single number, the *margin*: how far the logit of the true class lies above the
# others. At margin 0 two classes are even, at negative margins the sample is misclassified.
# With two classes and the logits ``(margin, 0)``, class 0 being the true one:

GAMMAS = [0, 0.5, 1, 2, 5]
margin = torch.linspace(-5, 5, 401, dtype=torch.float64, requires_grad=True)
logits = torch.stack([margin, torch.zeros_like(margin)], dim=1)
target = torch.zeros(len(margin), dtype=torch.int64)

losses, pulls = {}, {}
for gamma in GAMMAS:
    loss = focal_loss(logits, target, gamma, reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), margin, retain_graph=True)
    losses[gamma], pulls[gamma] = loss.detach().numpy(), -gradient.numpy()

# %%
# The third panel shows the pull as a share of what it would be under cross-entropy, over the
# probability. Under ``gamma=2`` an easy sample (0.95) nearly vanishes, while a hard one (0.28)
# keeps its pull and very hard ones even gain: to raise ``p`` then lowers the factor as well.

x, p = margin.detach().numpy(), torch.sigmoid(margin.detach()).numpy()
colors = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(GAMMAS)))
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
for gamma, color in zip(GAMMAS, colors, strict=True):
    label = "0 (cross-entropy)" if gamma == 0 else f"{gamma:g}"
    left.plot(x, losses[gamma], color=color, lw=2, label=label)
    middle.plot(x, pulls[gamma], color=color, lw=2)
    right.plot(p, pulls[gamma] / pulls[0], color=color, lw=2)
left.set(xlabel="margin", ylabel="loss", title="Loss")
left.legend(title="gamma")
middle.set(xlabel="margin", ylabel="pull on the logit", title="Gradient")
right.set(xlabel="probability of the true class", ylabel="relative to cross-entropy")
right.set_title("What a sample still counts for")
for axes in (left, middle):
    axes.axvline(0, color="0.8", lw=1, zorder=0)
for probability, name in [(0.95, "easy"), (0.65, "fair"), (0.28, "hard")]:
    right.axvline(probability, color="0.8", lw=1, zorder=0)
    right.text(probability, 1.9, name, ha="center", bbox={"color": "white", "pad": 1})
right.set_ylim(0, 2)

# %%
# In numbers, for ``gamma=2``:

print("p      factor (1 - p)^2   pull / cross-entropy's")
shares = {}
for probability in (0.95, 0.65, 0.28):
    shares[probability] = np.interp(probability, p, pulls[2] / pulls[0])
    print(f"{probability:.2f}   {(1 - probability) ** 2:16.4f}   {shares[probability]:.3f}")

plt.show()
