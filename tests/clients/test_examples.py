"""The examples that need another project's package, or data that `make data` brings."""

import importlib.util
import runpy
import sys
from pathlib import Path

import pytest
import torch

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name):
    return runpy.run_path(str(EXAMPLES / name))


def test_wandb_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where W&B puts its folder
    monkeypatch.setenv("WANDB_SILENT", "true")
    importlib.import_module("wandb").teardown()  # it knows another folder from earlier runs
    names = load("wandb_sweep.py")
    names["SWEEP"]["parameters"]["gamma"]["values"] = [0.0, 2.0]
    results = names["main"]([])
    assert len(results) == 6
    assert all(scores["average_precision"] > 0.3 for _, scores in results)
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 6


def test_optuna_pruning():
    study, score = load("optuna_pruning.py")["main"](n_trials=12)
    assert {trial.state.name for trial in study.trials} == {"COMPLETE", "PRUNED"}
    assert score > 0.6


def test_long_tail():
    names = load("long_tail.py")
    try:
        names["read"]("t10k-labels-idx1-ubyte.gz")
    except SystemExit as error:
        pytest.skip(str(error))
    kept = "cross-entropy", "cross-entropy, balanced decisions", "class-balanced sampling"
    scores = names["main"](epochs=6, methods={name: names["METHODS"][name] for name in kept})
    plain, balanced, sampling = (scores[name] for name in kept)
    assert min(balanced[0], sampling[0]) > plain[0]
    assert min(balanced[1], sampling[1]) > plain[1]
    assert plain[2] == balanced[2] < sampling[2]


@pytest.fixture
def torchvision():
    """torchvision, if need be without its compiled operators: a ResNet needs none of them."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None:
        pytest.skip("torchvision is not there")
    try:
        importlib.import_module("torchvision")
        yield
    except RuntimeError:  # they were built for another torch, with CUDA perhaps
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        operators = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
        yield
        operators._destroy()


def test_torchvision_resnet(torchvision):
    classifier, score = load("torchvision_resnet.py")["main"]()
    state = classifier.net_.module_
    assert not state.conv1.weight.requires_grad
    assert state.fc.weight.requires_grad
    assert score > 0.8


def test_frozen_encoder(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    try:
        names = load("frozen_encoder.py")
    except SystemExit as error:  # or torchvision, which transformers imports, is for another torch
        pytest.skip(str(error))
    results = names["main"]()
    assert results["counts of words"][1] < 0.3 < 0.9 < results["frozen encoder"][1]
    assert results["frozen encoder"][2] > 0.8
