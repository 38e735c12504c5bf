"""FocalMLP against torch's own layers."""

import pytest
import torch
from torch import nn

from focalsk.nets._mlp import FocalMLP, limit, random_units


@pytest.mark.parametrize("sizes", [(), (7,), (7, 3)], ids=str)
def test_mlp_is_a_sequence_of_layers(sizes):
    torch.manual_seed(0)
    mlp = FocalMLP(4, 3, sizes)
    torch.manual_seed(0)
    layers, width = [], 4
    for size in sizes:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    plain = nn.Sequential(*layers, nn.Linear(width, 3))
    X = torch.randn(5, 4)
    assert torch.equal(mlp(X), plain(X))
    assert mlp(X).shape == (5, 3)


def test_one_size_is_one_layer():
    assert [layer.weight.shape for layer in FocalMLP(4, 3, 7).layers] == [(7, 4), (3, 7)]


def test_only_the_linear_layers_have_a_state():
    names = [f"layers.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")]
    assert list(FocalMLP(4, 3, (7, 3)).state_dict()) == names


def test_dropout_acts_in_training_only():
    mlp, X = FocalMLP(4, 3, (50,), dropout=0.5), torch.randn(5, 4)
    assert not torch.equal(mlp(X), mlp(X))
    mlp.eval()
    without = FocalMLP(4, 3, (50,))
    without.load_state_dict(mlp.state_dict())
    assert torch.equal(mlp(X), without(X))


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_scales_what_it_keeps(p):
    mlp = FocalMLP(1, 1, (20000,), dropout=p)
    first, last = mlp.layers
    nn.init.zeros_(first.weight)
    nn.init.ones_(first.bias)
    nn.init.zeros_(last.bias)
    nn.init.constant_(last.weight, 1 / 20000)
    torch.manual_seed(0)
    assert abs(mlp(torch.zeros(1, 1)).item() - 1) < 0.02


def test_what_small_rates_drop_larger_rates_drop_too():
    # One uniform draw whatever the rate: nets of several rates share their random stream.
    torch.manual_seed(0)
    units = random_units(401, 101, "cpu")
    for p in (0.0, 0.001, 0.1, 0.5, 0.999):
        assert abs((units < limit(p)).double().mean() - p) < 0.01
    assert limit(1 - 1e-9) < 2**15  # never beyond what an int16 can hold
