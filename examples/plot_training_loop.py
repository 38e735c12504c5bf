"""
Three ways to run the same training
===================================

:class:`~focalsk.FocalLoss` fits into any PyTorch loop, :class:`~focalsk.FocalNet` is that loop with
skorch's features, and :class:`~focalsk.FocalNetClassifier` is a scikit-learn estimator. Here all
three train a linear layer on 1000 samples with ten features, in batches of 32, for five epochs.
"""

import copy

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from focalsk import FocalLoss, FocalNet, FocalNetClassifier

# %%
# A dataset of one's own
# ----------------------
# Anything with ``__len__`` and ``__getitem__``. About one sample in ten is positive.


class Samples(Dataset):
    def __init__(self, n_samples=1000, n_features=10, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.X = torch.randn(n_samples, n_features, generator=generator)
        score = self.X[:, :3].sum(dim=1) + torch.randn(n_samples, generator=generator)
        self.y = (score > 2.6).long()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


samples = Samples()
print(f"{len(samples)} samples, {samples.y.float().mean():.1%} positive")

# %%
# 1. The plain loop
# -----------------
# ``FocalLoss`` stands where ``nn.CrossEntropyLoss`` would. A class weight per class, in ``alpha``,
# is optional; its mean is then a weighted mean, as in PyTorch.

torch.manual_seed(0)
start = nn.Linear(10, 2)
model = copy.deepcopy(start)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = FocalLoss(gamma=2)
plain = []
for epoch in range(5):
    total = 0.0
    for inputs, targets in DataLoader(samples, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(targets)
    plain.append(total / len(samples))
    print(f"epoch {epoch + 1}  loss {plain[-1]:.4f}")

# %%
# 2. The same with FocalNet
# -------------------------
# It takes the dataset as it is, and prints the epochs. The module may be a class or, as here, an
# instance. ``predict_proba`` returns probabilities, not logits.

net = FocalNet(
    copy.deepcopy(start),
    criterion__gamma=2.0,
    lr=0.01,
    max_epochs=5,
    batch_size=32,
    random_state=0,
).fit(samples)
print(net.predict_proba(samples.X[:3]))

# %%
# 3. The estimator
# ----------------
# With arrays instead of a dataset. It trains a copy of the module, so that every ``fit`` starts
# alike. Without ``module`` it builds a network by itself, with ``hidden_layer_sizes=()`` a linear
# one.

classifier = FocalNetClassifier(
    module=start, gamma=2, lr=0.01, max_epochs=5, batch_size=32, random_state=0
).fit(samples.X.numpy(), samples.y.numpy())

# %%
# One start, three times the same training: only the random order of the batches differs.

curves = {
    "plain PyTorch": plain,
    "FocalNet": net.history[:, "train_loss"],
    "FocalNetClassifier": classifier.loss_curve_,
}
layers = [model, net.module_, classifier.net_.module_]
weights = {
    name: (layer.weight[1] - layer.weight[0]).detach().numpy()
    for name, layer in zip(curves, layers, strict=True)
}
colors = ["#4477aa", "#ee6677", "#228833"]
figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
for (name, losses), color, marker in zip(curves.items(), colors, "os^", strict=True):
    left.plot(np.arange(1, 6), losses, marker=marker, color=color, label=name)
for k, (name, weight) in enumerate(weights.items()):
    right.bar(np.arange(10) + 0.27 * (k - 1), weight, 0.26, color=colors[k], label=name)
left.set(xlabel="epoch", ylabel="mean focal loss", title="Training", xticks=range(1, 6))
left.set_ylim(bottom=0)
left.legend()
right.axhline(0, color="k", lw=0.8)
right.set(xlabel="feature", title="Weights after five epochs", xticks=range(10))

plt.show()
