"""Names of a user's, as they can be shown."""

import pytest

from focalsk.displays._names import shortened, visible


@pytest.mark.parametrize(
    "text",
    ["", "plain", "näme", "שיטה", "مثال", "a\nb\tc", "网络", "e\u0301"],
)
def test_letters_of_all_writings_stay(text):
    assert visible(text) == shortened(text) == text


@pytest.mark.parametrize("number", [0x202A, 0x202E, 0x2066, 0x2069, 0x1B, 0x00, 0x7F, 0x9B])
def test_what_is_hidden_is_shown(number):
    assert visible(f"a{chr(number)}b") == f"a<U+{number:04X}>b"


@pytest.mark.parametrize("n", [29, 30, 31, 10_000])
def test_middle_is_left_out(n):
    text = "a" * (n // 2) + "b" * (n - n // 2)
    cut = shortened(text, 30)
    assert len(cut) == min(n, 30)
    assert (cut == text) == (n <= 30)
    assert cut[0] == "a"
    assert cut[-1] == "b"
