"""The page about model files says what is so."""

import doctest
from pathlib import Path

import pytest


@pytest.mark.slow
def test_examples_of_the_page_run():
    page = Path(__file__).parents[2] / "docs" / "files.md"
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testfile(str(page), module_relative=False, optionflags=flags)
    assert result.attempted > 20
    assert not result.failed
