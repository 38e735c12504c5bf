"""Forward and backward of focal losses, as multiples of PyTorch's cross-entropy.

Other libraries take part where they are installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import _common as common
import torch
from torch.nn import functional as F

from focalsk import focal_loss, sigmoid_focal_loss

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# N samples and C classes: a detector's or a large batch, a segmentation map, a small table's batch.
SOFTMAX_SHAPES = [(4096, 10), (262_144, 2), (128, 2)]
SIGMOID_SHAPES = [(4096, 10)]
GAMMA = 2.0


def usual_sigmoid(input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    bce = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    return ((1 - torch.exp(-bce)) ** GAMMA * bce).mean()


def softmax_losses(n_classes: int) -> dict[str, Loss]:
    alpha = torch.linspace(0.5, 1.5, n_classes)
    return {
        "F.cross_entropy": F.cross_entropy,
        "focalsk": lambda x, t: focal_loss(x, t, GAMMA),
        "focalsk, alpha": lambda x, t: focal_loss(x, t, GAMMA, alpha),
        "the usual snippet": common.UsualFocalLoss(GAMMA),
        "the usual snippet, alpha": common.UsualFocalLoss(GAMMA, alpha.tolist()),
        **softmax_peers(),
    }


def sigmoid_losses() -> dict[str, Loss]:
    return {
        "F.binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
        "focalsk": lambda x, t: sigmoid_focal_loss(x, t, GAMMA),
        "focalsk, alpha": lambda x, t: sigmoid_focal_loss(x, t, GAMMA, 0.25),
        "the usual snippet": usual_sigmoid,
        **sigmoid_peers(),
    }


def softmax_peers() -> dict[str, Loss]:
    peers: dict[str, Loss] = {}
    if kornia := optional("kornia.losses"):
        peers["kornia"] = lambda x, t: kornia.focal_loss(x, t, None, GAMMA, "mean")
    if monai := optional("monai.losses"):
        monai_loss = monai.FocalLoss(gamma=GAMMA, use_softmax=True, to_onehot_y=True)
        peers["monai"] = lambda x, t: monai_loss(x, t[:, None])
    if smp := optional("segmentation_models_pytorch.losses"):
        peers["segmentation_models_pytorch"] = smp.FocalLoss("multiclass", gamma=GAMMA)
    return peers


def sigmoid_peers() -> dict[str, Loss]:
    peers: dict[str, Loss] = {}
    if torchvision := optional("torchvision.ops"):
        peers["torchvision"] = lambda x, t: torchvision.sigmoid_focal_loss(
            x, t, alpha=-1, gamma=GAMMA, reduction="mean"
        )
    if kornia := optional("kornia.losses"):
        peers["kornia"] = lambda x, t: kornia.binary_focal_loss_with_logits(
            x, t, None, GAMMA, "mean"
        )
    if monai := optional("monai.losses"):
        peers["monai"] = monai.FocalLoss(gamma=GAMMA)
    if smp := optional("segmentation_models_pytorch.losses"):
        peers["segmentation_models_pytorch"] = smp.FocalLoss("multilabel", gamma=GAMMA)
    return peers


def optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def report_peers() -> None:
    for name in ("kornia", "monai", "torchvision", "segmentation_models_pytorch"):
        if optional(name) is None:
            print(f"{name} is not installed: skipped")


def time_losses(
    losses: dict[str, Loss], shape: tuple[int, int], target: torch.Tensor, args: Any
) -> dict[str, Any]:
    """Time forward and backward of each loss; the first is what the others are compared with."""
    input = torch.randn(shape, generator=torch.Generator().manual_seed(1), requires_grad=True)

    def both_ways(loss: Loss) -> Callable[[], None]:
        def run() -> None:
            input.grad = None
            loss(input, target).backward()

        return run

    sides = {name: both_ways(loss) for name, loss in losses.items()}
    at_a_time = 0.02 if args.quick else 0.2
    calls = {name: common.calls_for(run, at_a_time) for name, run in sides.items()}
    timings, _ = common.interleave(sides, args.repeats, calls=calls)
    reference = next(iter(losses))
    title = f"forward + backward, N={shape[0]}, C={shape[1]}, against {reference}"
    common.print_ratios(title, timings, reference)
    return {"n": shape[0], "c": shape[1], "sides": common.as_json(timings)}


def main() -> None:
    args = common.argument_parser(__doc__, repeats=15).parse_args()
    report_peers()
    generator = torch.Generator().manual_seed(0)
    results = []
    for n, c in SOFTMAX_SHAPES:
        target = torch.randint(c, (n,), generator=generator)
        results.append({"loss": "softmax"} | time_losses(softmax_losses(c), (n, c), target, args))
    for n, c in SIGMOID_SHAPES:
        target = torch.randint(2, (n, c), generator=generator).float()
        results.append({"loss": "sigmoid"} | time_losses(sigmoid_losses(), (n, c), target, args))
    common.write_json("loss", args.quick, {"gamma": GAMMA, "cases": results})


if __name__ == "__main__":
    main()
