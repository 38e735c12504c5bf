"""
Sequences of unequal length
===========================

Sequences in a batch are padded to one length, and the padding must not count. With 0 as the class
of the padding, ``ignore_index=0`` drops those positions from the loss, from its gradient, and from
the number that the mean divides by.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from focalsk import FocalLoss, focal_loss

# %%
# A machine is idle (1) or running (2), and rarely something is stuck (3). Every state has its level
# in a noisy signal. 200 recordings, 10 to 40 steps long, are padded with zeros.

PADDING, IDLE, RUNNING, STUCK = range(4)
LEVELS = torch.tensor([0.0, -1.0, 1.0, 0.0])


def record(n, seed):
    rng = np.random.default_rng(seed)
    states = torch.full((n, 40), PADDING)
    for row in states:
        length = rng.integers(10, 41)
        start = 0
        while start < length:
            stop = min(start + rng.integers(3, 9), length)
            row[start:stop] = int(rng.choice([IDLE, RUNNING, STUCK], p=[0.45, 0.5, 0.05]))
            start = stop
    noise = torch.from_numpy(rng.normal(0, 0.7, states.shape)).float()
    return (LEVELS[states] + noise).unsqueeze(1) * (states != PADDING).unsqueeze(1), states


signal, states = record(200, seed=0)
signal_test, states_test = record(200, seed=1)
print("steps of each state:", dict(enumerate(torch.bincount(states.flatten()).tolist())))

# %%
# A small convolutional tagger returns logits of shape (sequences, classes, steps), the targets have
# shape (sequences, steps), as in ``nn.CrossEntropyLoss``. The class weight of the padding is
# without effect.

torch.manual_seed(0)
tagger = nn.Sequential(
    nn.Conv1d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv1d(12, 12, 5, padding=2), nn.ReLU(),
    nn.Conv1d(12, 4, 1),
)  # fmt: skip
criterion = FocalLoss(gamma=2, alpha=[1, 1, 1, 5], ignore_index=PADDING)
optimizer = torch.optim.Adam(tagger.parameters(), lr=0.01)
for _ in range(60):
    for batch in torch.randperm(len(signal)).split(50):
        optimizer.zero_grad()
        loss = criterion(tagger(signal[batch]), states[batch])
        loss.backward()
        optimizer.step()
print(f"last loss: {loss.item():.4f}")

# %%
# The padding has no loss at all, so nothing pulls the net towards it.

with torch.no_grad():
    logits = tagger(signal_test)
losses = focal_loss(logits, states_test, gamma=2, ignore_index=PADDING, reduction="none")
real = states_test != PADDING
predicted = torch.where(real, logits.argmax(dim=1), PADDING)
recall = {
    name: (predicted == state)[states_test == state].float().mean().item()
    for name, state in [("idle", IDLE), ("running", RUNNING), ("stuck", STUCK)]
}
print({name: round(value, 2) for name, value in recall.items()})

shown = real.sum(dim=1).argsort(descending=True).numpy()[::10]
colors = plt.matplotlib.colors.ListedColormap(["white", "#aaccee", "#4477aa", "#ee6677"])
figure, axes = plt.subplots(3, 1, figsize=(9, 7), layout="constrained", sharex=True)
for ax, values, title in zip(
    axes[:2],
    (states_test.numpy(), predicted.numpy()),
    ("True states", "Predicted states"),
    strict=True,
):
    image = ax.imshow(values[shown], cmap=colors, vmin=-0.5, vmax=3.5, aspect="auto")
    ax.set(title=title, ylabel="recording", yticks=[])
bar = figure.colorbar(image, ax=axes[:2], ticks=range(4))
bar.ax.set_yticklabels(["padding", "idle", "running", "stuck"])
image = axes[2].imshow(np.where(real, losses, np.nan)[shown], cmap="magma_r", aspect="auto")
axes[2].set(title="Focal loss of every step", xlabel="step", ylabel="recording", yticks=[])
figure.colorbar(image, ax=axes[2])

plt.show()
