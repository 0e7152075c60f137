"""A list as a person reads it."""

import pytest

from dualnet.retrieval.recommendations import Recommendations


@pytest.mark.parametrize(
    ("what", "resolved", "head"),
    [
        ("item", "known", "2 items for someone known"),
        ("item", "history", "2 items for this history"),
        ("item", "columns", "2 items for someone with these columns"),
        ("item", "fallback", "2 items, the most popular (nothing is known of the user)"),
        ("item", "item", "2 items like this item"),
        ("user", "item", "2 users for this item"),
    ],
)
def test_the_head_says_for_whom(what, resolved, head):
    found = Recommendations(["a", "b"], [1.0, 0.5], ["A", "b"], ["known", "content"], resolved, [], what)
    assert str(found).splitlines() == [head, "  1. a    1.0000  A", "  2. b    0.5000  (nobody took it yet)"]


def test_one_entry_and_what_was_ignored():
    found = Recommendations([7], [1.0], ["7"], ["known"], "history", ["n1"])
    assert str(found) == "1 item for this history; not taken account of: 'n1'\n  1. 7    1.0000"
