"""How nets train: modules, batches, one training step, and a stack of nets as one net.

What is in the room, from the bottom up:

- ``_csr``, ``_batches``: arrays and sparse matrices as minibatches of tensors; what a seed decides.
- ``_mlp``: the default network.
- ``_stacked_modules``, ``_stacked_loss``: many nets as one, with a leading model axis.
- ``_manual_step``, ``_adam``: a training step without autograd's tape, of one net or of many.
- ``_best_epoch``: early stopping, of one net or of many side by side.
- ``_checkpoint``: the last epochs of a training in a file, from which it goes on.
- ``_skorch``: what FocalNet has to know of skorch's callbacks, criteria and batches.
- ``_answers``: what logits say, by the loss of the training.
- ``_plain``, ``_plain_context``, ``_plain_optimizer``, ``_net_state``: modules, optimizers and nets
  as arrays, numbers and strings, and back.
- ``_array_net``: a skorch net over classes that takes arrays.
- ``_focal_net``: FocalNet, the skorch net.
- ``_stack_net``: FocalNet for a stack of nets.

It may import `_compat` and `losses`.
"""

from focalsk.nets._batches import FIRST_BATCH as FIRST_BATCH
from focalsk.nets._batches import PREDICTION as PREDICTION
from focalsk.nets._batches import WEIGHTS as WEIGHTS
from focalsk.nets._batches import ArrayDataset, Batches
from focalsk.nets._batches import Rows as Rows
from focalsk.nets._batches import derive_seed as derive_seed
from focalsk.nets._batches import in_blocks as in_blocks
from focalsk.nets._batches import seeded as seeded
from focalsk.nets._best_epoch import BestEpoch as BestEpoch
from focalsk.nets._checkpoint import EpochKeeper as EpochKeeper
from focalsk.nets._focal_net import FocalNet
from focalsk.nets._mlp import FocalMLP
from focalsk.nets._plain import Weights as Weights
from focalsk.nets._plain import decode as decode
from focalsk.nets._plain import encode_attributes as encode_attributes
from focalsk.nets._plain import encode_weights as encode_weights
from focalsk.nets._plain import name_of as name_of
from focalsk.nets._plain import read_module as read_module
from focalsk.nets._plain_context import given_modules as given_modules
from focalsk.nets._plain_context import is_saving as is_saving
from focalsk.nets._plain_context import without_code as without_code
from focalsk.nets._stack_net import StackDataset as StackDataset
from focalsk.nets._stack_net import StackNet as StackNet
from focalsk.nets._stacked_loss import stack_losses as stack_losses
from focalsk.nets._stacked_modules import StackedMLP
from focalsk.nets._stacked_modules import VmapStack as VmapStack

__all__ = ["ArrayDataset", "Batches", "FocalMLP", "FocalNet", "StackedMLP"]
