"""What has changed between two manifests of one split, sample by sample, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trainables.data.files import listed
from trainables.data.lineage.manifest import Manifest, Row, sealed, sealed_path
from trainables.words import counted

Name = Callable[[Row], str]  # a sample as a person finds it


@dataclass(frozen=True)
class Changes:
    """The samples that differ, each as a person finds it, by what has become of them."""

    gone: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()  # the same content under another path
    changed: tuple[str, ...] = ()  # other bytes in its file
    reworded: tuple[str, ...] = ()  # another text, or other values
    relabelled: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(places for _, places in self._kinds())

    def _kinds(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield from (("gone", self.gone), ("added", self.added), ("moved or renamed", self.moved))
        yield from (("with other bytes", self.changed), ("with another text or other values", self.reworded))
        yield "with another label", self.relabelled

    def summary(self) -> str:
        """`2 samples gone, 1 sample with other bytes`."""
        return ", ".join(f"{counted(len(places), 'sample')} {kind}" for kind, places in self._kinds() if places)

    def text(self, head: str = "") -> str:
        """A paragraph a kind: how many, and the first five. `head`: what each begins with, such as the split's name."""
        return "\n".join(
            f"{head}{counted(len(places), 'sample')} {kind}:\n{listed(places)}"
            for kind, places in self._kinds()
            if places
        )


def changes_between(before: Manifest, after: Manifest) -> Changes:
    """What has become of the samples of `before`."""
    return _changes(before, after, lambda row: row.path, lambda was, now: f': "{was.label}" -> "{now.label}"')


def sealed_changes(before: Manifest, after: Manifest) -> Changes:
    """The same where `before` is sealed, and `after` isn't.

    A sample that is gone has no name any more: it is told by its content's digest, by which a copy of it is found.
    """
    paths = {sealed_path(row.path): row.path for row in after.rows}

    def name(row: Row) -> str:
        gone = f"SHA-256 {row.sha256} ({row.bytes:,} bytes)" if row.sha256 else f"a text of digest {row.values}"
        return paths.get(row.path, gone)

    return _changes(before, sealed(after), name, lambda was, now: "")


def _changes(before: Manifest, after: Manifest, name: Name, labels: Callable[[Row, Row], str]) -> Changes:
    """`name`: how a row of either is told; `labels`: what is said of a row's old and new label."""
    old, new = ({row.path: row for row in one.rows} for one in (before, after))
    gone, added, moved = _moved(
        [row for path, row in old.items() if path not in new], [row for path, row in new.items() if path not in old]
    )
    both = [(row, new[path]) for path, row in old.items() if path in new and row != new[path]]
    return Changes(
        gone=tuple(map(name, gone)),
        added=tuple(map(name, added)),
        moved=tuple(f"{name(was)} -> {name(now)}" for was, now in moved),
        changed=_told(both, lambda row: row.sha256, lambda was, now: f"{name(now)} ({_sizes(was, now)})"),
        reworded=_told(both, lambda row: row.values, lambda _, now: name(now)),
        relabelled=_told(both, lambda row: row.label, lambda was, now: f"{name(now)}{labels(was, now)}"),
    )


def _told(pairs: Sequence[tuple[Row, Row]], what: Name, words: Callable[[Row, Row], str]) -> tuple[str, ...]:
    """Those that differ in something, in words."""
    return tuple(words(was, now) for was, now in pairs if what(was) != what(now))


def _moved(gone: list[Row], added: list[Row]) -> tuple[list[Row], list[Row], list[tuple[Row, Row]]]:
    """Those that are gone, those that were added, and the pairs of both that hold the same."""
    places = defaultdict[str, list[Row]](list)
    for row in reversed(added):
        places[row.content].append(row)
    moved = [(row, places[row.content].pop()) for row in gone if places[row.content]]
    was, now = {pair[0].path for pair in moved}, {pair[1].path for pair in moved}
    return [row for row in gone if row.path not in was], [row for row in added if row.path not in now], moved


def _sizes(was: Row, now: Row) -> str:
    return f"{was.bytes:,} bytes -> {now.bytes:,}" if was.bytes != now.bytes else f"{now.bytes:,} bytes as before"
