"""A study's YAML: what loads, and what each mistake says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from study_fakes import MINIMAL, Load, faults, image, space

from search.preflight.data import read_options
from search.space.dimensions import Choice, FloatRange
from search.study.config import FailuresSection, Point, StudyConfig, budget_seconds
from search.study.heads import moved_trial
from search.study.yaml_file import dump_study, load_study
from trainables.data.reading.options import ReadOptions
from trainables.errors import UserError
from trainables.image.backbones import takes_pictures
from trainables.image.config import ImageTrialConfig
from trainables.text.config import TextTrialConfig

REPOSITORY = Path(__file__).parents[3]


def test_defaults_are_the_published_recipe(load: Load, tmp_path: Path) -> None:
    """A name and two splits make a study: both modalities, with the published hyperparameters."""
    study = load()
    assert study.modalities == ("image", "text")
    assert study.section("image").fixed() == ImageTrialConfig().model_dump()
    assert study.section("text").fixed() == TextTrialConfig().model_dump()
    assert study.runs == tmp_path / "mlruns"


def test_paths_are_absolute(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths count from the current directory and ~ is the home folder, as trials run elsewhere."""
    monkeypatch.setenv("HOME", "/home/someone")
    study = load("runs: ~/runs\n", "data.test=test.csv", "tracking.uri=sqlite:///other/mlflow.db")
    assert study.data.train == tmp_path / "data/train"
    assert study.data.test == tmp_path / "test.csv"
    assert study.runs == Path("/home/someone/runs")
    assert study.tracking.uri == f"sqlite:///{tmp_path}/other/mlflow.db"


def test_local_models_are_absolute(load: Load, tmp_path: Path) -> None:
    """A backbone or weights that lie here are found from a trial's directory; a hub's name stays one."""
    (tmp_path / "bert").mkdir()
    (tmp_path / "w.safetensors").touch()
    here = str(tmp_path / "bert")
    study = load(
        "image: {weights: w.safetensors}\n"
        "text: {backbone: bert, search: {points: [{backbone: bert}],"
        " space: {backbone: {type: choice, choices: [bert, hub/name]}}}}\n"
    )
    assert study.image.weights == str(tmp_path / "w.safetensors")
    assert study.text.backbone == here
    assert study.text.search.space["backbone"] == Choice(choices=(here, "hub/name"))
    assert study.text.search.points[0]["backbone"] == here


def test_numbers_are_yaml_1_2(load: Load) -> None:
    """1e-3 is a number, a whole number serves as a float, and `none` is a word."""
    study = load("image: {head_learning_rate: 1e-3, augmentation_strength: 2, weights: none}\n")
    assert study.image.head_learning_rate == 0.001
    assert study.image.augmentation_strength == 2.0
    assert study.image.weights == "none"


@pytest.mark.parametrize("name", ["a/b", "../up", ".hidden", "a b", "", "x" * 81, "ü", '"a\\n"'])
def test_a_name_that_is_no_folder_is_refused(load: Load, name: str) -> None:
    """The study's name becomes a folder's, so it can't lead elsewhere; the message offers one that works."""
    base = MINIMAL.replace("small", name or '""')
    (_, line) = faults(load, base=base)
    assert line.startswith("name: it becomes a folder's name")
    offered = line.rsplit('"', 2)[1]
    assert load(base=MINIMAL.replace("small", offered)).name == offered


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("nmae: 1", "nmae: unknown key; did you mean name? Known: name, description, seed, data,"),
        ("image: {batch_sise: 3}", "image.batch_sise: unknown key; did you mean batch_size? Known: max_epochs,"),
        (
            "image: {lr: 3}",
            "image.lr: unknown key; did you mean minimum_learning_rate or backbone_learning_rate or head_learning_rate",
        ),
        ("text: {wd: 3}", "text.wd: unknown key; did you mean weight_decay? Known: "),
        (
            "image: {search: {shceduler: 3}}",
            "image.search.shceduler: unknown key; did you mean scheduler? Known: trials,",
        ),
        ("modalities: [image, txt]", 'modalities: unknown modality "txt"; did you mean text? Known: image, text.'),
        ("modalities: []", "modalities: at least one must be given, but got []. Known: image, text."),
        ("modalities: [text, text]", 'modalities: each can be given once, but got ["text", "text"].'),
        ("seed: true", "seed: must be a valid integer, but got true."),
        ("seed: -1", "seed: must be greater than or equal to 0, but got -1."),
        ("deploy: {max_members: 0}", "deploy.max_members: must be greater than or equal to 1, but got 0."),
        ("deploy: {max_ms: 0}", "deploy.max_ms: must be greater than 0, but got 0."),
        (
            "deploy: {members: 4}",
            "deploy.members: unknown key; did you mean max_members? Known: fuse_for, alpha, fusions, max_members",
        ),
        (
            "image: {search: {trials: 0, heads: none}}",
            "image.search.trials: a modality must have trials or heads, but got (trials=0, heads=none). Set one",
        ),
        ("linear_baseline: 1", "linear_baseline: must be a valid boolean, but got 1."),
        ("linear_baseline: yes", 'linear_baseline: must be a valid boolean, but got "yes".'),
        ("runs: ''", "runs: must be a path, but got an empty one."),
        ("image: 3", "image: must be a mapping, but got 3."),
        ('image: {batch_size: "3"}', 'image.batch_size: must be a valid integer, but got "3".'),
        ('image: {head_learning_rate: "1e-3"}', 'image.head_learning_rate: must be a valid number, but got "1e-3".'),
        ("image: {head_learning_rate: true}", "image.head_learning_rate: must be a valid number, but got true."),
        ("image: {head_learning_rate: .nan}", "image.head_learning_rate: must be a finite number, but got NaN."),
        ("image: {head_dropouts: [0.1]}", "image: `head_widths` and `head_dropouts` must be of equal length"),
        (image("trials: -1"), "image.search.trials: must be greater than or equal to 0, but got -1."),
        (image("method: tpee"), "image.search.method: must be 'tpe', 'random', 'cmaes' or 'gp', but got \"tpee\"."),
        (image("concurrency: 0"), "image.search.concurrency: must be a whole number from 1 on, or auto, but got 0."),
        (
            image("concurrency: true"),
            "image.search.concurrency: must be a whole number from 1 on, or auto, but got true",
        ),
        (image("resources: {cpus: 0.5}"), "image.search.resources.cpus: must be a whole number from 1 on, or auto"),
        (image("resources: {gpus: -1}"), "image.search.resources.gpus: must be a number from 0 on"),
        (image("resources: {gpus: .inf}"), "image.search.resources.gpus: must be a number from 0 on"),
        (
            image("scheduler: {factor: 1}"),
            "image.search.scheduler.factor: must be greater than or equal to 2, but got 1.",
        ),
        (
            image("scheduler: {grace: 51}"),
            "image.search.scheduler.grace: `grace <= max_epochs` must hold, but got (grace=51, max_epochs=50). "
            "Lower it, or set image.search.scheduler.name to none.",
        ),
        (
            image("trials: 1, points: [{fit: crop}]"),
            "image.search.trials: `trials >= 1 + len(points)` must hold "
            "(the section's own values are the first trial), but got (trials=1, len(points)=1). Set it to 2 or more.",
        ),
        (image("points: [{lr: 1}]"), "image.search.points.0.lr: unknown hyperparameter; did you mean"),
        (
            image("points: [{}, {size: 8}]"),
            "image.search.points.1.size: must be greater than or equal to 32, but got 8.",
        ),
        (image("points: [{head_widths: [9]}]"), "image.search.points.0: `head_widths` and `head_dropouts` must be of"),
        (image("points: [3]"), "image.search.points.0: must be a mapping, but got 3."),
        (
            space("learning_rate: {type: float, low: 0, high: 1}"),
            "image.search.space.learning_rate: unknown hyperparameter; did you mean head_learning_rate",
        ),
        (
            space("head_learning_rate: {type: float, low: 0.01, high: 0.1, log: true}"),
            "image.search.space.head_learning_rate: the first trial runs with the section's own values, and "
            "`head_learning_rate` is 0.001, outside 0.01 to 0.1, log; widen the range or set image.head_learning_rate.",
        ),
        (
            space("batchnorm_momentum: {type: choice, choices: [0.1]}"),
            "image.search.space.batchnorm_momentum: the first trial runs with the section's own values, and "
            "`batchnorm_momentum` is null, outside 0.1; add it to the choices or set image.batchnorm_momentum.",
        ),
        (
            space("head_learning_rate: {type: float, low: 3, high: 1}"),
            "image.search.space.head_learning_rate: `low <= high` must hold, but got (low=3.0, high=1.0).",
        ),
        (space("fit: {type: choice}"), "image.search.space.fit.choices: is required."),
        (
            space("fit: {choices: [pad]}"),
            "image.search.space.fit: must be a mapping with a `type` of float, int or choice",
        ),
        (space("fit: {type: chioce}"), 'a `type` of float, int or choice, but got "chioce".'),
        (
            space("fit: {type: choice, chioces: 1}"),
            "space.fit.chioces: unknown key; did you mean choices? Known: type,",
        ),
        (space("fit: [pad, crop]"), "image.search.space.fit: "),
        (space("fit: {type: choice, choices: [pad, squash]}"), 'image.search.space.fit: at "squash": must be '),
        (
            space("size: {type: float, low: 64, high: 224}"),
            "image.search.space.size: at 64.0: must be a valid integer, but got 64.0.",
        ),
        (
            space("size: {type: int, low: 2, high: 224}"),
            "image.search.space.size: at 2: must be greater than or equal to 32",
        ),
        (
            space("head_widths: {type: choice, choices: [[512, 256], [512]]}"),
            "image.search.space: `head_widths` and `head_dropouts` must be of equal length",
        ),
        ("tracking: {experiment: ''}", "tracking.experiment: String should have at least 1 character"),
        (
            "tracking: {registered_model: a/b}",
            "tracking.registered_model: it becomes a model's name in MLflow's registry",
        ),
    ],
)
def test_each_mistake_is_named(load: Load, more: str, line: str) -> None:
    """A mistake has one line with its key, the rule, what was given and what to do."""
    head, *lines = faults(load, more)
    assert head.startswith("study.yaml: ")
    assert any(line in given for given in lines), lines


@pytest.mark.parametrize("key", ["max_epochs", "patience", "checkpoint_every", "architecture"])
def test_some_keys_cannot_be_searched(load: Load, key: str) -> None:
    """What every trial must share is no dimension; the message says why and where to set it."""
    (_, line) = faults(load, f"text: {{search: {{space: {{{key}: {{type: int, low: 1, high: 99}}}}}}}}")
    assert line.startswith(f"text.search.space.{key}: can't be searched: ")
    assert line.endswith(f"Set text.{key} instead.")


@pytest.mark.parametrize(
    "uri",
    ["mlruns", "./mlruns", "file:mlruns", "file:///data/mlruns", "ftp://host", "sqlite:mlflow.db", "sqlite://", ""],
)
def test_a_tracking_folder_is_refused(load: Load, uri: str) -> None:
    """MLflow keeps no record in plain folders any more: the message gives the SQLite URI to write."""
    (_, line) = faults(load, f"tracking: {{uri: '{uri}'}}")
    assert line.startswith("tracking.uri: ")
    assert load(f"tracking: {{uri: '{line.split(' write ')[1].split(',')[0]}'}}").tracking.uri is not None


@pytest.mark.parametrize(
    "uri",
    ["http://h:5000", "https://h", "postgresql+psycopg://h/d", "mysql://h/d", "databricks", "databricks://profile"],
)
def test_tracking_servers_are_taken(load: Load, uri: str) -> None:
    """A server's or a database's URI is kept as it is."""
    assert load(f"tracking: {{uri: '{uri}'}}").tracking.uri == uri


def test_all_faults_come_in_one_message(load: Load) -> None:
    """Faults of keys and faults between keys, of every section, are listed together, each once."""
    head, *lines = faults(
        load,
        """
nmae: x
modalities: [imgae]
image:
  batch_size: "32"
  head_dropouts: [0.5]
  search:
    trials: 1
    points: [{size: 8}, {fit: crop}]
    space:
      max_epochs: {type: int, low: 1, high: 50}
      size: {type: int, low: 224}
      fit: {type: choice, chioces: [pad]}
      plateau_factor: {type: float, low: 0.6, high: 0.9}
text:
  search:
    scheduler: {grace: 16}
    space:
      lr: {type: float, low: 1, high: 2}
""",
    )
    expected = [
        "nmae",
        "modalities",
        "image",
        "image.batch_size",
        "image.search.trials",
        "image.search.points.0.size",
        "image.search.space.max_epochs",
        "image.search.space.size.high",
        "image.search.space.fit.choices",
        "image.search.space.fit.chioces",
        "image.search.space.plateau_factor",
        "text.search.scheduler.grace",
        "text.search.space.lr",
    ]
    assert sorted(line.split(": ")[0] for line in lines) == sorted(expected)
    assert head == f"study.yaml: {len(expected)} faults"


def test_no_fault_follows_from_another(load: Load) -> None:
    """Where a value is faulty, rules that would look at it are silent instead of judging the default."""
    more = (
        "image: {max_epochs: x, head_learning_rate: y, search: {trials: z, points: [{}, {}], scheduler: {grace: 60}, "
    )
    more += "space: {head_learning_rate: {type: float, low: 1, high: 2}}}}"
    keys = [line.split(":")[0] for line in faults(load, more)[1:]]
    assert sorted(keys) == ["image.head_learning_rate", "image.max_epochs", "image.search.trials"]


def test_the_first_trial_is_the_sections_own(load: Load) -> None:
    """The own values come first, then the points in full; only those that the space could propose teach the sampler."""
    study = load(
        "text: {dropout: 0.2, search: {points: [{dropout: 0.3}, {dropout: 0.4}, {max_length: 32}, {}],"
        " space: {dropout: {type: choice, choices: [0.2, 0.3]}}}}"
    )
    own = {**TextTrialConfig().model_dump(), "dropout": 0.2}
    assert study.first_points("text") == [
        Point(own, True),
        Point({**own, "dropout": 0.3}, True),
        Point({**own, "dropout": 0.4}, False),
        Point({**own, "max_length": 32}, False),
        Point(own, True),
    ]
    with pytest.raises(ValueError, match=r'Unknown modality "audio"'):
        study.section("audio")


def test_without_a_space_only_the_fixed_trials_run(load: Load) -> None:
    """Twenty trials of one and the same configuration would teach nothing."""
    assert load().image.trial_count() == 1
    assert load(image("points: [{fit: crop}]")).image.trial_count() == 2
    assert load(space("fit: {type: choice, choices: [pad, crop]}")).image.trial_count() == 20


def test_a_study_is_frozen(load: Load) -> None:
    """No part of a loaded study can be set, and the values that it hands out are copies."""
    study = load()
    for part, key in ((study, "seed"), (study.image, "size"), (study.image.search, "trials"), (study.data, "train")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, key, 1)
    study.text.fixed()["architecture"]["dim"] = 8
    assert study.text.architecture == {}


def test_a_study_made_in_code_keeps_the_same_rules() -> None:
    """The rules belong to the value, not to the file."""
    with pytest.raises(ValidationError, match="widen the range"):
        StudyConfig.model_validate(
            {
                "name": "a",
                "data": {"train": "t", "val": "v"},
                "text": {"search": {"space": {"weight_decay": FloatRange(low=1, high=2)}}},
            }
        )


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30min", 1800), ("2h", 7200), ("1.5d", 129_600)])
def test_a_time_budget_keeps_its_text(load: Load, text: str, seconds: float) -> None:
    """The study says what its author wrote; its seconds are a question of arithmetic."""
    assert load(f"time_budget: {text}").time_budget == text
    assert budget_seconds(text) == seconds


@pytest.mark.parametrize("text", ["90", "30m", "0s", "-1h", "h", '"2 h"', "1.h", "true", "[1h]", "9" * 400 + "s"])
def test_what_is_no_time_budget_is_refused(load: Load, text: str) -> None:
    """Without a unit, with another one, or without an end."""
    (_, line) = faults(load, f"time_budget: {text}")
    assert line.startswith(
        "time_budget: must be a time above 0 with its unit (s, min, h or d), such as 30min or 1.5d, "
    )


def test_failures_have_limits(load: Load) -> None:
    """Two more attempts and five failed trials in a row where nothing is written; no retry is a choice."""
    assert load("failures:\n").failures == FailuresSection(retries=2, in_a_row=5)
    assert load("failures: {retries: 0}").failures.retries == 0
    assert load().time_budget is None
    (_, *lines) = faults(load, "failures: {retries: -1, in_a_row: 0}")
    assert [line.split(":")[0] for line in lines] == ["failures.retries", "failures.in_a_row"]


def test_the_garbage_study_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The study of the published data set is sound before its data is there, and starts with the published recipe."""
    monkeypatch.chdir(REPOSITORY)
    study = load_study(Path("configs/garbage.yaml"))
    assert study.first_points("image")[0] == Point(ImageTrialConfig().model_dump(), True)
    assert study.first_points("text")[0] == Point(TextTrialConfig().model_dump(), True)
    assert [moved_trial(study.section(name).search.heads) for name in study.modalities] == [1, 1]
    for name in study.modalities:  # the second trial has a point of its own, which the best head's network is put into
        assert study.first_points(name)[1].values["backbone"] != study.first_points(name)[0].values["backbone"]
    assert all(takes_pictures(name, 224) for name in study.section("image").search.space["backbone"].values)
    assert study.data.test == REPOSITORY / "data/garbage/Test"


@pytest.mark.parametrize(("given", "name"), [("auto", None), ("Garbage bins 2", "Garbage bins 2"), ("null", None)])
def test_a_model_is_registered_under_a_name(load: Load, given: str, name: str | None) -> None:
    """The study's own unless another is given; none where that is said."""
    study = load(f"tracking: {{registered_model: {given}}}\n")
    assert study.registered_model == (study.name if given == "auto" else name)


def test_mps_can_be_switched_off(load: Load) -> None:
    """A bare `off` is the word in YAML 1.2; another word is a fault."""
    assert load().cluster.mps == "auto"
    assert load("cluster: {mps: off}\n").cluster.mps == "off"
    (line,) = faults(load, "cluster: {mps: never}\n")[1:]
    assert "cluster.mps" in line


def test_how_the_data_are_read(load: Load, tmp_path: Path) -> None:
    """Columns, where pictures lie, links and merged labels; the defaults are those of Binwise's own data."""
    assert read_options(load().data) == ReadOptions()
    given = 'columns={text: caption, label: "My label"}', "image_root=photos", "allow_links=true"
    study = load("", *(f"data.{one}" for one in given), 'data.labels={merge: {"1.0": "1", blue: Blue}}')
    assert read_options(study.data) == ReadOptions(
        {"text": "caption", "label": "My label"}, tmp_path / "photos", True, {"1.0": "1", "blue": "Blue"}
    )
    assert load_study_again(study, tmp_path) == study


def load_study_again(study: StudyConfig, folder: Path) -> StudyConfig:
    """What is written down of a study, read back."""
    (folder / "again.yaml").write_text(dump_study(study))
    return load_study(folder / "again.yaml")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("columns={lable: x}", 'data.columns: unknown column "lable"; did you mean label? Known: label, image, text.'),
        ("columns={text: a, label: a}", 'data.columns: each must have a column of its own, but got "a" twice.'),
        ('columns={text: ""}', "data.columns: text must have a column's name, but got an empty one."),
        ("labels={merge: {a: b, b: c}}", 'data.labels.merge: "a" becomes "b", which becomes "c": name the last one'),
        ('labels={merge: {a: " "}}', 'data.labels.merge: "a" must become a class, but got " ".'),
        ("labels={marge: {}}", "data.labels.marge: unknown key; did you mean merge?"),
        ("allow_links=1", "data.allow_links: must be a valid boolean"),
    ],
)
def test_faults_of_how_the_data_are_read(load: Load, given: str, line: str) -> None:
    """Each names its key, what was given and what is known."""
    with pytest.raises(UserError) as error:
        load("", f"data.{given}")
    assert str(error.value).splitlines()[1].startswith(line)
