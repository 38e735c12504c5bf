"""Forward and backward of focal losses, as multiples of PyTorch's cross-entropy.

Other libraries take part where they are installed; on a GPU, the yardstick is copying the logits.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import statistics
from collections.abc import Callable
from typing import Any

import _common as common
import torch
from torch.nn import functional as F

from focalsk import FocalLoss, focal_loss, sigmoid_focal_loss

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# N samples and C classes: a detector's or a large batch, a segmentation map, small tables' batches.
SOFTMAX_SHAPES = [(4096, 10), (262_144, 2), (128, 2), (128, 3)]
SIGMOID_SHAPES = [(4096, 10)]
CUDA_SHAPES = [(2**20, c) for c in (2, 8, 32, 128, 1024)]
GAMMA = 2.0
# What is imported: the name of the package.
PEERS = {
    "kornia.losses": "kornia",
    "monai.losses": "monai",
    "torchvision.ops": "torchvision",
    "segmentation_models_pytorch.losses": "segmentation_models_pytorch",
    "imbalanced_losses": "imbalanced-losses",
}


def usual_sigmoid(input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    bce = F.binary_cross_entropy_with_logits(input, target, reduction="none")
    return ((1 - torch.exp(-bce)) ** GAMMA * bce).mean()


def softmax_losses(n_samples: int, n_classes: int) -> dict[str, Loss]:
    alpha = torch.linspace(0.5, 1.5, n_classes)
    weight = torch.linspace(0.5, 1.5, n_samples)
    module = FocalLoss(GAMMA, alpha)
    return {
        "F.cross_entropy": F.cross_entropy,
        "focalsk": lambda x, t: focal_loss(x, t, GAMMA),
        "focalsk, alpha": lambda x, t: focal_loss(x, t, GAMMA, alpha),
        "focalsk, alpha and sample weights": lambda x, t: module(
            x, t, weight=weight, avg_factor=n_samples
        ),
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
    if imbalanced := optional("imbalanced_losses"):
        peers["imbalanced-losses"] = imbalanced.SoftmaxFocalLoss(gamma=GAMMA)
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
    if imbalanced := optional("imbalanced_losses"):
        peers["imbalanced-losses"] = imbalanced.SigmoidFocalLoss(alpha=-1, gamma=GAMMA)
    return peers


def optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError):  # RuntimeError: a torchvision of another PyTorch
        return None


def versions_of_peers() -> dict[str, str | None]:
    """The versions of those that take part; says which do not."""
    versions: dict[str, str | None] = {}
    for module, package in PEERS.items():
        there = optional(module) is not None
        versions[package] = importlib.metadata.version(package) if there else None
        if not there:
            print(f"{package} cannot be imported: skipped")
    return versions


def both_ways(loss: Loss, input: torch.Tensor, target: torch.Tensor) -> Callable[[], None]:
    def run() -> None:
        input.grad = None
        loss(input, target).backward()

    return run


def time_losses(
    losses: dict[str, Loss], shape: tuple[int, int], target: torch.Tensor, args: Any
) -> dict[str, Any]:
    """Time forward and backward of each loss; the first is what the others are compared with."""
    input = torch.randn(shape, generator=torch.Generator().manual_seed(1), requires_grad=True)

    sides = {name: both_ways(loss, input, target) for name, loss in losses.items()}
    at_a_time = 0.02 if args.quick else 0.2
    calls = {name: common.calls_for(run, at_a_time) for name, run in sides.items()}
    timings, _ = common.interleave(sides, args.repeats, calls=calls)
    reference = next(iter(losses))
    title = f"forward + backward, N={shape[0]}, C={shape[1]}, against {reference}"
    common.print_ratios(title, timings, reference)
    return {"n": shape[0], "c": shape[1], "sides": common.as_json(timings)}


def run_cpu(args: Any) -> None:
    versions = versions_of_peers()
    generator = torch.Generator().manual_seed(0)
    results = []
    for n, c in SOFTMAX_SHAPES:
        target = torch.randint(c, (n,), generator=generator)
        timed = time_losses(softmax_losses(n, c), (n, c), target, args)
        results.append({"loss": "softmax"} | timed)
    for n, c in SIGMOID_SHAPES:
        target = torch.randint(2, (n, c), generator=generator).float()
        results.append({"loss": "sigmoid"} | time_losses(sigmoid_losses(), (n, c), target, args))
    common.write_json("loss", args.quick, {"gamma": GAMMA, "peers": versions, "cases": results})


def run_cuda(args: Any) -> None:
    """Bytes per second of losses on a GPU, against copying the logits there.

    Counted is what a single kernel each way would have to move: the logits in and their gradient
    out, as much as a copy of the logits.
    """
    sides: dict[str, Loss] = {
        "F.cross_entropy": F.cross_entropy,
        "focalsk": lambda x, t: focal_loss(x, t, GAMMA),
        "the usual snippet": common.UsualFocalLoss(GAMMA),
    }
    compiled = {f"{name}, compiled": torch.compile(loss) for name, loss in sides.items()}
    results, rows = [], []
    for n, c in CUDA_SHAPES:
        input = torch.randn(n, c, device="cuda", requires_grad=True)
        target = torch.randint(c, (n,), device="cuda")
        moved = 2 * input.numel() * input.element_size()
        runs = {"copy": input.detach().clone}
        runs |= {k: both_ways(f, input, target) for k, f in (sides | compiled).items()}
        seconds = {name: cuda_seconds(run, args.repeats) for name, run in runs.items()}
        rates = {name: moved / s for name, s in seconds.items()}
        rows += [
            (
                f"C={c}, {k}",
                common.seconds(seconds[k]),
                f"{v / 1e9:.0f}",
                f"{v / rates['copy']:.2f}",
            )
            for k, v in rates.items()
        ]
        results.append({"n": n, "c": c, "seconds": seconds, "bytes_per_s": rates})
    title = f"forward + backward on {torch.cuda.get_device_name()}, N=2**20"
    common.print_table(title, ("", "time", "GB/s", "of a copy's"), rows)
    common.write_json("loss_cuda", args.quick, {"gamma": GAMMA, "cases": results}, "cuda")


def cuda_seconds(run: Callable[[], Any], repeats: int) -> float:
    """Median of the repeats, timed on the device."""
    times = []
    for i in range(repeats + 3):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        if i >= 3:  # the first ones compile, and fill the caches
            times.append(start.elapsed_time(end) / 1e3)
    return statistics.median(times)


def main() -> None:
    args = common.argument_parser(__doc__, repeats=15).parse_args()
    run_cpu(args)
    if torch.cuda.is_available():
        run_cuda(args)
    else:
        print("\nno CUDA device")


if __name__ == "__main__":
    main()
