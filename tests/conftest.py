"""One thread, one seed: what every test runs under."""

import os
from pathlib import Path

import pytest

# Before anything imports scipy or torch: they read these once.
os.environ["SCIPY_ARRAY_API"] = "1"  # else scikit-learn skips its array API checks
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"  # tiny nets on several threads only wait for each other

CLIENTS = Path(__file__).parent / "clients"


def pytest_configure(config: pytest.Config) -> None:
    """What the tests need before they are imported; not where other processes run them."""
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        return
    import torch
    from hypothesis import HealthCheck, settings

    torch.set_num_threads(1)
    settings.register_profile(
        "tests",
        derandomize=True,
        deadline=None,
        database=None,
        max_examples=25,
        suppress_health_check=[HealthCheck.too_slow],  # a busy machine is not a failure
    )
    settings.register_profile("thorough", settings.get_profile("tests"), max_examples=1000)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tests"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests of other packages unless they are asked for: to import all takes long."""
    left_out = CLIENTS in (collection_path, *collection_path.parents)
    return True if left_out and config.getoption("markexpr") != "clients" else None


@pytest.fixture(scope="session")
def data():
    """Samples for the tests of other packages."""
    from sklearn.datasets import make_classification

    return make_classification(
        200, 5, n_informative=4, n_redundant=0, weights=[0.8], class_sep=1.5, random_state=0
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    import torch

    for item in items:  # with --dist loadgroup, a file's fixtures are made in one process
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.name))
    for item in items:
        if CLIENTS in item.path.parents:
            item.add_marker(pytest.mark.clients)
    if not torch.cuda.is_available():
        skip = pytest.mark.skip(reason="needs a CUDA device, and torch sees none")
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(skip)
