"""The lock on the test: one selection opens it, and one result comes out, whatever file is lost in between.

Three records are kept of it, each of which is enough: the study's own files, its ledger, and the register beside the
studies. An opening that ended without a result, by a crash say, may be repeated for the same selection; a second
result, another selection, and a copy of what was tested are refused. What can't be refused is counted: the same test
data opened by another study, or by one that was begun anew.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from analysis import store
from analysis.files import file_sha256
from analysis.lineage import OpeningTerms
from analysis.register import Opening, all_openings, on_record, other_openings, register, registered
from analysis.results import FinalTest, Selection
from trainables.data.locks import try_lock
from trainables.errors import UserError
from trainables.names import ANALYSIS_FOLDER, ANALYSIS_LOCK_FILE, FINAL_TEST_FILE


class OpeningsRecord(Protocol):
    """The study's ledger, as far as it is about the test."""

    @property
    def bound(self) -> str | None:
        """The digest of the test data that the search put on record; None where it had none."""

    def openings(self) -> Sequence[Opening]:
        """All that are on record, and their end where they have one."""

    def add(self, opening: Opening) -> None:
        """Put an opening, or its end, on record. UserError where it can't be written."""


class NoRecord:
    """Of a study that was copied without its ledger."""

    bound: str | None = None

    def openings(self) -> Sequence[Opening]:
        """None."""
        return ()

    def add(self, opening: Opening) -> None:
        """Nowhere."""


@contextmanager
def alone(study_folder: Path) -> Iterator[None]:
    """Within the block nobody else opens the study's test or writes its selection. UserError where somebody does."""
    study_folder.mkdir(parents=True, exist_ok=True)
    lock = try_lock(study_folder / ANALYSIS_LOCK_FILE, f"process {os.getpid()}")
    if lock is None:
        raise UserError(
            f"One process at a time may test a study or choose anew, but another one does so with {study_folder.name}: "
            "wait for it. The test was not opened."
        )
    try:
        yield
    finally:
        lock.release()


def refuse_if_opened(study_folder: Path, record: OpeningsRecord) -> None:
    """Raises UserError where the test was opened, by any record: what was selected must stay what it is about."""
    store.refuse_if_opened(study_folder)
    if openings := record.openings():
        raise UserError(
            f"A selection must not change once the test was opened, but the ledger of {study_folder.name} says that it "
            f"was, on {openings[0].at}. The report shows what stands; a new selection needs a new study and new test "
            f"data. Of the files of {ANALYSIS_FOLDER}, which were removed since, restore a backup."
        )


def refuse_if_tested(study_folder: Path, record: OpeningsRecord) -> None:
    """Raises UserError where the test has its result, by the study's file or its ledger.

    Where a crash came between the result and its entry in the ledger, the entry is made up for.
    """
    path = study_folder / ANALYSIS_FOLDER / FINAL_TEST_FILE
    ended = [one for one in record.openings() if one.result]
    if path.exists():
        if not ended and (result := store.read_final_test(study_folder)) is not None:
            _put_end(study_folder, record, result)
        store.refuse_if_tested(study_folder)
    if ended:
        raise UserError(
            f"The test must be evaluated once only, but the ledger of {study_folder.name} says that it was, on "
            f"{ended[0].at}. Its result, {path}, is gone: restore it from a backup or from MLflow (SHA-256 "
            f"{ended[0].result[:12]}); it isn't made a second time."
        )


def refuse_other(study_folder: Path, record: OpeningsRecord, digest: str) -> None:
    """Raises UserError where the test was opened for another selection than that with the digest, or where a copy of
    this study, or one that is gone, has this selection's result.
    """
    store.refuse_other_selection(study_folder, digest)
    for one in record.openings():
        if one.selection != digest:
            raise UserError(
                f"The test must be opened for one selection only, but the ledger of {study_folder.name} says that it "
                f"was opened on {one.at} for another ({one.selection[:12]}, not {digest[:12]}). Restore that "
                "selection.json, or take a new study and new test data."
            )
    for one in all_openings(study_folder):
        if one.selection == digest and one.result:
            raise UserError(
                f"A selection must be tested once only, but the same one was tested on {one.at} by study {one.study}. "
                f"Its result stands there, or restore {FINAL_TEST_FILE} from a backup (SHA-256 {one.result[:12]})."
            )


def bound_terms(terms: OpeningTerms, record: OpeningsRecord, selection: Selection) -> OpeningTerms:
    """The terms, with the test data that were opened before, else those that the selection was frozen with."""
    last = [one.test for one in record.openings() if not one.result][-1:]
    bound = next(filter(None, (*last, selection.test_digest, record.bound, terms.bound)), None)
    return dataclasses.replace(terms, bound=bound)


def begin(study_folder: Path, record: OpeningsRecord, digest: str, test: str, change: str = "") -> store.Openings:
    """Put an opening for the selection of that digest on all records; all of its openings, this one too.

    To be called before any model sees test data, whose digest is `test`; `change`: what was accepted of what has
    changed of them. Raises UserError where the test has its result or was opened for another selection, or a record
    can't be written.
    """
    refuse_if_tested(study_folder, record)
    refuse_other(study_folder, record, digest)
    elsewhere = (*record.openings(), *all_openings(study_folder))
    earlier = [one for one in elsewhere if one.selection == digest and not one.result]
    opened = store.open_final_test(study_folder, digest, test, change, earlier)
    opening = Opening(study_folder.resolve().name, test, digest, opened.times[-1], change)
    record.add(opening)
    register(study_folder, opening)
    return opened


def end(study_folder: Path, record: OpeningsRecord, result: FinalTest) -> None:
    """Write the result, then that there is one: should a crash come between, the file itself says so.

    Raises UserError where there is a result already, or a record can't be written.
    """
    store.write_final_test(study_folder, result)
    _put_end(study_folder, record, result)


def keep_openings(study_folder: Path, record: OpeningsRecord) -> int:
    """Put on the register what the study alone has on record, as before it is removed; how many openings it has."""
    own = (*on_record(study_folder / ANALYSIS_FOLDER), *record.openings())
    there = {(one.selection, one.at, one.result) for one in registered(study_folder)}
    for key, one in {(one.selection, one.at, one.result): one for one in own}.items():
        if key not in there:
            register(study_folder, one)
    return len({(one.selection, one.at) for one in own if not one.result})


def with_later_openings(study_folder: Path, result: FinalTest) -> FinalTest:
    """The result with what other studies have opened since: a report that is written anew says so."""
    later = other_openings(study_folder, result.test_digest, result.selection_digest)
    found = {name: max(count, result.other_openings.get(name, 0)) for name, count in later.items()}
    return dataclasses.replace(result, other_openings=dict(sorted({**result.other_openings, **found}.items())))


def _put_end(study_folder: Path, record: OpeningsRecord, result: FinalTest) -> None:
    sha256 = file_sha256(study_folder / ANALYSIS_FOLDER / FINAL_TEST_FILE)
    name, test = study_folder.resolve().name, result.test_digest
    ended = Opening(name, test, result.selection_digest, result.evaluated, result=sha256)
    record.add(ended)
    register(study_folder, ended)
