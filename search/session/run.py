"""A study config -> one search over all its modalities, begun or gone on with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TextIO

from rich.console import Console

from search.exports.cursor import without_password
from search.ledger.state import Outcome, StudyState
from search.machines.forks import Forks
from search.machines.mps import mps_daemon
from search.machines.ray_address import cluster_lines
from search.machines.ray_cluster import cluster_nodes, on_worker, ray_cluster
from search.machines.shares import Node, Share, check_resources
from search.preflight.data import begun_with, read_test
from search.preflight.here import begun_looking, measured_by
from search.preflight.inputs import prepare_inputs
from search.preflight.lineage import about_test, read_lineage
from search.preflight.networks import Looking, Reading
from search.preflight.preflight import Preflight, first_look, preflight
from search.preflight.shortcuts import Counter, counter_in, settled
from search.preflight.trying import Say
from search.session.meanwhile import Meanwhile
from search.session.mode import Mode
from search.session.open_study import continued, earlier_shares, found_state, is_over, open_study, remove_study
from search.session.restore_files import restore_ended
from search.session.session import Machine, SearchOutcome, StudySession
from search.study.config import StudyConfig
from search.study.folder import Layout
from search.study.lineage import Lineage, change_of_test, check_lineage
from search.study.lock import study_lock
from trainables.data.accounting import account_lines
from trainables.data.samples import Split
from trainables.names import TEST, TRAIN
from trainables.words import printable

SOON = 0.3  # seconds within which most faults of test data are found: who made one needn't wait for Ray


def run_search(
    study: StudyConfig,
    console: Console,
    mode: Mode | None = None,
    *,
    json_out: TextIO | None = None,
    forks: Forks | None = None,
) -> SearchOutcome:
    """Run a study's search to its end, from its beginning or from wherever it was left.

    `json_out`: for JSON lines. `forks`: processes that look at trials of this machine; ended before these run.
    Raises UserError: anything that can be known before the first trial; the study is there and wasn't to be gone on
    with; its record is damaged; another process runs it; the disk is full.
    """
    mode, layout = mode or Mode(), Layout.of(study)
    with study_lock(layout):
        if mode.replace:
            remove_study(layout)
        state = found_state(layout)
        study = continued(study, state, mode)
        if state is not None and is_over(study, state):
            return _over(study, layout, state, console)
        splits = first_look(study, layout, begun_with(state))
        counter = counter_in(splits) if state is None else None
        study = study if counter is None else settled(study, counter)
        # The test data are read while Ray starts, and networks built: each takes seconds, large data minutes.
        reading = Meanwhile(partial(_lineage, study, layout, state, splits, console))
        reading.look(SOON)
        told = partial(_say_line, console)
        looking = begun_looking(study, splits, Reading.of(study, layout.caches), told, forks, again=state is not None)
        with mps_daemon(study) as said, ray_cluster(study.cluster, told):
            lineage = reading.value()
            del reading
            nodes = cluster_nodes()
            earlier = earlier_shares(study, state, nodes)
            checked = _checked(study, layout, splits, nodes, earlier, looking, counter, forks, told)
            _say(console, [*filter(None, [said]), *cluster_lines(study.cluster.address), *checked.lines])
            prepared = prepare_inputs(study, splits, layout, console)
            shown, findings = without_password(study), checked.findings
            opened = open_study(study, layout, splits, mode, shown_study=shown, lineage=lineage, findings=findings)
            del lineage  # a search takes hours
            with closing(opened) as ledger:
                machine = Machine(nodes, checked.shares)
                session = StudySession(study, layout, machine, checked.heads, prepared, ledger, console, json_out)
                return session.run(mode.deadline)


def _checked(
    study: StudyConfig,
    layout: Layout,
    splits: Mapping[str, Split],
    nodes: Sequence[Node],
    earlier: Mapping[str, Share] | None,
    looking: Looking,
    counter: Counter | None,
    forks: Forks | None,
    say: Say,
) -> Preflight:
    """All that can be known before the first trial, on a Ray that is up; then the forks have done their part."""
    check_resources(study, nodes)
    looking.begin(on_worker)
    measured = measured_by(forks, nodes)
    found = preflight(
        study, nodes, layout, splits, looking, measured=measured, earlier=earlier, counter=counter, say=say
    )
    if forks is not None:
        forks.close()
    return found


def _over(study: StudyConfig, layout: Layout, state: StudyState, console: Console) -> SearchOutcome:
    """The study came to its end before: what it left is made whole."""
    restore_ended(study, layout, state)
    _say(console, [f"{study.name}: the search is over; --more N extends it"])
    ended = sum(trial.over for trial in state.trials.values())
    return SearchOutcome(layout.folder, state.outcome or Outcome.FINISHED, None, None, False, ended, ended)


def _lineage(
    study: StudyConfig,
    layout: Layout,
    state: StudyState | None,
    splits: Mapping[str, Split],
    console: Console,
) -> Lineage:
    """The data as they are, whole and unchanged, before anything takes long; what is to be said of them is said.

    The test split is read here and goes no further: no trial is given it.
    """
    test = read_test(study, splits[TRAIN].classes)
    _say(console, account_lines(TEST, test.account) if test is not None else ())
    lineage = read_lineage(study, splits, test, layout)
    _say(console, about_test(lineage))
    if state is not None:
        check_lineage(study.name, state.bound, layout.folder, lineage.manifests)
        _say(console, filter(None, [change_of_test(study.name, state.bound, layout.folder, lineage)]))
    return lineage


def _say_line(console: Console, line: str) -> None:
    _say(console, [line])


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(printable(line), highlight=False, markup=False, soft_wrap=True)
