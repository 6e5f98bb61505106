"""`binwise reproduce`: the selected trials trained again from the record, and whether the same comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.cli.find_study import recorded
from search.cli.options import RUNS, AsJson, Runs, StudyRef
from search.show.say import json_text, say
from trainables.errors import UserError
from trainables.names import REPRODUCED_FILE, VAL
from trainables.words import counted

if TYPE_CHECKING:
    from analysis.numbers.sameness import Sameness, Spread
    from analysis.results import SelectedModel
    from search.session.again import Recorded
    from search.study.config import StudyConfig


@dataclass(frozen=True)
class Reproduced:
    """One trial that was trained again."""

    trial_id: str
    epoch: int  # the selected one, up to which it was trained
    seed: int
    device: str  # a GPU's name, or `cpu`
    sameness: Sameness
    refit: Spread | None  # of the val accuracies with other seeds, all at that epoch; None: not asked for


@dataclass(frozen=True)
class Reproduction:
    """A study's selected trials trained again."""

    study: str
    trials: tuple[Reproduced, ...]
    changed: tuple[str, ...]  # packages of other versions than the study began with
    folder: Path  # where the new checkpoints lie

    @property
    def different(self) -> bool:
        """Whether a trial isn't the same by more than chance."""
        return any(one.sameness.same == "different" for one in self.trials)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        raw = {**asdict(self), "folder": str(self.folder), "different": self.different}
        for one in raw["trials"]:
            if one["sameness"]["largest"] == float("inf"):
                one["sameness"]["largest"] = None  # JSON has none
        return raw


def reproduce(
    study: StudyRef,
    trial: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A selected trial alone; may be given several times.")
    ] = None,
    refit: Annotated[int, typer.Option(metavar="N", min=0, help="Train with N other seeds, too.")] = 0,
    into: Annotated[
        Path | None, typer.Option(help="A new folder for what is trained; default: RUNS/reproduced/STUDY.")
    ] = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> None:
    """Train a study's selected trials again from its record, and say whether they are the same.

    On the same kind of CPU, with the versions that the study was made with, they are the same bit for bit. Where they
    aren't, it is said by how much; the exit code is 1 where a val accuracy differs by more than chance.
    """
    config, folder = recorded(study, runs)
    found = reproduce_study(config, folder, into, refit=refit, trials=trial or ())
    if as_json:
        say(json_text(found.as_dict(), indent=1))
    else:
        for line in reproduction_lines(found):
            say(line)
    if found.different:
        raise typer.Exit(1)


def reproduce_study(
    config: StudyConfig, folder: Path, into: Path | None = None, *, refit: int = 0, trials: Sequence[str] = ()
) -> Reproduction:
    """Train the selected trials (or those of these ids) again, heads and members of the ensemble included.

    What comes out lies in `into`, which appears whole or not at all, with `reproduced.json`. UserError where the study
    isn't analyzed, a trial isn't selected or can't be trained, the data have changed, or the folder isn't free.
    """
    from analysis.store import read_selection
    from search.session.again import Recorded
    from trainables.data.files import new_folder

    chosen = _chosen(read_selection(folder).chosen.by_trial(), trials)
    record = Recorded.at(config, folder)
    record.check_data()
    destination = (into or folder.parent.parent / "reproduced" / folder.name).absolute()
    with new_folder(destination) as place:
        found = tuple(_again(record, model, place, refit) for model in chosen)
        result = Reproduction(record.layout.name, found, tuple(record.changed_versions()), destination)
        (place / REPRODUCED_FILE).write_text(json.dumps(result.as_dict(), indent=1, sort_keys=True) + "\n", "utf-8")
    return result


def _chosen(selected: Mapping[str, SelectedModel], trials: Sequence[str]) -> list[SelectedModel]:
    strange = [one for one in trials if one not in selected]
    if strange:
        raise UserError(
            f"--trial must be one of the selected trials {', '.join(selected)}, but got {', '.join(strange)}."
        )
    return [model for trial_id, model in selected.items() if not trials or trial_id in trials]


def _again(record: Recorded, model: SelectedModel, place: Path, refit: int) -> Reproduced:
    from analysis.numbers.sameness import sameness, spread
    from trainables.checkpoint import read_val_logits

    trial_id, epoch = model.trial_id, model.best_epoch
    kept = read_val_logits(record.layout.folder / model.checkpoint)
    if kept is None:
        raise UserError(
            f"A trial can be compared where its val logits were kept, but {trial_id} has none beside its checkpoint: "
            "an earlier version trained it."
        )
    again = record.train(trial_id, epoch, place)
    same = sameness(kept, again.val_logits, record.splits[VAL].labels)
    others = [
        record.train(trial_id, epoch, place / f"seed_{shift}", shift).epochs[-1].val_accuracy
        for shift in range(1, refit + 1)
    ]
    return Reproduced(trial_id, epoch, record.seed(trial_id), again.device, same, spread(others) if others else None)


def reproduction_lines(found: Reproduction) -> list[str]:
    """What came out, as a person reads it."""
    lines = [line for one in found.trials for line in _trial_lines(one)]
    inexact = any(one.sameness.same != "bit for bit" for one in found.trials)
    if inexact and found.changed:
        lines.append(f"Other versions than the study was begun with: {', '.join(found.changed)}.")
    elif inexact:
        lines.append("Another kind of processor or GPU rounds otherwise; on a GPU no two trainings are the same bits.")
    return [*lines, f"Checkpoints: {found.folder}"]


def _trial_lines(one: Reproduced) -> Iterator[str]:
    same, where = one.sameness, f"{one.trial_id}, epoch {one.epoch}, seed {one.seed}, {one.device}"
    samples = counted(same.samples, f"{VAL} sample")
    if same.same == "bit for bit":
        yield f"{where}: the same bit for bit ({VAL} accuracy {same.again:.1%}, {samples})"
    else:
        alike = "alike, but not bit for bit" if same.same == "alike" else "different"
        yield (
            f"{where}: {alike}: logits differ by up to {same.largest:.2g}, {same.decided_otherwise:,} of {samples} are "
            f"decided otherwise, {VAL} accuracy {same.again:.1%} instead of {same.before:.1%} (p {same.p:.2g})"
        )
    if one.refit is not None:
        spread = one.refit
        deviation = "" if spread.deviation is None else f", standard deviation {100 * spread.deviation:.1f} points"
        yield (
            f"  {counted(len(spread.accuracies), 'other seed')}, to the same epoch: {VAL} accuracy {spread.mean:.1%} "
            f"on average{deviation}, from {min(spread.accuracies):.1%} to {max(spread.accuracies):.1%}; "
            f"{same.before:.1%} was chosen as the best of its search"
        )
