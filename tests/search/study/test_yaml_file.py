"""The file of a study: what is no study, overrides, and that what is written loads as the same."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_fakes import Load, faults

from search.space.dimensions import Choice
from search.study.config import StudyConfig
from search.study.yaml_file import dump_study, load_study, recorded_study
from trainables.errors import UserError

REPOSITORY = Path(__file__).parents[3]
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-5, 300) | st.floats(allow_nan=False, allow_infinity=False)


# Each mapping has nine of the one before: a kilobyte that names 9^20 keys.
MERGED = "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 21))


@pytest.mark.timeout(30)  # milliseconds each; hours where a bomb goes off
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nname: b\n", 'study.yaml:2:1: found duplicate key "name"'),
        ("name: [a\n", "study.yaml:2:1: "),
        ("- a\n", 'a study must be a mapping of keys such as name and data, but got ["a"].'),
        ("", "a study must be a mapping of keys such as name and data, but got null."),
        ("a: 1\n---\nb: 2\n", "but found another document"),
        ("a: !!python/object:os.system x\n", "could not determine a constructor"),
        ("a: &a [*a]\n", "study.yaml:1:4: an alias must not contain itself."),
        ("a: " + "[" * 3000, "must be nested at most 50 deep."),
        ("{a: " * 60, "must be nested at most 50 deep."),
        ("a: &a [" + "1," * 99 + "]\nb: &b [" + "*a," * 99 + "]\nc: [" + "*b," * 99 + "]\n", "at most 20000 values"),
        ("a0: &a0 {x: 1}\n" + MERGED, "study.yaml:5:5: must hold at most 20000 values, aliases resolved."),
        ("a: &a 1\nb: [" + "*a," * 60_000 + "]\n", "must hold at most 20000 values"),
        (
            "seed: 0x" + "f" * 60_000,
            "study.yaml:1:7: a number must have at most 400 characters, but this one has 60002.",
        ),
        ("seed: " + "9" * 60_000, "a number must have at most 400 characters"),
        ("seed: " + "1" * 500 + ".5", "a number must have at most 400 characters"),
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


def test_a_torn_file_of_a_study_has_a_remedy(tmp_path: Path) -> None:
    """Where there is a record beside it; else it is just no study."""
    (tmp_path / "study.yaml").touch()
    with pytest.raises(UserError, match=r"got null\.$"):
        recorded_study(tmp_path)
    (tmp_path / "ledger.jsonl").touch()
    with pytest.raises(UserError, match=r"got null\.\nWhere it was damaged, .*: binwise search STUDY\.yaml --resume$"):
        recorded_study(tmp_path)


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
        (".".join("a" * 60) + "=1", "must be at most 50 keys deep, but has 60."),
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


EVIL = "k\n\x1b[31mFAKED\u202e\r"


@pytest.mark.parametrize(
    "text",
    [
        f"{json.dumps(EVIL)}: 1\n",
        f"{json.dumps(EVIL)}: 1\n{json.dumps(EVIL)}: 2\n",
        f"modalities: [{json.dumps(EVIL)}]\n",
        f"image: {{search: {{space: {{{json.dumps(EVIL)}: {{type: float, low: 1, high: 2}}}}}}}}\n",
        f"image: {{search: {{space: {{size: {{type: choice, choices: [64], when: {{{json.dumps(EVIL)}: [1]}}}}}}}}}}\n",
        f"image: {{search: {{points: [{{{json.dumps(EVIL)}: 1}}]}}}}\n",
        f"tracking: {{uri: {json.dumps(EVIL)}}}\n",
        f"time_budget: {json.dumps(EVIL)}\n",
    ],
)
def test_keys_and_values_make_no_lines(load: Load, text: str) -> None:
    """What a file from elsewhere holds is told as escapes: no line of its own, and nothing that a terminal obeys."""
    said = "\n".join(faults(load, text))
    assert "FAKED" in said
    assert not [line for line in said.splitlines() if "FAKED" in line.split(" ", 1)[0] and line.startswith("\\x1b")]
    assert set("\x1b\r").isdisjoint(said)


def test_overrides_and_file_names_make_no_lines(tmp_path: Path) -> None:
    """The same of what stands in the command."""
    (tmp_path / f"{EVIL}.yaml").write_text("a: 1")
    for path, override in ((tmp_path / f"{EVIL}.yaml", "seed=1"), (tmp_path / EVIL, "a=1")):
        with pytest.raises(UserError) as raised:
            load_study(path, [override])
        assert "\n\\x1b" not in str(raised.value)
        assert "\x1b" not in str(raised.value)


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
