"""What a study's ledger says of its test, as the analysis takes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.opening import NoRecord, OpeningsRecord, keep_openings
from analysis.register import Opening
from search.ledger.events import MANIFEST, EndedTest, OpenedTest
from search.ledger.ledger import Ledger, read_ledger
from search.ledger.lines import mirror_of
from search.study.folder import Layout
from search.study.lock import study_lock
from trainables.errors import UserError
from trainables.names import TEST


class LedgerOpenings:
    """The openings in a ledger. Whoever adds one holds the study's lock."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def bound(self) -> str | None:
        """The digest of the test data that the search put on record; None where it had none."""
        facts = read_ledger(self._layout.ledger_file)[1].bound.get(TEST)
        return None if facts is None else str(facts[MANIFEST])

    def openings(self) -> tuple[Opening, ...]:
        """All that are on record, and their end where they have one."""
        found = read_ledger(self._layout.ledger_file)[1].openings
        name = self._layout.name
        return tuple(Opening(name, one.test, one.selection, one.at, one.change, one.result) for one in found)

    def add(self, opening: Opening) -> None:
        """Put an opening, or its end, on record. UserError where the disk doesn't take it."""
        ledger = Ledger(self._layout.ledger_file)
        try:
            ledger.append(_event(opening))
        except OSError as error:
            raise UserError(
                f"Each opening of a test must be put on record, but {self._layout.ledger_file} can't be written "
                f"({error.strerror}): make room or make it writable, then test again."
            ) from error
        finally:
            ledger.close()


def record_of(folder: Path) -> OpeningsRecord:
    """What is on record of the test of the study in `folder`; nothing of a copy for the analysis alone."""
    layout = Layout(folder.parent.parent, folder.name)
    if layout.ledger_file.is_file() or mirror_of(layout.ledger_file).is_file():
        return LedgerOpenings(layout)
    return NoRecord()


@contextmanager
def held_record(folder: Path) -> Iterator[OpeningsRecord]:
    """The same, to be added to within the block. UserError where another process runs the study."""
    record = record_of(folder)
    if isinstance(record, NoRecord):
        yield record
        return
    with study_lock(Layout(folder.parent.parent, folder.name)):
        yield record


def kept_openings(folder: Path) -> int:
    """How often the study in `folder`, which is about to be removed, opened its test: that goes on the register.

    UserError where the register can't be written.
    """
    record = record_of(folder)
    try:
        record.openings()
    except UserError:  # a damaged ledger may be removed nevertheless
        record = NoRecord()
    return keep_openings(folder, record)


def _event(opening: Opening) -> OpenedTest | EndedTest:
    if opening.result:
        return EndedTest(opening.selection, opening.test, opening.at, opening.result)
    return OpenedTest(opening.selection, opening.test, opening.at, opening.change)
