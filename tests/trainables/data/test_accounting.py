"""Sums of files and lines, and how they are told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainables.data.accounting import FILES, LINES, Accounting, Listed, account_lines, added, lines_text

KINDS = st.dictionaries(st.sampled_from(["hidden", "@eaDir", "._*"]), st.integers(1, 50))
LISTED = st.lists(st.builds(Listed, st.text(max_size=5), st.sampled_from(["HEIC", "SVG"]), st.just("why"))).map(tuple)
ACCOUNTS = st.builds(Accounting, st.just(FILES), st.integers(0, 99), KINDS, KINDS, LISTED)


@given(st.lists(ACCOUNTS, max_size=4))
def test_sums_add_up(accounts: list[Accounting]) -> None:
    """The sum of several folders has all of their files, kind by kind."""
    total = added(accounts)
    assert total.total == sum(one.total for one in accounts)
    assert sum(total.listed_kinds.values()) == len(total.listed) == sum(len(one.listed) for one in accounts)


def test_a_person_is_told_what_wasn_t_taken() -> None:
    """One line with every number, the most frequent kind first, and a line a note; control characters are shown."""
    listed = (Listed("a", "HEIC", "w"), Listed("b", "link", "w"), Listed("c", "HEIC", "w"))
    account = Accounting(FILES, 11_685, {}, {"@eaDir": 36, "hidden": 4}, listed, ("text \x1b[31mred",))
    assert account_lines("train", account) == [
        "Train: 11,685 pictures taken, 3 listed (2 HEIC, 1 link), 40 junk (36 @eaDir, 4 hidden)",
        "Train: text \\x1b[31mred",
    ]


def test_nothing_is_told_where_all_was_taken() -> None:
    """Nor where there is no account, nor of a CSV's header."""
    assert account_lines("val", None) == []
    assert account_lines("val", Accounting(FILES, 7)) == []
    assert account_lines("val", Accounting(LINES, 7, {"header": 1}, {"blank": 2})) == []
    assert lines_text(Accounting(LINES, 7, {"header": 1}, {"blank": 2})) == "10 lines: 7 rows, 1 header, 2 blank"
