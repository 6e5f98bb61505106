"""What a person meets at the command line: above all, that a mistake costs one clear message and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from search_fakes import study

from search.cli.main import main
from search.cli.predict import given_items
from search.cli.search import stopped
from search.ledger.events import StudyCreated
from search.ledger.ledger import create_ledger
from search.ledger.state import Outcome
from search.preflight.data import begun_with, read_data, read_test
from search.preflight.lineage import read_lineage
from search.preflight.preflight import first_look
from search.session.mode import Mode
from search.session.open_study import found_state, open_study
from search.session.session import SearchOutcome
from search.study.folder import Layout
from search.study.yaml_file import load_study
from trainables.errors import UserError

STUDY = """
name: {name}
data: {{train: {root}/Train, val: {root}/Val, test: {root}/Test}}
linear_baseline: false
image: {{backbone: mobilenet_v3_small, weights: none, size: 64, max_epochs: 3, search: {{trials: 1}}}}
text: {{backbone: distilbert-base-uncased, weights: none, max_epochs: 3, search: {{trials: 1}}}}
"""
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call `binwise` in this process: exit code and what it said on stderr."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["binwise", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return call


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a small data set and a study of it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for split in ("Train", "Val", "Test"):
        for label in ("Blue", "Green"):
            folder = tmp_path / "data" / split / label
            folder.mkdir(parents=True)
            for number in range(4):
                pixels = rng.integers(0, 255, (70, 70, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{split}_thing_{number}.jpg")
    write_study(tmp_path)
    return tmp_path


def write_study(folder: Path, more: str = "", name: str = "small") -> Path:
    """study.yaml in `folder`, with more text at its end."""
    path = folder / "study.yaml"
    path.write_text(STUDY.format(name=name, root=folder / "data") + more)
    return path


def written(folder: Path) -> list[str]:
    """What lies below mlruns, caches not counted."""
    return sorted(str(path) for path in folder.glob("mlruns/studies/*"))


def assert_refused(outcome: tuple[int, str], *words: str) -> None:
    """Exit code 2, one message without a traceback, with these words in it."""
    code, message = outcome
    assert code == 2
    assert message.startswith("Error: ")
    assert "Traceback" not in message
    for word in words:
        assert word in message


def test_missing_folder_is_named(run: Run, here: Path) -> None:
    """A split's folder that isn't there is named, and no study begins."""
    assert_refused(run("search", "study.yaml", "--set", f"data.val={here}/data/Vall"), "data/Vall")
    assert written(here) == []


def test_missing_test_split_is_known_before_the_search(run: Run, here: Path) -> None:
    """Whoever forgot the test split learns it before hours of search, not after."""
    assert_refused(run("run", "study.yaml", "--set", f"data.test={here}/data/Tset"), "data/Tset")
    assert written(here) == []


def test_broken_test_picture_is_known_before_the_search(run: Run, here: Path) -> None:
    """A picture of the test split that can't be decoded costs hours nobody: it is named, and no study begins."""
    broken = here / "data/Test/Green/Test_thing_2.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    assert_refused(run("run", "study.yaml"), "Test_thing_2.jpg", "1 of 8 aren't")
    assert written(here) == []


@pytest.mark.parametrize("split", ["Train", "Val"])
def test_train_or_val_is_no_test(run: Run, here: Path, split: str) -> None:
    """Whoever names the wrong folder learns it before the search: by what the files hold, so a copy is no other one."""
    shutil.copytree(here / "data" / split, here / "copy")
    assert_refused(run("search", "study.yaml", "--set", "data.test=copy"), "all 8 test samples are in", "data.test")
    assert written(here) == []


def test_empty_split_is_refused(run: Run, here: Path) -> None:
    """A split without pictures is an error that names it."""
    for picture in (here / "data" / "Val").rglob("*.jpg"):
        picture.unlink()
    assert_refused(run("search", "study.yaml"), "Val")
    assert written(here) == []


@pytest.mark.parametrize("split", ["Val", "Test"])
def test_unknown_class_is_refused(run: Run, here: Path, split: str) -> None:
    """A class that train lacks is named, with those that it has; in test as well, before the search."""
    (here / "data" / split / "Green").rename(here / "data" / split / "Gren")
    assert_refused(run("search", "study.yaml"), "Gren", "Blue", "Green")
    assert written(here) == []


@pytest.mark.parametrize("split", ["val", "test"])
def test_label_that_train_lacks(run: Run, here: Path, split: str) -> None:
    """A label of a CSV that no training sample has: the file, the line, and the labels that there are."""
    table = here / f"{split}.csv"
    table.write_text("text,label\nold bottle,Blue\nnew bottle,Red\n")
    options = ("--set", "modalities=[text]", "--set", f"data.{split}={table}")
    assert_refused(run("search", "study.yaml", *options), f"{split}.csv", '"Red" (line 3)', '"Blue", "Green"')
    assert written(here) == []


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_blank_text(run: Run, here: Path, split: str) -> None:
    """A text study's sample without a text: the file and the line, before anything begins."""
    table = here / f"{split}.csv"
    table.write_text("text,label\nold bottle,Blue\n  ,Green\n")
    options = ("--set", "modalities=[text]", "--set", f"data.{split}={table}")
    assert_refused(run("search", "study.yaml", *options), f"{split}.csv", "line 3", "text")
    assert written(here) == []


def test_csv_without_its_column(run: Run, here: Path) -> None:
    """A CSV that lacks a column: the file, the column, and the ones it has."""
    table = here / "train.csv"
    table.write_text("text,klass\nold bottle,Blue\n")
    assert_refused(run("search", "study.yaml", "--set", f"data.train={table}"), "train.csv", "label", "klass")


def test_misspelt_key_gets_a_hint(run: Run, here: Path) -> None:
    """A key that doesn't exist: did you mean ...?"""
    assert_refused(run("search", "study.yaml", "--set", "image.max_epoch=3"), "image.max_epoch", "max_epochs")


def test_all_faults_come_at_once(run: Run, here: Path) -> None:
    """Three mistakes need one run to be found, not three."""
    more = "  \ntext: {learning_rat: 1, search: {space: {learning_rate: {type: float, low: 3, high: 1}}}}\n"
    text = STUDY.format(name="a/b", root=here / "data")
    (here / "study.yaml").write_text(text[: text.index("text:")] + more)
    assert_refused(run("search", "study.yaml"), "name", "learning_rat", "`low <= high` must hold")


@pytest.mark.parametrize(
    ("dimension", "rule"),
    [
        ("{type: float, low: 3, high: 1}", "`low <= high` must hold, but got (low=3.0, high=1.0)"),
        ("{type: float, low: 0, high: 1, log: true}", "`low > 0` must hold for a log range"),
    ],
)
def test_impossible_ranges(run: Run, here: Path, dimension: str, rule: str) -> None:
    """The rule, and what was given."""
    assert_refused(run("search", "study.yaml", "--set", f"text.search.space.learning_rate={dimension}"), rule)


def test_unknown_modality(run: Run, here: Path) -> None:
    """The modalities that exist are listed."""
    assert_refused(run("search", "study.yaml", "--set", "modalities=[image, sound]"), "sound", "image, text")


def test_study_name_with_a_slash(run: Run, here: Path) -> None:
    """A name becomes a folder's: a slash could lead out of the runs."""
    assert_refused(run("search", "study.yaml", "--set", "name=../evil"), "name", "../evil")
    assert not (here / "evil").exists()


def test_study_of_that_name_is_there(run: Run, here: Path) -> None:
    """An older study isn't overwritten, nor a folder that is none; the message says what there is and what to do."""
    folder = here / "mlruns" / "studies" / "small"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    assert_refused(run("search", "study.yaml"), "mlruns/studies/small")
    (folder / "notes.txt").unlink()
    study = {"name": "small", "modalities": ["image"]}
    create_ledger(folder / "ledger.jsonl", StudyCreated(study=study, uid="u", data={}, versions={}), 0.0)
    assert_refused(run("search", "study.yaml"), "'small' is there already", "0 of 0 trials", "--resume", "name=")


def test_unknown_study(run: Run, here: Path) -> None:
    """A study that was never run: those that were are listed."""
    folder = here / "mlruns" / "studies" / "other"
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text("name: other\n")
    assert_refused(run("report", "small"), "small", "other")


def test_missing_study_file(run: Run, here: Path) -> None:
    """A config that isn't there: those beside it are listed."""
    assert_refused(run("search", "studdy.yaml"), "studdy.yaml", "study.yaml")


def test_hostile_names_obey_nobody(run: Run, here: Path) -> None:
    """What a terminal would obey in a path, a name, a label is escaped; names on one line; too long ones are told."""
    hostile = "\x1b[2J\r\u202e[/red]\udcff"
    given = (
        ("plan", f"{hostile}.yaml"),
        ("status", hostile),
        ("predict", hostile, "a.jpg"),
        ("data", "import", hostile, "x"),
    )
    for arguments in given:
        outcome = run(*arguments)
        assert_refused(outcome, "\\x1b[2J", "[/red]")
        assert not any(char in outcome[1] for char in "\x1b\r\u202e\udcff")
    assert_refused(run("status", "n" * 300), "short enough", "n" * 300)
    (here / "data/Val/Green").rename(here / "data/Val/\x1b[2JGr\nError: en")
    assert_refused(run("search", "study.yaml"), '"\\x1b[2JGr\\nError: en"')


def test_a_budget_before_the_first_epoch_says_how_to_go_on(here: Path) -> None:
    """What it is, and how to raise it; with an epoch on record there is something to analyze."""
    config = load_study(here / "study.yaml", ["time_budget=1s"])
    ended = SearchOutcome(here, Outcome.TIME_BUDGET, None, None, by_deadline=False, ended=0, planned=4)
    assert stopped(config, ended) == (
        "The time budget (time_budget: 1s) was used up before the first epoch ended, so there is nothing to analyze "
        "yet. Go on with more: binwise search STUDY.yaml --resume --set time_budget=1h"
    )
    assert stopped(config, replace(ended, epochs=1)) is None


def test_an_input_given_twice(run: Run, here: Path) -> None:
    """A text may have several captions; a sample has one picture."""
    assert given_items(None, ["text=old", "text=jar", "text=old"]) == {"text": ("old", "jar")}
    picture = next((here / "data/Train/Blue").iterdir()).relative_to(here)
    twice = ("--input", f"image={picture}", "--input", f"image={picture}")
    assert_refused(run("predict", "small", *twice), "a sample has one image, but 2 are given")


def test_predict_needs_something(run: Run, here: Path) -> None:
    """Neither a picture nor a text is no question."""
    assert_refused(run("predict", "small"), "picture", "text")


def test_ui_without_a_record(run: Run, here: Path) -> None:
    """The UI has nothing to show before the first study."""
    assert_refused(run("ui"), "mlflow.db")


def test_import_of_an_unknown_class(run: Run, here: Path) -> None:
    """The folders that exist are listed, and the destination isn't made."""
    assert_refused(run("data", "import", "data/Train", "out", "--classes", "Blue,Red"), "Red", "Green")
    assert not (here / "out").exists()


def test_demo_into_a_folder_in_use(run: Run, here: Path) -> None:
    """A folder with other things in it is left alone."""
    before = sorted((here / "data").rglob("*"))
    assert_refused(run("data", "demo", "data", "--scale", 60), "data")
    assert sorted((here / "data").rglob("*")) == before


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    """`--help` answers at once: none of the heavy libraries is imported for it."""
    code = (
        "import sys; sys.argv = ['binwise', '--help']\n"
        "from search.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    print(sorted({'torch', 'ray', 'mlflow', 'optuna', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.strip().endswith("[]")
    assert "Commands" in found.stdout


def test_a_begun_study_is_tested_with_its_own_classes(tmp_path: Path) -> None:
    """Labels that a new study would be refused for were taken when it began, and are known when it goes on."""
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.csv").write_text("text,label\na,10\nb,2\nc,02\n")
    data = {name: str(tmp_path / f"{name}.csv") for name in ("train", "val", "test")}
    config = study(tmp_path, modalities=["text"], data=data)
    layout, classes = Layout.of(config), ["02", "10", "2"]
    with pytest.raises(UserError, match="one spelling"):
        first_look(config, layout, begun_with(found_state(layout)))
    splits = read_data(config, classes)
    lineage = read_lineage(config, splits, None, layout)
    open_study(config, layout, splits, Mode(), shown_study=config, lineage=lineage).close()
    again = first_look(config, layout, begun_with(found_state(layout)))
    test = read_test(config, again["train"].classes)
    assert test is not None
    assert (list(test.classes), test.counts()) == (classes, dict.fromkeys(classes, 1))
