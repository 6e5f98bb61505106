"""`binwise search`, `run` and `resume`: a study's trials, and all that comes after them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from search.cli.find_study import recorded
from search.cli.init import begun
from search.cli.json_output import json_alone
from search.cli.options import (
    BUDGET,
    RUNS,
    Budget,
    DeadlineIn,
    EventsAsJson,
    More,
    Overrides,
    Replace,
    Requeue,
    Resume,
    Runs,
    StudyFile,
    StudyRef,
    WarmStart,
)
from search.cli.results import analyze_study, report_study, test_study
from search.session.deadline import deadline_of
from search.session.mode import Mode
from search.show.say import say

if TYPE_CHECKING:
    from search.session.session import SearchOutcome
    from search.study.config import StudyConfig

LATER_CODE = 75  # EX_TEMPFAIL of sysexits.h: try again later
REQUEUE_CODE = 85  # what SLURM's documentation has as an example of RequeueExit
After = Callable[["StudyConfig", "SearchOutcome"], None]


def search_command(after: After, doc: str) -> Callable[..., None]:
    """A command that searches and then does `after`; `doc`: what `--help` says of it."""

    def command(
        study: StudyFile,
        overrides: Overrides = None,
        replace: Replace = False,
        resume: Resume = False,
        more: More = 0,
        warm_start: WarmStart = None,
        as_json: EventsAsJson = False,
        budget: Budget = BUDGET,
        deadline: DeadlineIn = None,
        requeue: Requeue = False,
    ) -> None:
        from search.study.yaml_file import load_study

        until = deadline_of(deadline, os.environ)
        with json_alone(wanted=as_json) as json_out:
            config = load_study(_study_of(study, budget), overrides or [])
            mode = Mode(replace, resume, more, warm_start, until)
            after(config, search_study(config, mode, json_out, requeue=requeue))

    command.__doc__ = doc
    return command


def _study_of(given: Path, budget: str) -> Path:
    """A study's file; one that is made now where data were given instead."""
    if not given.is_dir() and given.suffix.lower() != ".csv":
        return given
    path = begun(given, budget, None, None)
    say(f"Study: {path}")
    return path


def resume_command(
    study: StudyRef,
    runs: Runs = RUNS,
    more: More = 0,
    as_json: EventsAsJson = False,
    deadline: DeadlineIn = None,
    requeue: Requeue = False,
) -> None:
    """Go on with a study that was stopped, killed or finished (--more), as it was begun."""
    mode = Mode(resume=True, more=more, deadline=deadline_of(deadline, os.environ))
    with json_alone(wanted=as_json) as json_out:
        config, _ = recorded(study, runs)
        say_next(config, search_study(config, mode, json_out, requeue=requeue))


def say_next(config: StudyConfig, outcome: SearchOutcome) -> None:
    """Where the study is, and the command that comes next."""
    say(f"Study: {outcome.folder}\nNext: binwise analyze {config.name}")


def finish(config: StudyConfig, outcome: SearchOutcome) -> None:
    """Analyze, test once where there is a test split, report."""
    analyze_study(config, outcome.folder)
    if config.data.test is not None:
        test_study(config, outcome.folder, None, accept_changes=False)
    report_study(config, outcome.folder)


def search_study(config: StudyConfig, mode: Mode, json_out: TextIO | None, *, requeue: bool = False) -> SearchOutcome:
    """The search, to an end after which there is something to analyze; else the command ends here."""
    outcome = searched(config, mode, json_out)
    if (why := stopped(config, outcome)) is not None:
        say(why, err=True)
        raise typer.Exit(_exit_code(outcome, requeue=requeue))
    return outcome


def search_to_its_end(config: StudyConfig, *, resume: bool, replace: bool, more: int) -> SearchOutcome:
    """The search, to an end after which there is something to analyze. RuntimeError where it was stopped before."""
    outcome = searched(config, Mode(replace, resume, more))
    if (why := stopped(config, outcome)) is not None:
        raise RuntimeError(why)
    return outcome


def searched(config: StudyConfig, mode: Mode, json_out: TextIO | None = None) -> SearchOutcome:
    """Run the search, to its end or to whatever stops it. UserError as `run_search`."""
    from search.machines.local import check_local_resources
    from search.preflight.here import forks_for
    from search.show.console import console
    from search.study.folder import Layout

    check_local_resources(config)
    _mind_the_test(config, mode)
    with forks_for(config) as forks:
        if forks is not None and (mode.replace or not Layout.of(config).ledger_file.is_file()):
            forks.start()
        # From here on it takes seconds: Ray is imported here, torch there.
        from search.session.run import run_search

        return run_search(config, console(), mode, json_out=json_out, forks=forks)


def stopped(config: StudyConfig, outcome: SearchOutcome) -> str | None:
    """Why the study isn't over, and how to go on; None where it is."""
    from search.ledger.state import Outcome
    from search.show.status import RAISE_BUDGET

    if outcome.outcome == Outcome.TIME_BUDGET and not outcome.epochs:
        return (
            f"The time budget (time_budget: {config.time_budget}) was used up before the first epoch ended, so "
            f"there is nothing to analyze yet. Go on with more: {RAISE_BUDGET}"
        )
    if outcome.outcome in (Outcome.FINISHED, Outcome.TARGET, Outcome.TIME_BUDGET):
        return None
    why = f": {outcome.detail}" if outcome.detail else ""
    return (
        f"{outcome.outcome.value.replace('_', ' ').capitalize()}{why}. {outcome.ended} of {outcome.planned} trials "
        f"ended; what ran goes on from its last state.\nGo on with: binwise resume {config.name}"
    )


def _exit_code(outcome: SearchOutcome, *, requeue: bool) -> int:
    """128 and the signal's number, of `binwise stop` that of Ctrl-C; else 1, or what says that it goes on later."""
    from search.ledger.state import Outcome

    if outcome.outcome != Outcome.INTERRUPTED:
        return 1
    if requeue and (outcome.by_deadline or outcome.signal not in (None, signal.SIGINT)):
        return REQUEUE_CODE
    return LATER_CODE if outcome.by_deadline else 128 + (outcome.signal or signal.SIGINT)


def _mind_the_test(config: StudyConfig, mode: Mode) -> None:
    """More trials than the test was about are refused; that a study was tested is kept where it is removed."""
    from analysis.opening import refuse_if_opened
    from analysis.results import times
    from search.cli.ledger_openings import kept_openings, record_of
    from search.study.folder import Layout

    folder = Layout.of(config).folder
    if mode.more:
        refuse_if_opened(folder, record_of(folder))
    if mode.replace and (count := kept_openings(folder)):
        say(
            f"{config.name} opened its test {times(count)}. That stays on record: a new study that is tested on the "
            "same data says so at its report's top.",
            err=True,
        )
