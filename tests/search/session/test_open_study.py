"""A study is begun or gone on with: what is there, what may have changed, and the files that are made again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search_fakes import epoch, study
from split_fakes import made_split

from analysis.store import read_data_warnings
from search.ledger.body import Kind
from search.ledger.events import (
    AttemptBegan,
    AttemptEnded,
    EpochEnded,
    SessionBegan,
    SessionEnded,
    StudyCreated,
    TrialCreated,
    TrialEnded,
)
from search.ledger.ledger import Ledger, create_ledger, read_ledger
from search.ledger.lines import mirror_of
from search.ledger.state import Outcome
from search.preflight.lineage import read_lineage
from search.session.mode import Mode
from search.session.open_study import already_there, continued, found_state, is_over, open_study, remove_study
from search.study.config import StudyConfig
from search.study.counter import without_counter
from search.study.folder import Layout
from search.study.yaml_file import load_study
from trainables.data.check.findings import Finding
from trainables.data.samples import Split
from trainables.data.study_data import read_study_data
from trainables.errors import UserError
from trainables.records import StopReason

SPACE = {"batch_size": {"type": "choice", "choices": [16, 32]}}
RESUME = Mode(resume=True)


def config(folder: Path, trials: int = 3, **changes: Any) -> StudyConfig:
    """A study of images alone."""
    search = {"space": SPACE, "trials": trials, **changes.pop("search", {})}
    return study(folder, image={"search": search}, modalities=["image"], **changes)


def splits(text: str = "bottle") -> dict[str, Split]:
    """Train and val of two samples each."""

    def split(words: str) -> Split:
        return made_split(("a", "b"), (words, "can"), np.array([0, 1]), (None, None), ("Blue", "Green"))

    return {"train": split(text), "val": split("glass")}


def opened(
    made: StudyConfig, how: Mode = RESUME, data: dict[str, Split] | None = None, test: Split | None = None
) -> Ledger:
    """The study's ledger."""
    data, layout = data or splits(), Layout.of(made)
    lineage = read_lineage(made, data, test, layout)
    return open_study(made, layout, data, how, shown_study=made, lineage=lineage)


def run_trials(ledger: Ledger, count: int, outcome: Outcome | None = Outcome.FINISHED) -> None:
    """A session that runs so many trials to their ends; without an outcome it is killed."""
    ledger.append(SessionBegan("here", 1))
    for number in range(len(ledger.state.trials), len(ledger.state.trials) + count):
        values = {"batch_size": 32, "head_widths": [512, 256]}
        trial = f"image_{number:03d}"
        ledger.append(TrialCreated(number, "image", {"batch_size": 32}, values, inside=True), trial)
        ledger.append(AttemptBegan(1, 0), trial)
        ledger.append(EpochEnded(epoch(1, 0.5 + number / 100), ends=StopReason.COMPLETED), trial)
        ledger.append(AttemptEnded(StopReason.COMPLETED), trial)
        ledger.append(TrialEnded(StopReason.COMPLETED), trial)
    if outcome is not None:
        ledger.append(SessionEnded(outcome))
    ledger.close()


def test_a_new_study_is_on_record(tmp_path: Path) -> None:
    """Its config, data, versions and an id of its own; its two files lie beside it. Nothing of it was there before."""
    made = config(tmp_path)
    layout = Layout.of(made)
    assert found_state(layout) is None
    assert continued(made, None, Mode()) is made
    state = opened(made, Mode()).state
    assert (state.name, state.trials, state.warm) == ("demo", {}, {})
    assert state.study == made.model_dump(mode="json")
    assert (state.data["train"]["samples"], state.data["val"]["classes"]) == (2, ["Blue", "Green"])
    assert {"torch", "ray"} <= set(state.versions)
    assert len(state.uid) == 32
    assert load_study(layout.study_file) == made
    assert read_study_data(layout.data_file)["val"].classes == ("Blue", "Green")


def test_an_empty_folder_is_no_study(tmp_path: Path) -> None:
    """It may have been made beforehand; one that holds other files is left alone, with a remedy."""
    made = config(tmp_path)
    layout = Layout.of(made)
    layout.folder.mkdir(parents=True)
    assert found_state(layout) is None
    opened(made, Mode()).close()
    assert found_state(layout) is not None
    layout.ledger_file.unlink()
    assert found_state(layout) is not None  # its copy is there
    mirror_of(layout.ledger_file).unlink()
    with pytest.raises(UserError, match="holds other files") as error:
        found_state(layout)
    assert "--replace" in str(error.value)
    assert layout.study_file.exists()


def test_a_study_that_is_there_is_gone_on_with_on_request_only(tmp_path: Path) -> None:
    """Else the message tells how far it is and what can be done."""
    made = config(tmp_path)
    run_trials(opened(made, Mode()), 2, Outcome.INTERRUPTED)
    state = found_state(Layout.of(made))
    assert state is not None
    with pytest.raises(UserError) as error:
        continued(made, state, Mode())
    text = str(error.value)
    assert text == already_there(state)
    assert "2 of 2 trials ended, the best val accuracy is 0.510 (image_001), its search isn't over" in text
    assert "To go on with --resume; to begin anew use --replace, or another name (--set name=...)." in text
    assert continued(made, state, RESUME) == made
    run_trials(opened(made), 1)
    state = found_state(Layout.of(made))
    assert state is not None
    assert "its search is over. To extend it with --more N" in already_there(state)


def test_what_doesn_t_go_together_is_refused(tmp_path: Path) -> None:
    """More trials of a study that never ran; another study's lessons in the middle of one."""
    made = config(tmp_path)
    with pytest.raises(UserError, match="leave --more out"):
        continued(made, None, Mode(more=2))
    opened(made, Mode()).close()
    state = found_state(Layout.of(made))
    with pytest.raises(UserError, match="--warm-start doesn't go with --resume"):
        continued(made, state, Mode(resume=True, warm_start="other"))


def test_changes_are_on_record_or_refused(tmp_path: Path) -> None:
    """A free key's change is written down and its file made again; a fixed one's leaves everything as it was."""
    made = config(tmp_path)
    opened(made, Mode()).close()
    layout = Layout.of(made)
    state = found_state(layout)
    budget = config(tmp_path, time_budget="2h")
    ledger = opened(continued(budget, state, RESUME))
    assert ledger.state.study["time_budget"] == "2h"
    assert load_study(layout.study_file).time_budget == "2h"
    ledger.close()
    assert opened(budget).state.next_seq == 2  # nothing has changed this time
    content = layout.ledger_file.read_bytes()
    with pytest.raises(UserError, match="'demo' was begun with other values:\n  seed: 0 -> 7\n"):
        continued(config(tmp_path, seed=7), found_state(layout), RESUME)
    assert layout.ledger_file.read_bytes() == content


def test_more_trials_add_up(tmp_path: Path) -> None:
    """They count from what was planned last, whatever the file says; fewer are never planned."""
    made = config(tmp_path, trials=3)
    run_trials(opened(made, Mode()), 3)
    layout = Layout.of(made)
    for planned in (5, 7):
        state = found_state(layout)
        more = continued(made, state, Mode(more=2))
        assert more.image.search.trials == planned
        assert not is_over(more, state)
        run_trials(opened(more), 2)
        assert is_over(more, found_state(layout))
    assert continued(made, found_state(layout), RESUME).image.search.trials == 7


def test_a_search_is_over_when_nothing_is_left(tmp_path: Path) -> None:
    """Not where it was interrupted, killed, extended or changed; another place for MLflow's record is no change."""
    made = config(tmp_path)
    run_trials(opened(made, Mode()), 2, Outcome.INTERRUPTED)
    layout = Layout.of(made)
    assert not is_over(made, None)
    assert not is_over(made, found_state(layout))
    run_trials(opened(made), 1, None)
    assert not is_over(made, found_state(layout))
    run_trials(opened(made), 0)
    assert is_over(made, found_state(layout))
    assert is_over(config(tmp_path, tracking={"uri": "http://someone:secret@host"}), found_state(layout))
    assert not is_over(config(tmp_path, trials=4), found_state(layout))
    assert not is_over(config(tmp_path, search={"target": 0.99}), found_state(layout))


def test_a_reached_target_ends_a_search(tmp_path: Path) -> None:
    """Trials may be left; with a higher target it goes on."""
    made = config(tmp_path, search={"target": 0.5})
    run_trials(opened(made, Mode()), 1, Outcome.TARGET)
    state = found_state(Layout.of(made))
    assert is_over(made, state)
    assert not is_over(config(tmp_path, search={"target": 0.6}), state)


def test_changed_data_are_refused(tmp_path: Path) -> None:
    """The message names what differs; the record and the files stay, and the ledger can be opened again."""
    made = config(tmp_path)
    opened(made, Mode()).close()
    layout = Layout.of(made)
    table = layout.data_file.read_bytes()
    with pytest.raises(UserError, match=r"train or val has changed since 'demo' began:\n  train\.digest: "):
        opened(made, data=splits("another text"))
    assert layout.data_file.read_bytes() == table
    assert opened(made).state.next_seq == 1


def texts(*words: str) -> Split:
    """A split of texts alone."""
    ids = tuple(f"row-{number}" for number in range(len(words)))
    return made_split(ids, words, np.zeros(len(words), dtype=np.int64), (None,) * len(words), ("Blue", "Green"))


def text_config(folder: Path) -> StudyConfig:
    """A study of texts alone."""
    return study(folder, modalities=["text"])


def test_changed_samples_are_named(tmp_path: Path) -> None:
    """By the manifest that lies in the study's folder; the test split's sizes and digest are on record, too."""
    made, before = text_config(tmp_path), {"train": texts("jar", "can"), "val": texts("cup")}
    state = opened(made, Mode(), before, texts("pot")).state
    assert {split: facts["samples"] for split, facts in state.bound.items()} == {"train": 2, "val": 1, "test": 1}
    assert state.data["train"]["manifest"] == state.bound["train"]["manifest"]
    kept = (Layout.of(made).folder / "test_manifest.csv").read_bytes()
    with pytest.raises(UserError, match="since 'demo' began") as error:
        opened(made, data={"train": texts("jar", "tin"), "val": texts("cup")})
    assert str(error.value).splitlines()[1:3] == ["  train: 1 sample with another text or other values:", "  row-1"]
    ledger = opened(made, data=before, test=texts("pan"))  # said before, and refused by `binwise test`
    assert (ledger.state.bound, ledger.state.next_seq) == (state.bound, 1)
    assert (Layout.of(made).folder / "test_manifest.csv").read_bytes() == kept


def without_manifests(made: StudyConfig) -> Layout:
    """The study as an earlier version began it."""
    layout = Layout.of(made)
    created = read_ledger(layout.ledger_file)[0][0]
    for path in (layout.ledger_file, mirror_of(layout.ledger_file), *layout.folder.glob("*manifest.csv")):
        path.unlink()
    assert isinstance(created.body, StudyCreated)
    data = {split: {k: v for k, v in one.items() if k != "manifest"} for split, one in created.body.data.items()}
    create_ledger(layout.ledger_file, replace(created.body, data=data, test=None), created.at)
    return layout


def test_a_study_that_began_without_manifests_is_bound_when_it_goes_on(tmp_path: Path) -> None:
    """To data that are what its record knows of them; from then on a change is named. Its first lines stay."""
    made, data = text_config(tmp_path), {"train": texts("jar", "can"), "val": texts("cup")}
    opened(made, Mode(), data).close()
    layout = without_manifests(made)
    with pytest.raises(UserError, match=r"since 'demo' began:\n  train\.digest"):
        opened(made, data={**data, "train": texts("jar", "tin")})
    state = opened(made, data=data, test=texts("pot")).state
    assert [event.kind for event in read_ledger(layout.ledger_file)[0]] == [Kind.STUDY_CREATED, Kind.DATA_BOUND]
    assert set(state.bound) == {"train", "val", "test"}
    assert {path.name for path in layout.folder.glob("*manifest.csv")} == {"manifest.csv", "test_manifest.csv"}
    assert opened(made, data=data, test=texts("pot")).state.next_seq == 2
    with pytest.raises(UserError, match="1 sample with another text or other values"):
        opened(made, data={**data, "train": texts("jar", "tin")})


@pytest.mark.parametrize("content", [None, b"", b"{"])
def test_damaged_files_are_made_again(tmp_path: Path, content: bytes | None) -> None:
    """The config and the data's table come from the record and the data; whole ones aren't written."""
    made = config(tmp_path)
    opened(made, Mode()).close()
    layout = Layout.of(made)
    files = (layout.study_file, layout.data_file, layout.folder / "manifest.csv")
    wanted = [file.read_bytes() for file in files]
    for file in files:
        file.unlink() if content is None else file.write_bytes(content)
    opened(made).close()
    assert [file.read_bytes() for file in files] == wanted
    before = [file.stat().st_ino for file in files]
    opened(made).close()
    assert [file.stat().st_ino for file in files] == before


def test_a_new_study_learns_from_another(tmp_path: Path) -> None:
    """What it learned is in its own record, so that the other one may go; a wrong name leaves no study behind."""
    run_trials(opened(config(tmp_path), Mode()), 2)
    made = config(tmp_path, name="second")
    with pytest.raises(UserError, match="got 'nobody'"):
        opened(made, Mode(warm_start="nobody"))
    assert not Layout.of(made).folder.exists()
    opened(made, Mode(warm_start="demo")).close()
    remove_study(Layout.of(config(tmp_path)))
    _, state = read_ledger(Layout.of(made).ledger_file)
    assert state.warm["from"] == "demo"
    assert [one["values"] for one in state.warm["trials"]["image"]] == [{"batch_size": 32}] * 2


def test_a_removed_study_is_gone(tmp_path: Path) -> None:
    """With all its files; others stay, and one that isn't there is no fault."""
    made, other = config(tmp_path), config(tmp_path, name="other")
    for one in (made, other):
        opened(one, Mode()).close()
    for _ in range(2):
        remove_study(Layout.of(made))
    assert [path.name for path in Layout.of(made).folder.parent.iterdir()] == ["other"]
    opened(made, Mode()).close()


def test_what_the_data_were_found_to_have_is_on_record_from_the_beginning(tmp_path: Path) -> None:
    """Beside the ledger, where the report finds it; a study that goes on keeps what it began with."""
    made = config(tmp_path)
    layout = Layout.of(made)
    finding = Finding("shortcut-counter", "warning", "The number tells.", "It is dropped.", numbers={"low": 0.7})
    lineage = read_lineage(made, splits(), None, layout)
    open_study(made, layout, splits(), Mode(), shown_study=made, lineage=lineage, findings=[finding]).close()
    assert read_data_warnings(layout.folder) == ("The number tells. It is dropped.",)
    open_study(made, layout, splits(), RESUME, shown_study=made, lineage=lineage).close()
    written = json.loads((layout.folder / "data_check.json").read_text("utf-8"))
    assert written["findings"][0]["numbers"] == {"low": 0.7}


def test_a_cleaning_that_was_left_open_stays_as_it_began(tmp_path: Path) -> None:
    """Begun with words since their number told the class, and resumed with the same YAML; a written one must agree."""
    left_open = study(tmp_path, modalities=["text"])
    begun = without_counter(left_open)
    state = opened(begun, Mode()).state
    assert continued(left_open, state, RESUME).text.cleaning == "words"
    with pytest.raises(UserError, match=r"text\.cleaning"):
        continued(study(tmp_path, modalities=["text"], text={"cleaning": "raw"}), state, RESUME)
