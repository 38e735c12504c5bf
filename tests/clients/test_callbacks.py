"""Callbacks of other projects in `callbacks=`: as skorch's nets take them."""

import copy

import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from skorch.callbacks import EpochScoring, TensorBoard, WandbLogger

from focalsk import FocalNetClassifier

FAST = {"hidden_layer_sizes": (8,), "max_epochs": 4, "random_state": 0}


# --- TensorBoard ---------------------------------------------------------------------------------


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [e.value for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_gets_the_losses(data, tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    callback = TensorBoard(SummaryWriter(str(tmp_path)))
    net = FocalNetClassifier(**FAST, early_stopping=True, callbacks=[callback]).fit(*data)
    seen = scalars(tmp_path)
    assert seen["Loss/train_loss"] == pytest.approx(net.loss_curve_)
    assert seen["Loss/valid_loss"] == pytest.approx(net.history_[:, "valid_loss"])


# --- Weights & Biases ----------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch):
    import wandb

    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(mode="offline", dir=tmp_path, project="focalsk") as run:
        yield run


def test_wandb_logger_without_validation_says_what_to_do(data, run):
    net = FocalNetClassifier(**FAST, callbacks=[WandbLogger(run)])
    with pytest.raises(ValueError, match="early_stopping"):
        net.fit(*data)


@pytest.mark.parametrize(
    ("params", "logger"),
    [({"early_stopping": True}, {}), ({}, {"save_model": False})],
    ids=["validation", "no model"],
)
def test_wandb_logger_logs_what_the_history_says(data, run, params, logger):
    net = FocalNetClassifier(**FAST, **params, callbacks=[WandbLogger(run, **logger)]).fit(*data)
    assert run.summary["train_loss"] == pytest.approx(net.loss_curve_[-1])
    assert ("valid_loss" in run.summary.keys()) == bool(params)  # noqa: SIM118


# --- Optuna --------------------------------------------------------------------------------------


def objective(data):
    from optuna_integration import SkorchPruningCallback

    def train(trial):
        scoring = EpochScoring("roc_auc", name="auc", lower_is_better=False, on_train=True)
        pruning = SkorchPruningCallback(trial, "auc")
        net = FocalNetClassifier(
            **FAST, lr=trial.suggest_float("lr", 1e-5, 1e-1, log=True), callbacks=[scoring, pruning]
        ).fit(*data)
        assert vars(net.callbacks[0]) == vars(copy.copy(scoring))  # the user's own is untouched
        return net.history_[-1, "auc"]

    return train


def test_optuna_prunes(data):
    import optuna

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2),
    )
    study.optimize(objective(data), n_trials=8)
    states = [trial.state.name for trial in study.trials]
    assert set(states) == {"COMPLETE", "PRUNED"}
    # What was pruned had reported less than the trials that went on.
    assert all(len(t.intermediate_values) < 4 for t in study.trials if t.state.name == "PRUNED")


def test_optuna_search_prunes_by_partial_fit(data):
    import optuna
    from optuna_integration import OptunaSearchCV

    search = OptunaSearchCV(
        FocalNetClassifier(**FAST),
        {"gamma": optuna.distributions.FloatDistribution(0, 5)},
        enable_pruning=True,
        max_iter=3,
        n_trials=3,
        cv=2,
        random_state=0,
    ).fit(*data)
    assert 0 <= search.best_params_["gamma"] <= 5


def test_what_holds_a_callback_can_be_cloned_and_searched(data, tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    net = FocalNetClassifier(**FAST, callbacks=[TensorBoard(SummaryWriter(str(tmp_path)))])
    assert len(clone(net).callbacks) == 1
    assert len(cross_val_score(net, *data, cv=2)) == 2
    assert len(scalars(tmp_path)["Loss/train_loss"]) == 2 * FAST["max_epochs"]
