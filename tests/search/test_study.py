"""A study's YAML: what loads, and what each mistake says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from search.space import Choice, FloatRange
from search.study import Point, StudyConfig, study_digest
from search.study_file import dump_study, load_study
from trainables.config import ImageTrialConfig, TextTrialConfig
from trainables.records import UserError

REPOSITORY = Path(__file__).parents[2]
MINIMAL = "name: small\ndata: {train: data/train, val: data/val}\n"
Load = Callable[..., StudyConfig]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads the minimal study with more YAML below it, from a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def loaded(more: str = "", *overrides: str, base: str = MINIMAL) -> StudyConfig:
        Path("study.yaml").write_text(base + more, encoding="utf-8")
        return load_study(Path("study.yaml"), overrides)

    return loaded


def faults(load: Load, more: str = "", *overrides: str, base: str = MINIMAL) -> list[str]:
    """The lines of the error's message."""
    with pytest.raises(UserError) as error:
        load(more, *overrides, base=base)
    return str(error.value).splitlines()


def image(search: str) -> str:
    """An image section that holds this search."""
    return f"image: {{search: {{{search}}}}}\n"


def space(dimensions: str) -> str:
    """An image section that searches these dimensions."""
    return image(f"space: {{{dimensions}}}")


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
        ("image: {lr: 3}", "image.lr: unknown key; did you mean backbone_learning_rate or head_learning_rate or"),
        ("text: {wd: 3}", "text.wd: unknown key; did you mean weight_decay? Known: "),
        ("image: {search: {ahsa: 3}}", "image.search.ahsa: unknown key; did you mean asha? Known: trials, method,"),
        ("modalities: [image, txt]", 'modalities: unknown modality "txt"; did you mean text? Known: image, text.'),
        ("modalities: []", "modalities: at least one must be given, but got []. Known: image, text."),
        ("modalities: [text, text]", 'modalities: each can be given once, but got ["text", "text"].'),
        ("seed: true", "seed: must be a valid integer, but got true."),
        ("seed: -1", "seed: must be greater than or equal to 0, but got -1."),
        ("linear_baseline: 1", "linear_baseline: must be a valid boolean, but got 1."),
        ("linear_baseline: yes", 'linear_baseline: must be a valid boolean, but got "yes".'),
        ("runs: ''", "runs: must be a path, but got an empty one."),
        ("image: 3", "image: must be a mapping, but got 3."),
        ('image: {batch_size: "3"}', 'image.batch_size: must be a valid integer, but got "3".'),
        ('image: {head_learning_rate: "1e-3"}', 'image.head_learning_rate: must be a valid number, but got "1e-3".'),
        ("image: {head_learning_rate: true}", "image.head_learning_rate: must be a valid number, but got true."),
        ("image: {head_learning_rate: .nan}", "image.head_learning_rate: must be a finite number, but got NaN."),
        ("image: {head_dropouts: [0.1]}", "image: `head_widths` and `head_dropouts` must be of equal length"),
        (image("trials: 0"), "image.search.trials: must be greater than or equal to 1, but got 0."),
        (image("method: tpee"), "image.search.method: must be 'tpe' or 'random', but got \"tpee\"."),
        (image("concurrency: 0"), "image.search.concurrency: must be a whole number from 1 on, or auto, but got 0."),
        (
            image("concurrency: true"),
            "image.search.concurrency: must be a whole number from 1 on, or auto, but got true",
        ),
        (image("resources: {cpus: 0.5}"), "image.search.resources.cpus: must be a whole number from 1 on, or auto"),
        (image("resources: {gpus: -1}"), "image.search.resources.gpus: must be a number from 0 on"),
        (image("resources: {gpus: .inf}"), "image.search.resources.gpus: must be a number from 0 on"),
        (image("asha: {factor: 1}"), "image.search.asha.factor: must be greater than or equal to 2, but got 1."),
        (
            image("asha: {grace: 51}"),
            "image.search.asha.grace: `grace <= max_epochs` must hold, but got (grace=51, max_epochs=50). "
            "Lower it, or set image.search.asha.enabled to false.",
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
    asha: {grace: 16}
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
        "text.search.asha.grace",
        "text.search.space.lr",
    ]
    assert sorted(line.split(": ")[0] for line in lines) == sorted(expected)
    assert head == f"study.yaml: {len(expected)} faults"


def test_no_fault_follows_from_another(load: Load) -> None:
    """Where a value is faulty, rules that would look at it are silent instead of judging the default."""
    more = "image: {max_epochs: x, head_learning_rate: y, search: {trials: z, points: [{}, {}], asha: {grace: 60}, "
    more += "space: {head_learning_rate: {type: float, low: 1, high: 2}}}}"
    keys = [line.split(":")[0] for line in faults(load, more)[1:]]
    assert sorted(keys) == ["image.head_learning_rate", "image.max_epochs", "image.search.trials"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nname: b\n", 'study.yaml:2:1: found duplicate key "name"'),
        ("name: [a\n", "study.yaml:2:1: "),
        ("- a\n", 'a study must be a mapping of keys such as name and data, but got ["a"].'),
        ("", "a study must be a mapping of keys such as name and data, but got null."),
        ("a: 1\n---\nb: 2\n", "but found another document"),
        ("a: !!python/object:os.system x\n", "could not determine a constructor"),
        ("a: &a [*a]\n", "an alias contains itself"),
        ("a: " + "[" * 3000, "is nested too deep"),
        ("a: &a [" + "1," * 99 + "]\nb: &b [" + "*a," * 99 + "]\nc: [" + "*b," * 99 + "]\n", "at most 100000 values"),
        ("# " + "x" * 1_000_000, "must have at most 1000000 bytes"),
    ],
)
def test_a_file_that_is_no_study_is_refused(load: Load, text: str, message: str) -> None:
    """Broken YAML is named by its line, and a small file can't grow without end."""
    assert message in " ".join(faults(load, base=text))


def test_a_missing_file_names_those_beside_it(tmp_path: Path) -> None:
    """A mistyped file name is answered with the YAML files that are there."""
    (tmp_path / "demo.yaml").touch()
    with pytest.raises(UserError, match=r"there is none of this name; .* has demo\.yaml\."):
        load_study(tmp_path / "dmeo.yaml")
    with pytest.raises(UserError, match=r"has no YAML file\."):
        load_study(tmp_path / "nowhere" / "demo.yaml")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that aren't UTF-8 are refused with the place of the first."""
    (tmp_path / "study.yaml").write_bytes(b"name: \xff")
    with pytest.raises(UserError, match="must be UTF-8, but byte 6 isn't"):
        load_study(tmp_path / "study.yaml")


def test_overrides_set_single_values(load: Load) -> None:
    """An override replaces one value, makes the sections on its way, and its value is YAML."""
    study = load(
        "text:\n",
        "image.search.trials=7",
        "image.search.space.fit={type: choice, choices: [pad, crop]}",
        "text.learning_rate=1e-4",
        "modalities=[text]",
        "description=a=b",
        "data.test=",
        "name=other",
    )
    assert study.image.search.trials == 7
    assert study.image.search.space == {"fit": Choice(choices=("pad", "crop"))}
    assert study.text.learning_rate == 1e-4
    assert (study.modalities, study.description, study.data.test, study.name) == (("text",), "a=b", None, "other")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("image.size", "--set image.size: must be dotted.key=value, such as --set image.search.trials=10."),
        ("=3", "must be dotted.key=value"),
        ("image..size=3", "must be dotted.key=value"),
        ("name.x=3", '--set name.x=3: name must be a mapping, but it is "small".'),
        ("name=[", "--set name=[:1:"),
        ("imgae.size=64", "imgae: unknown key; did you mean image? Known: name,"),
        ("image.sise=64", "image.sise: unknown key; did you mean size? Known: "),
        ("image.size=big", 'image.size: must be a valid integer, but got "big".'),
    ],
)
def test_a_bad_override_is_named(load: Load, override: str, message: str) -> None:
    """A malformed override, an unknown key in one, and a value of the wrong type each say what to do."""
    text = "\n".join(faults(load, "", override))
    assert message in text
    assert f"--set {override}" in text


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


def test_the_digest_tells_studies_apart(load: Load) -> None:
    """Equal studies have one digest, however they were written; a changed value has another."""
    assert study_digest(load()) == study_digest(load("seed: 0\nimage: {}\n"))
    assert study_digest(load()) != study_digest(load("seed: 1\n"))


def test_the_garbage_study_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The study of the published data set is sound before its data is there, and starts with the published recipe."""
    monkeypatch.chdir(REPOSITORY)
    study = load_study(Path("configs/garbage.yaml"))
    assert study.first_points("image")[0] == Point(ImageTrialConfig().model_dump(), True)
    assert study.first_points("text")[0] == Point(TextTrialConfig().model_dump(), True)
    assert study.data.test == REPOSITORY / "data/garbage/CVPR_2024_dataset_Test"


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-5, 300) | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def studies(draw: st.DrawFn) -> StudyConfig:
    """Sound studies with odd texts and numbers."""
    dropout = draw(st.floats(0, 0.9))
    rates = {"low": draw(st.floats(1e-9, 3e-5)), "high": draw(st.floats(3e-5, 10)), "log": draw(st.booleans())}
    batches = draw(st.lists(st.integers(2, 512), max_size=4, unique=True).filter(lambda sizes: 64 not in sizes))
    text = {
        "dropout": draw(st.none() | st.just(dropout)),
        "backbone": draw(words.map(lambda word: f"no/such/{word}")),
        "search": {
            "space": {
                "learning_rate": {"type": "float", **rates},
                "batch_size": {"type": "choice", "choices": [64, *batches]},
            },
            "points": draw(st.lists(st.fixed_dictionaries({"dropout": st.just(dropout)}), max_size=2)),
            "resources": {"gpus": draw(st.just("auto") | st.floats(0, 8))},
        },
    }
    return StudyConfig.model_validate(
        {
            "name": draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", fullmatch=True)),
            "description": draw(words),
            "data": {"train": "t", "val": draw(words.map(lambda word: "v" + word.replace("\0", "")))},
            "text": text,
        }
    )


@settings(max_examples=30, deadline=None)
@given(study=studies())
def test_a_dumped_study_loads_as_the_same(study: StudyConfig, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The YAML in a study's folder is the whole study, whatever its texts and numbers."""
    path = tmp_path_factory.mktemp("dumped") / "study.yaml"
    path.write_bytes(dump_study(study).encode())
    again = load_study(path)
    assert again == study
    assert study_digest(again) == study_digest(study)


def _mappings(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for item in node for found in _mappings(item)]
    if not isinstance(node, dict):
        return []
    return [node, *(found for value in node.values() for found in _mappings(value))]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_wrong_value_is_a_message(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever stands in place of a value, the answer is a study or a message, never another exception."""
    from ruamel.yaml import YAML

    raw = YAML(typ="safe", pure=True).load((REPOSITORY / "configs" / "garbage.yaml").read_text(encoding="utf-8"))
    anything = st.recursive(st.none() | st.booleans() | numbers | words, lambda inner: st.lists(inner, max_size=2))
    for _ in range(data.draw(st.integers(1, 4))):
        target = data.draw(st.sampled_from(_mappings(raw)))
        if target:
            key = data.draw(st.sampled_from(sorted(target)) | words)
            target[key] = data.draw(anything | st.dictionaries(words, anything, max_size=2))
    path = tmp_path_factory.mktemp("odd") / "study.yaml"
    with path.open("w", encoding="utf-8") as stream:
        YAML(typ="safe", pure=True).dump(raw, stream)
    with contextlib.suppress(UserError):
        load_study(path)
