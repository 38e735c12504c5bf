"""Searches and comparisons on real local clusters of two processes, by Dask and by Ray."""

import os
import signal
import sys
from contextlib import contextmanager

import cloudpickle
import joblib
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss

from focalsk import FocalGridSearchCV, FocalNetClassifier
from focalsk.comparison import compare_resampling

# Workers do not have the tests on their path.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

ESTIMATOR = FocalNetClassifier(max_epochs=5, random_state=0)
# Nets of one size are a stack; two processes make two of each.
GRID = {"hidden_layer_sizes": [(4,), (5,), (6,)], "gamma": [0, 1, 2, 3]}
N_NETS = 3 * 4 * 2


@contextmanager
def dask():
    from dask.distributed import Client, LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(processes=True, **options) as cluster, Client(cluster) as client:
        client.wait_for_workers(2)
        yield


@contextmanager
def ray():
    import ray
    from ray.util.joblib import register_ray

    os.environ.setdefault("RAY_worker_niceness", "0")  # else they wait for every other program
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        runtime_env=environment,
    )
    register_ray()
    try:
        yield
    finally:
        ray.shutdown()


@pytest.fixture(scope="module", params=[dask, ray], ids=["dask", "ray"])
def backend(request):
    with request.param():
        yield request.param.__name__


class Score:
    """Log loss; notes each call, and kills its process in the first call of all if it is to."""

    def __init__(self, folder, kill=False):
        self.folder, self.kill = folder, kill

    def __call__(self, estimator, X, y):
        with open(self.folder / "calls", "a") as file:
            file.write(f"{os.getpid()}\n")
        if self.kill:
            try:
                (self.folder / "killed").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return -log_loss(y, estimator.predict_proba(X), labels=[0, 1])

    def calls(self):
        return (self.folder / "calls").read_text().split()


def make_search(scoring, **params):
    return FocalGridSearchCV(ESTIMATOR, GRID, cv=2, scoring=scoring, refit=False, **params)


@pytest.fixture(scope="module")
def reference(data):
    return make_search("neg_log_loss").fit(*data).cv_results_["mean_test_score"]


def test_a_search_on_a_cluster_is_the_search(data, reference, backend, tmp_path):
    score = Score(tmp_path)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        search = make_search(score).fit(*data)
    assert_allclose(search.cv_results_["mean_test_score"], reference, rtol=1e-9)
    assert len(search.stacks_) == 6
    assert len(score.calls()) == N_NETS
    assert 1 <= len(set(score.calls()) - {str(os.getpid())}) <= 2
    assert str(os.getpid()) not in score.calls()


def test_a_killed_worker_loses_its_stack_at_most(data, reference, backend, tmp_path):
    score = Score(tmp_path, kill=True)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        search = make_search(score).fit(*data)
    assert (tmp_path / "killed").exists()
    assert_allclose(search.cv_results_["mean_test_score"], reference, rtol=1e-9)
    largest = max(stack["n_nets"] for stack in search.stacks_)
    assert N_NETS < len(score.calls()) <= N_NETS + 2 * largest


def test_a_comparison_on_a_cluster_is_the_comparison(data, backend):
    def compare(**params):
        return compare_resampling(
            *data,
            estimator=ESTIMATOR,
            methods=["cross-entropy", "focal-balanced", "smote"],
            cv=2,
            random_state=0,
            **params,
        )

    with joblib.parallel_config(backend=backend):
        spread = compare(n_jobs=2)
    alone = compare()
    numbers = alone.results_.select_dtypes("number").columns
    numbers = [name for name in numbers if "time" not in name and "seconds" not in name]
    assert numbers
    assert_allclose(spread.results_[numbers], alone.results_[numbers], rtol=1e-9)
    assert spread.failures_.empty
