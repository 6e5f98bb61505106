"""`binwise sync`: MLflow is given whatever it lacks of a study's record."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from search.cli.find_study import recorded
from search.cli.json_output import json_alone
from search.cli.options import RUNS, AsJson, Runs, StudyRef
from search.cli.register import keep_tested_model
from search.show.say import json_text, say


def sync(
    study: StudyRef,
    uri: Annotated[str | None, typer.Option(help="Another tracking store; it gets everything.")] = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> None:
    """Send MLflow whatever it lacks of a study's record, and look whether it agrees; twice is as good as once."""
    from search.exports.sync import sync as sync_study

    config, folder = recorded(study, runs)
    with json_alone(wanted=as_json):
        keep_tested_model(config, folder)
    result = sync_study(folder, uri)
    say(json_text(result.as_dict(), indent=1) if as_json else _told(result))
    if not result.agrees:
        raise typer.Exit(1)


def _told(result: Any) -> str:
    """What was done, a line each."""
    counts = (("made", result.created), ("completed", result.changed))
    done = [f"{len(keys)} run{'' if len(keys) == 1 else 's'} {word}" for word, keys in counts if keys]
    lines = [f"{result.uri}: {result.trials} trials, {', '.join(done) or 'nothing was lacking'}"]
    for word, ids in (("Twice there, marked and closed", result.duplicates), ("Of no trial, closed", result.orphans)):
        lines += [f"  {word}: run {run_id}" for run_id in ids]
    lines += [f"  Registered: the model {name}" for name in result.registered]
    lines += [f"  Can't be put right: {problem}" for problem in result.problems]
    lines.append("MLflow holds what is on record." if result.agrees else "MLflow differs from what is on record.")
    return "\n".join(lines)
