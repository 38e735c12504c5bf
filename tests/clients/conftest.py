"""Tests against other projects' own packages: `make test-clients` installs these and runs them."""

import pytest


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave the folder out unless it is asked for: importing all that takes long."""
    return None if config.getoption("markexpr") == "clients" else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.clients)


@pytest.fixture(scope="session")
def data():
    from sklearn.datasets import make_classification

    return make_classification(
        200, 5, n_informative=4, n_redundant=0, weights=[0.8], class_sep=1.5, random_state=0
    )
