"""Stacks cut into stacks that fit the memory and keep all processes busy."""

from __future__ import annotations

import math
import os

import numpy as np

from focalsk.estimators import Task

__all__ = ["chunk_streams", "free_memory", "net_bytes"]


def chunk_streams(
    streams: list[list[Task]], memory_budget: int, n_jobs: int, n_stacks: int = 1
) -> list[list[list[Task]]]:
    """Cut a stack, one of `n_stacks`, into stacks that fit the memory and keep all jobs busy.

    Half a stack takes more than half the time. It is cut into no more parts than all stacks need
    to be shared out evenly: two stacks for two jobs are left whole.
    """
    n_parts = n_jobs // math.gcd(n_jobs, n_stacks)
    budget = memory_budget // n_jobs
    n_streams, n_nets = len(streams), len(streams[0])
    per_net = net_bytes(streams[0][0])
    at_once = max(1, min(budget // per_net, -(-n_streams * n_nets // n_parts)))
    nets_at_once = max(1, at_once // n_streams)
    streams_at_once = min(n_streams, at_once)
    return [
        [stream[k : k + nets_at_once] for stream in streams[s : s + streams_at_once]]
        for s in range(0, n_streams, streams_at_once)
        for k in range(0, n_nets, nets_at_once)
    ]


def net_bytes(task: Task) -> int:
    """Memory that a net takes in training: its weights four times, and what it computes."""
    module = task.make_module()
    weights = [p.shape for p in module.parameters()]
    batch = max(task.estimator.batch_size, 1)
    batch = min(batch if task.estimator.batch_size > 0 else 2**62, len(task.train.codes))
    units = sum(shape[0] for shape in weights)
    inputs = 0 if task.estimator.module is None else int(np.prod(task.train.X.shape[1:]))
    values = 4 * sum(int(np.prod(shape)) for shape in weights) + 8 * batch * (units + inputs)
    return 8 * values


def free_memory() -> int:
    """Bytes of main memory that nothing uses."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return 4 * 2**30
