"""`binwise search`, `run` and `resume`: a study's trials, and all that comes after them."""

from __future__ import annotations

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
    EventsAsJson,
    More,
    Overrides,
    Replace,
    Resume,
    Runs,
    StudyFile,
    StudyRef,
    WarmStart,
)
from search.cli.results import analyze_study, report_study, test_study
from search.session.mode import Mode
from search.show.say import say

if TYPE_CHECKING:
    from search.session.session import SearchOutcome
    from search.study.config import StudyConfig

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
    ) -> None:
        from search.study.yaml_file import load_study

        with json_alone(wanted=as_json) as json_out:
            config = load_study(_study_of(study, budget), overrides or [])
            after(config, search_study(config, Mode(replace, resume, more, warm_start), json_out))

    command.__doc__ = doc
    return command


def _study_of(given: Path, budget: str) -> Path:
    """A study's file; one that is made now where data were given instead."""
    if not given.is_dir() and given.suffix.lower() != ".csv":
        return given
    path = begun(given, budget, None, None)
    say(f"Study: {path}")
    return path


def resume_command(study: StudyRef, runs: Runs = RUNS, more: More = 0, as_json: EventsAsJson = False) -> None:
    """Go on with a study that was stopped, killed or finished (--more), as it was begun."""
    with json_alone(wanted=as_json) as json_out:
        config, _ = recorded(study, runs)
        say_next(config, search_study(config, Mode(resume=True, more=more), json_out))


def say_next(config: StudyConfig, outcome: SearchOutcome) -> None:
    """Where the study is, and the command that comes next."""
    say(f"Study: {outcome.folder}\nNext: binwise analyze {config.name}")


def finish(config: StudyConfig, outcome: SearchOutcome) -> None:
    """Analyze, test once where there is a test split, report."""
    analyze_study(config, outcome.folder)
    if config.data.test is not None:
        test_study(config, outcome.folder, None, accept_changes=False)
    report_study(config, outcome.folder)


def search_study(config: StudyConfig, mode: Mode, json_out: TextIO | None) -> SearchOutcome:
    """The search, to an end after which there is something to analyze; else the command ends here."""
    outcome = searched(config, mode, json_out)
    if (why := stopped(config, outcome)) is not None:
        say(why, err=True)
        raise typer.Exit(_exit_code(outcome))
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
    from search.show.console import console

    check_local_resources(config)
    # From here on it takes seconds: Ray and torch are imported.
    from search.session.run import run_search

    _mind_the_test(config, mode)
    return run_search(config, console(), mode, json_out=json_out)


def stopped(config: StudyConfig, outcome: SearchOutcome) -> str | None:
    """Why the study isn't over, and how to go on; None where it is."""
    from search.ledger.state import Outcome
    from search.show.status import RAISED

    if outcome.outcome == Outcome.TIME_BUDGET and not outcome.epochs:
        return (
            f"The time budget (time_budget: {config.time_budget}) was used up before the first epoch ended, so "
            "there is nothing to analyze yet. Go on with more: binwise search STUDY.yaml --resume --set "
            f"time_budget={RAISED}"
        )
    if outcome.outcome in (Outcome.FINISHED, Outcome.TARGET, Outcome.TIME_BUDGET):
        return None
    why = f": {outcome.detail}" if outcome.detail else ""
    return (
        f"{outcome.outcome.value.replace('_', ' ').capitalize()}{why}. {outcome.ended} of {outcome.planned} trials "
        f"ended; what ran goes on from its last state.\nGo on with: binwise resume {config.name}"
    )


def _exit_code(outcome: SearchOutcome) -> int:
    """130 or 143 as the signal has it, else 1."""
    from search.ledger.state import Outcome

    return 128 + (outcome.signal or signal.SIGINT) if outcome.outcome == Outcome.INTERRUPTED else 1


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
