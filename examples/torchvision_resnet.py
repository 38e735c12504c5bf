"""
A ResNet of torchvision's
=========================

Any network of torchvision's goes into ``module=``: a function that takes ``n_outputs``, builds the
network and puts a new last layer on it. Fine-tuning freezes what comes first and trains the rest
with class weights.

**The weights are random here**, so that the example needs no network: what it shows is how it is
done, and nothing about accuracy. With ``weights="DEFAULT"`` torchvision downloads those trained on
ImageNet, and only then is freezing of any use.

    pip install torchvision    # the version that goes with your torch
    python examples/torchvision_resnet.py
"""

import sys

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from torch import nn

from focalsk import FocalNetClassifier

try:
    from torchvision.models import resnet34
except (ImportError, RuntimeError) as error:  # RuntimeError: it was built for another torch
    sys.exit(f"This needs a torchvision that goes with your torch: {error}")


def make_resnet(n_features, n_outputs, weights=None, trained=("layer4", "fc")):
    """A ResNet34 that learns in the named parts; ``n_features`` is the number of channels, 3."""
    net = resnet34(weights=weights)
    net.fc = nn.Linear(net.fc.in_features, n_outputs)
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith(trained)
    return net


def squares_and_crosses(n=120, rare=0.2, seed=0):
    """Pictures (n, 3, 32, 32) of a square, or, rarely, of a cross."""
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 0.2, (n, 3, 32, 32)).astype(np.float32)
    y = (np.arange(n) < rare * n).astype(int)
    for image, is_cross in zip(X, y, strict=True):
        row, column = rng.integers(2, 14, 2)
        if is_cross:
            image[:, row + 7 : row + 9, column : column + 16] += 1
            image[:, row : row + 16, column + 7 : column + 9] += 1
        else:
            image[:, row : row + 16, column : column + 16] += 0.5
    return X, y


def main(epochs=8):
    X, y = squares_and_crosses()
    X_test, y_test = squares_and_crosses(n=300, seed=1)
    classifier = FocalNetClassifier(
        module=make_resnet,
        gamma=2,
        alpha="balanced",
        lr=3e-4,
        max_epochs=epochs,
        batch_size=16,  # BatchNorm learns what is usual over some 60 batches
        random_state=0,
    ).fit(X, y)
    parameters = list(classifier.net_.module_.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    total = sum(p.numel() for p in parameters)
    print(f"ResNet34 with random weights: {trained:,} of {total:,} parameters trained")
    print("loss by epoch:", *(f"{loss:.3f}" for loss in classifier.loss_curve_))
    score = balanced_accuracy_score(y_test, classifier.predict(X_test))
    print(f"balanced accuracy on other pictures: {score:.2f}")
    return classifier, score


if __name__ == "__main__":
    main()
