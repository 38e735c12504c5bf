"""
Several processes on one fit
============================

``torchrun --nproc_per_node 2 examples/several_processes.py`` starts two processes that train one
network: each takes half of every batch, and they average their gradients. On one machine with GPUs
or on several, that is how a fit becomes faster; here it runs on the CPU, to show that the result
stays what it was. (Without torchrun, ``python examples/several_processes.py`` is one process.)

Wrapping the module in torch's ``DistributedDataParallel`` is all there is to do: ``FocalNet`` then
gives each process its share of the samples. ``batch_size`` is that of a process, so two processes
with 64 do the steps of one with 128, sample by sample.
"""

import os

import torch
from sklearn.datasets import load_digits
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from focalsk import FocalNet
from focalsk.nets import FocalMLP

BATCH_SIZE = 128  # of all processes together


class DistributedFocalNet(FocalNet):
    """A FocalNet trained by all processes of torch.distributed's default group."""

    def initialize_module(self):
        super().initialize_module()
        if distributed.is_initialized():
            self.module_ = DistributedDataParallel(self.module_)
        return self


def load_data():
    """Handwritten digits, in an even number: is it an 8?"""
    X, y = load_digits(return_X_y=True)
    return X[:1796] / 16, (y[:1796] == 8).astype("int64")


def make_net(n_processes):
    return DistributedFocalNet(
        FocalMLP,
        module__n_features=64,
        module__n_outputs=2,
        criterion__gamma=2.0,
        criterion__alpha=[0.2, 1.8],
        dtype=torch.float64,
        max_epochs=5,
        batch_size=BATCH_SIZE // n_processes,
        random_state=0,
        verbose=0,
    )


def main():
    n_processes = int(os.environ.get("WORLD_SIZE", 1))  # torchrun says how many
    if n_processes > 1:
        torch.set_num_threads(1)
        distributed.init_process_group("gloo")  # "nccl" between GPUs
    X, y = load_data()
    net = make_net(n_processes).fit(X, y)
    if n_processes == 1 or distributed.get_rank() == 0:
        accuracy = (net.predict(X) == y).mean()
        print(f"{n_processes} processes, accuracy {accuracy:.3f}, loss of each epoch:")
        print(*(f"{loss:.10f}" for loss in net.history[:, "train_loss"]), flush=True)
    if n_processes > 1:
        distributed.destroy_process_group()


if __name__ == "__main__":
    main()
