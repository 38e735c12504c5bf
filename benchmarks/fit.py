"""One fit and one prediction: focalsk, skorch, plain PyTorch and scikit-learn's MLPClassifier."""

from __future__ import annotations

from typing import Any

import _common as common
import numpy as np
import torch
from sklearn.neural_network import MLPClassifier

from focalsk import FocalNetClassifier
from focalsk.nets import FocalMLP


def plain_loop(X: np.ndarray, y: np.ndarray, epochs: int) -> torch.nn.Module:
    """What an expert writes: tensors in place of a DataLoader, Adam in one fused call."""
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    module = FocalMLP(common.N_FEATURES, common.N_CLASSES)
    criterion = common.UsualFocalLoss()
    optimizer = torch.optim.Adam(module.parameters(), lr=common.LR, fused=True)
    for _ in range(epochs):
        for index in torch.randperm(len(inputs)).split(common.BATCH):
            optimizer.zero_grad(set_to_none=True)
            criterion(module(inputs[index]), targets[index]).backward()
            optimizer.step()
    return module


def time_fits(n_samples: int, epochs: int, repeats: int) -> dict[str, Any]:
    X, y = common.make_data(n_samples)
    skorch = {"max_epochs": epochs}
    mlp = {"max_iter": epochs, "n_iter_no_change": epochs + 1}
    sides = {
        "FocalNetClassifier": lambda: common.focalsk_classifier(max_epochs=epochs).fit(X, y),
        "skorch, usual snippet": lambda: (
            common.skorch_classifier(common.UsualFocalLoss).set_params(**skorch).fit(X, y)
        ),
        "PyTorch loop, fused Adam": lambda: plain_loop(X, y, epochs),
        "MLPClassifier": lambda: common.mlp_classifier().set_params(**mlp).fit(X, y),
    }
    timings, _ = common.interleave(sides, repeats, warm_up=n_samples <= 10_000)
    title = f"fit, n={n_samples}, MLP 10-10, batch {common.BATCH}, epochs: {epochs}"
    common.print_ratios(title, timings, "FocalNetClassifier")
    return {"n_samples": n_samples, "epochs": epochs, "sides": common.as_json(timings)}


def time_default_fits(n_samples: int, repeats: int) -> dict[str, Any]:
    """Fits of few samples as most users start: with every parameter at its default."""
    X, y = common.make_data(n_samples)
    sides = {
        "FocalNetClassifier": lambda: FocalNetClassifier(device="cpu", random_state=0).fit(X, y),
        "MLPClassifier": lambda: MLPClassifier(random_state=0).fit(X, y),
    }
    timings, _ = common.interleave(sides, repeats)
    common.print_ratios(f"fit, n={n_samples}, all defaults", timings, "FocalNetClassifier")
    return {"n_samples": n_samples, "epochs": "default", "sides": common.as_json(timings)}


def time_predictions(n_samples: int, args: Any) -> dict[str, Any]:
    X, y = common.make_data()
    focal = common.focalsk_classifier().fit(X, y)
    cross_entropy: FocalNetClassifier = common.focalsk_classifier(gamma=0).fit(X, y)
    mlp = common.mlp_classifier().fit(X, y)
    X_new = np.random.default_rng(0).normal(size=(n_samples, X.shape[1])).astype(np.float32)
    sides = {
        "FocalNetClassifier": lambda: focal.predict_proba(X_new),
        "FocalNetClassifier, gamma=0": lambda: cross_entropy.predict_proba(X_new),
        "MLPClassifier": lambda: mlp.predict_proba(X_new),
    }
    at_a_time = 0.02 if args.quick else 0.2
    calls = {name: common.calls_for(run, at_a_time) for name, run in sides.items()}
    timings, _ = common.interleave(sides, args.repeats, calls=calls)
    title = f"predict_proba, {n_samples} x {X.shape[1]}"
    common.print_ratios(title, timings, "FocalNetClassifier")
    return {"n_samples": n_samples, "sides": common.as_json(timings)}


def main() -> None:
    args = common.argument_parser(__doc__, repeats=7).parse_args()
    if args.quick:
        args.repeats = min(args.repeats, 3)
    cases = [time_fits(n, common.EPOCHS, args.repeats) for n in (10_000, 300)]
    cases.append(time_default_fits(300, args.repeats))
    if not args.quick:
        cases.append(time_fits(1_000_000, 1, min(args.repeats, 3)))
    common.write_json("fit", args.quick, {"cases": cases})
    cases = [time_predictions(n, args) for n in (1_000_000, 1)]
    common.write_json("predict_proba", args.quick, {"cases": cases})


if __name__ == "__main__":
    main()
