"""What is said of data that have changed: every sample that differs, by what has become of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.lineage.changes import changes_between, sealed_changes
from trainables.data.lineage.manifest import Manifest, Row, sealed


def row(path: str, content: str = "", label: str = "Blue", values: str = "v", size: int = 3) -> Row:
    """A sample whose file's digest begins with `content`, else with its path."""
    return Row(path, label, size, (content or path).ljust(64, "0"), values)


BEFORE = Manifest(tuple(row(path) for path in ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg")))
AFTER = Manifest(
    (
        row("a.jpg"),
        row("b.jpg", "other", size=4),
        row("c.jpg", label="Green"),
        row("d.jpg", values="w"),
        row("new.jpg"),
        row("renamed.jpg", "f.jpg"),
    )
)


def test_each_kind_of_change_is_told() -> None:
    """Gone, added, moved, other bytes, another text, another label; the number of each, and which."""
    found = changes_between(BEFORE, AFTER)
    assert found.text("train: ").splitlines() == [
        "train: 1 sample gone:",
        "  e.jpg",
        "train: 1 sample added:",
        "  new.jpg",
        "train: 1 sample moved or renamed:",
        "  f.jpg -> renamed.jpg",
        "train: 1 sample with other bytes:",
        "  b.jpg (3 bytes -> 4)",
        "train: 1 sample with another text or other values:",
        "  d.jpg",
        "train: 1 sample with another label:",
        '  c.jpg: "Blue" -> "Green"',
    ]
    assert found.summary().startswith("1 sample gone, 1 sample added, 1 sample moved or renamed, 1 sample with other")


def test_the_first_five_are_named() -> None:
    """Of more the number is said."""
    many = Manifest(tuple(row(f"{number:02d}.jpg") for number in range(9)))
    lines = changes_between(many, Manifest(())).text().splitlines()
    assert lines[0] == "9 samples gone:"
    assert lines[1:] == [*(f"  0{number}.jpg" for number in range(5)), "  ... and 4 more (9 in all)"]


def test_what_is_sealed_is_told_by_the_names_that_there_are() -> None:
    """A sample that is gone has none any more: its content's digest is told. Labels aren't."""
    found = sealed_changes(sealed(BEFORE), AFTER)
    assert found.gone == (f"SHA-256 {'e.jpg'.ljust(64, '0')} (3 bytes)",)
    assert (found.added, found.changed, found.reworded) == (("new.jpg",), ("b.jpg (3 bytes -> 4)",), ("d.jpg",))
    assert found.relabelled == ("c.jpg",)
    assert found.moved == (f"SHA-256 {'f.jpg'.ljust(64, '0')} (3 bytes) -> renamed.jpg",)
    texts = Manifest((Row("row-1", "Blue", 0, "", "ab"),))
    assert sealed_changes(sealed(texts), Manifest(())).gone == ("a text of digest ab",)


PATHS = st.sampled_from("abcdef")
MANIFESTS = st.dictionaries(
    PATHS, st.tuples(st.sampled_from(["1", "2"]), st.sampled_from(["Blue", "Green"]), st.sampled_from(["v", "w"]))
).map(lambda found: Manifest(tuple(row(path, *rest) for path, rest in sorted(found.items()))))


@given(MANIFESTS, MANIFESTS)
@settings(max_examples=200)
def test_changes_are_told_where_there_are_any(before: Manifest, after: Manifest) -> None:
    """Nothing is told of equal manifests alone; every sample is counted once as there, gone, added or moved.

    What was sealed before is told of as many samples.
    """
    found = changes_between(before, after)
    assert bool(found) == (before != after) == bool(found.text())
    both = {one.path for one in before.rows} & {one.path for one in after.rows}
    assert len(before.rows) == len(both) + len(found.gone) + len(found.moved)
    assert len(after.rows) == len(both) + len(found.added) + len(found.moved)
    kept = sealed_changes(sealed(before), after)
    for kind in ("gone", "added", "moved", "changed", "reworded", "relabelled"):
        assert len(getattr(kept, kind)) == len(getattr(found, kind))
