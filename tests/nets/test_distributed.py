"""Several processes train what one trains with the batches of all."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.utils.data import Subset

from focalsk.nets._batches import ArrayDataset, Batches

SCRIPT = Path(__file__).parents[2] / "examples" / "several_processes.py"


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("n_processes", [2, 3])
@pytest.mark.parametrize("n_samples", [60, 61, 62, 64])
@pytest.mark.parametrize("some", [False, True])
def test_processes_share_every_batch(n_samples, n_processes, shuffle, some):
    data = ArrayDataset(np.arange(n_samples + 5.0)[:, None], np.arange(n_samples + 5))
    data = Subset(data, range(5, n_samples + 5) if some else range(n_samples))
    params = {"shuffle": shuffle, "seed": 0}
    shares = [
        [y for _, y in Batches(data, 4, process=(rank, n_processes), **params)]
        for rank in range(n_processes)
    ]
    for share in shares:
        assert len(share) == len(Batches(data, 4, process=(0, n_processes)))
        assert [len(y) for y in share] == [len(y) for y in shares[0]]
    together = [torch.cat(parts) for parts in zip(*shares, strict=True)]
    alone = [y for _, y in Batches(data, 4 * n_processes, **params)]
    left_out = n_samples % n_processes
    *full, last = alone
    if left_out:
        last = last[:-left_out]
    for ours, theirs in zip(together, [*full, *([last] if len(last) else [])], strict=True):
        assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one():
    # What torchrun runs. The last of 15 batches is a small one.
    names = runpy.run_path(str(SCRIPT))
    X, y = names["load_data"]()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run = subprocess.run(
        [*command, "--nproc_per_node", "2", SCRIPT], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("2 processes")
    losses = [float(loss) for loss in run.stdout.splitlines()[-1].split()]
    alone = names["make_net"](1).fit(X, y)
    assert len(losses) == 5
    assert_allclose(losses, alone.history[:, "train_loss"], rtol=1e-6)
