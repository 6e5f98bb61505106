"""`binwise data resplit`: a val that resembles test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.find_study import recorded
from search.cli.options import RUNS, Runs
from search.cli.split_table import say_splits
from search.show.say import say
from trainables.errors import UserError
from trainables.names import TRAIN, VAL

if TYPE_CHECKING:
    from search.study.config import StudyConfig
    from trainables.data.making.resplit import ResplitReport


def data_resplit(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A study's YAML file, or one that was run.")],
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A new folder for train.csv and val.csv.")],
    like_test: Annotated[bool, typer.Option("--like-test", help="As far from train as test is, by names.")] = False,
    val: Annotated[float | None, typer.Option(help="Val's share of both; as it was where it isn't given.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    runs: Runs = RUNS,
) -> None:
    """Deal train and val anew, so that val is as far from train as test is. No label of test, no file is touched."""
    from search.preflight.data import read_data, read_test
    from trainables.data.check.shortcuts import sample_names
    from trainables.data.making.resplit import resplit_like_test

    if not like_test:
        raise UserError("It must be said what val is to resemble: add --like-test.")
    config = _config(study, runs)
    splits = read_data(config)
    test = read_test(config, splits[TRAIN].classes)
    if test is None:
        raise UserError("A val like test needs `data.test`, but the study has none. Name it; its labels aren't used.")
    report = resplit_like_test(splits[TRAIN], splits[VAL], sample_names(test), destination, share=val, seed=seed)
    _say(report)


def _config(given: str, runs: Path) -> StudyConfig:
    from search.study.yaml_file import load_study

    return load_study(Path(given)) if given.endswith((".yaml", ".yml")) else recorded(given, runs)[0]


def _say(report: ResplitReport) -> None:
    chosen = report.chosen
    copied = f", {report.copied} of them copies: no links could be made" if report.copied else ""
    say_splits(report.destination, report.counts, f"dealt anew{copied}")
    say(f"  val's share: {chosen.asked:.1%} asked, {chosen.share:.1%} got")
    say(
        f"  how well names that are new to train are told from train's own (area under the curve; 0.5: not at all): "
        f"test {chosen.target:.2f}, val before {chosen.before:.2f}, val now {chosen.after:.2f}"
    )
    say(
        f"  {chosen.whole_names:.0%} of val have names that train lacks, {chosen.whole_blocks:.0%} share no block of "
        "numbers with train"
    )
    folder = report.destination
    say(f"Next: --set data.train={folder / 'train.csv'} --set data.val={folder / 'val.csv'}")
