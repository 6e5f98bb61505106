"""Everything that is known before the first trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from made_names import demo_names
from picture_fakes import draw_pictures
from search_fakes import study

from search.machines.shares import Node, Share
from search.preflight.data import data_lines, read_data
from search.preflight.networks import Looking, Reading
from search.preflight.preflight import Preflight, first_look, preflight
from search.preflight.shortcuts import counter_in
from search.preflight.try_steps import Probe
from search.preflight.wording import modality_texts
from search.show.load import Load
from search.show.time_range import time_line
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modality import Plan
from trainables.names import TRAIN, VAL
from trainables.records import ProbeResult
from trainables.text.modality import TextModality

GB = 1_000_000_000


def test_train_and_val_are_read_and_test_is_not(data: Path) -> None:
    """Both tables with train's classes; a test split that isn't there disturbs nobody."""
    config = study(data, data={"train": str(data / "train"), "val": str(data / "val"), "test": str(data / "gone")})
    splits = read_data(config)
    assert {name: len(split) for name, split in splits.items()} == {TRAIN: 4, VAL: 2}
    assert splits[VAL].classes == ("Blue", "Green")


def test_a_missing_folder_is_named(data: Path) -> None:
    """The message says which folder isn't there."""
    config = study(data, data={"train": str(data / "train"), "val": str(data / "nowhere")})
    with pytest.raises(UserError, match="nowhere doesn't exist"):
        read_data(config)


def test_a_class_of_val_must_be_one_of_trains(data: Path) -> None:
    """A class that train doesn't have is named, with train's."""
    draw_pictures(data / "val" / "more", {"Yellow": 1})
    (data / "val" / "more" / "Yellow").rename(data / "val" / "Yellow")
    (data / "val" / "more").rmdir()
    with pytest.raises(UserError, match=r'(?s)"Blue", "Green".*"Yellow" \(.*more Yellow 0\.jpg'):
        read_data(study(data))


def result(**changes: Any) -> ProbeResult:
    """What was measured of a trial: 2 GB, 0.1 s a step, 5 steps an epoch."""
    given = {
        "peak_bytes": 2 * GB,
        "total_bytes": 16 * GB,
        "step_seconds": 0.1,
        "train_steps_per_epoch": 5,
        "evaluate_seconds_per_sample": 0.05,
        "gpu_utilization": None,
        "weights_bytes": 1000,
        **changes,
    }
    return ProbeResult(**given)


def here(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """In this process, as soon as someone waits for it."""
    return lambda: function(*args)


class Measured:
    """Stands for `measure`; keeps what it was asked for, and may refuse a modality."""

    def __init__(self, refused: str = "") -> None:
        self.asked: list[tuple[str, int, bool]] = []
        self.refused = refused

    def __call__(
        self, study: StudyConfig, modality: str, splits: object, *, cpus: int, gpu: bool
    ) -> Callable[[], list[Probe]]:
        """Keep the call."""
        self.asked.append((modality, cpus, gpu))

        def wait() -> list[Probe]:
            if modality == self.refused:
                raise UserError(f"{modality} can't run")
            return [Probe("the section's own values", result()), Probe("batch_size 64", result(peak_bytes=3 * GB))]

        return wait


@pytest.fixture
def config(data: Path, monkeypatch: pytest.MonkeyPatch) -> StudyConfig:
    """A study of both modalities whose networks are there."""
    monkeypatch.setattr("trainables.build.check_network", lambda modality, given, train: 20_000_000)
    monkeypatch.setattr(TextModality, "plan", lambda self, values, splits, place: Plan(lines=("text: 1 is cut",)))
    return study(data, image={"search": {"trials": 4}})


def looks(config: StudyConfig, splits: Mapping[str, Split], say: Callable[[str], None] = print) -> Looking:
    """Looks of a new study that have begun."""
    looking = Looking(config, splits, Reading.of(config, Layout.of(config).caches), say, again=False)
    looking.begin(here)
    return looking


def checked(config: StudyConfig, measured: Measured, nodes: tuple[Node, ...] = (Node(2, 0),)) -> Preflight:
    """The whole preflight."""
    layout = Layout.of(config)
    splits = first_look(config, layout)
    return preflight(
        config, nodes, layout, splits, looks(config, splits), counter=counter_in(splits), measured=measured
    )


def test_all_that_is_known(config: StudyConfig) -> None:
    """Splits, networks, shares, times and lines; each modality was tried with the CPUs of one of its trials."""
    measured = Measured()
    found = checked(config, measured)
    assert measured.asked == [("image", 2, False), ("text", 2, False)]
    assert found.networks == {"image": 20_000_000, "text": 20_000_000}
    assert found.shares == {"image": Share(2, 0, 1), "text": Share(2, 0, 1)}
    assert len(found.splits[TRAIN]) == 4
    # One trial a modality; the rungs of 50 image epochs at 3, 9 and 27, of 15 text epochs at 3 and 9.
    epochs = {"image": 3 + 6 / 3 + 18 / 9 + 23 / 27, "text": 3 + 6 / 3 + 6 / 9}
    assert found.seconds == {name: pytest.approx(count * (0.5 + 2 * 0.05)) for name, count in epochs.items()}
    said = time_line(found.seconds, Load(2, 0.5))
    assert said == "Time: 6-12 s (image 3-7 s, text 2-5 s) by the steps that were tried"
    said = time_line(found.seconds, Load(2, 6.1))
    assert said.endswith("tried; this machine is busy: 2 cores, load 6.1, so it may take longer")
    said = "\n".join(found.lines)
    for words in ("demo: 4 train, 2 val", "3.0 GB of the machine's 16 GB (with batch_size 64)", "Checkpoints: ", "cut"):
        assert words in said
    assert not Layout.of(config).folder.exists()


def test_what_was_tried_is_not_tried_again(config: StudyConfig) -> None:
    """As `plan` tries it for the search; what takes long is said beforehand."""
    said: list[str] = []
    layout, first, second = Layout.of(config), Measured(), Measured()
    splits = first_look(config, layout)
    nodes = (Node(2, 0),)
    looking, anew = (looks(config, splits, said.append) for _ in range(2))
    found = preflight(config, nodes, layout, splits, looking, counter=None, measured=first, say=said.append)
    again = preflight(config, nodes, layout, splits, anew, counter=None, measured=second, say=said.append)
    assert (len(first.asked), second.asked) == (2, [])
    assert again.probes == found.probes
    assert said == [*["Building each network once"] * 2, "Trying a few steps of image and text"]


def test_heads_alone_need_no_steps(config: StudyConfig, data: Path) -> None:
    """Nothing is tried of a modality of which nothing is fine-tuned; without weights there is nothing to run at all."""
    measured = Measured()
    alone = study(data, image={"weights": "imagenet", "search": {"trials": 0, "heads": "auto"}})
    found = checked(alone, measured)
    assert [modality for modality, *_ in measured.asked] == ["text"]
    assert list(found.seconds) == ["text"]
    with pytest.raises(UserError, match=r"A modality with `trials: 0` must have heads .*, but image has none"):
        checked(study(data, image={"weights": "none", "search": {"trials": 0, "heads": "auto"}}), Measured())


def test_every_fault_is_found(config: StudyConfig, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resources, tracking, steps and disk in one message; nothing was begun."""
    monkeypatch.setattr("search.preflight.disk.free_bytes", lambda folder: 5)
    (data / "file").write_text("")
    faulty = config.model_copy(
        update={"tracking": config.tracking.model_copy(update={"uri": f"sqlite:///{data}/file/mlflow.db"})}
    )
    faulty = StudyConfig.model_validate(
        {**faulty.model_dump(), "image": {**config.image.model_dump(), "search": {"resources": {"cpus": 64}}}}
    )
    measured = Measured(refused="text")
    with pytest.raises(UserError) as error:
        checked(faulty, measured)
    lines = str(error.value).splitlines()
    assert lines[0] == "3 faults"
    for words, line in zip(("resources.cpus is 64", "tracking.uri", "text can't run"), lines[1:], strict=True):
        assert words in line
    assert not Layout.of(faulty).folder.exists()
    small = config.model_copy(update={"runs": data / "elsewhere"})
    with pytest.raises(UserError, match="must fit the disk") as error:
        checked(small, Measured())
    assert "faults" not in str(error.value)


def test_what_needs_a_failed_check_is_left_out(config: StudyConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that can't be had isn't tried; the other modality's is, and is heard of, too."""

    def no_images(modality: str, given: Any, train: Any) -> int:
        if modality == "image":
            raise UserError("no weights")
        return 1

    monkeypatch.setattr("trainables.build.check_network", no_images)
    measured = Measured(refused="text")
    with pytest.raises(UserError) as error:
        checked(config, measured)
    assert str(error.value).splitlines() == ["2 faults", "- no weights", "- text can't run"]
    assert [modality for modality, _, _ in measured.asked] == ["text"]


def test_data_that_is_missing_ends_it(config: StudyConfig, data: Path) -> None:
    """Nothing can be tried without it; what else is known is said with it."""
    (data / "val").rename(data / "gone")
    measured = Measured()
    (data / "file").write_text("")
    unreachable = config.tracking.model_copy(update={"uri": f"sqlite:///{data}/file/mlflow.db"})
    with pytest.raises(UserError, match="val doesn't exist") as error:
        checked(config.model_copy(update={"tracking": unreachable}), measured)
    assert "tracking.uri" in str(error.value)
    assert measured.asked == []


def test_a_share_that_is_too_small_is_said() -> None:
    """A study may set it nevertheless: it is its own affair how often memory runs out."""
    probes = [Probe("the section's own values", result(peak_bytes=9 * GB))]
    said = modality_texts(probes, Share(4, 0.5, 2), None)
    assert said[-1] == "trials may run out of memory: 0.5 of a GPU is 8.0 GB, and one takes up to 9.0 GB"
    assert len(modality_texts(probes, Share(4, 1.0, 2), None)) == 2
    assert "of the GPU's 80 GB" in modality_texts(probes, Share(4, 0.5, 2), 80 * GB)[0]


def test_a_study_s_options_reach_both_splits(tmp_path: Path) -> None:
    """Other columns, merged labels, pictures elsewhere."""
    draw_pictures(tmp_path / "photos", {"Blue": 2, "Green": 2})
    names = [path.relative_to(tmp_path / "photos") for path in sorted((tmp_path / "photos").rglob("*.jpg"))]
    assert len(names) == 4
    for split in ("train", "val"):
        half = names[0::2] if split == "train" else names[1::2]
        rows = [f"{path.parent.name.upper() if split == 'val' else path.parent.name},{path}" for path in half]
        (tmp_path / f"{split}.csv").write_text("\n".join(["class,photo", *rows, ""]))
    config = study(
        tmp_path,
        data={
            **{name: str(tmp_path / f"{name}.csv") for name in ("train", "val")},
            "columns": {"label": "class", "image": "photo"},
            "image_root": str(tmp_path / "photos"),
            "labels": {"merge": {"BLUE": "Blue", "GREEN": "Green"}},
        },
    )
    splits = read_data(config)
    assert splits["val"].label_names == ("Blue", "Green")
    assert splits["val"].ids == tuple(map(str, names[1::2]))


def test_a_begun_study_keeps_its_classes_order(tmp_path: Path) -> None:
    """A new one has 2 before 10; one on record goes on as it was begun, with its twins."""
    for name in ("train", "val"):
        (tmp_path / f"{name}.csv").write_text("text,label\na,10\nb,2\nc,02\n")
    data = {name: str(tmp_path / f"{name}.csv") for name in ("train", "val")}
    config = study(tmp_path, data=data, modalities=["text"])
    with pytest.raises(UserError, match=r'"2".*"02"|"02".*"2"'):
        read_data(config)
    splits = read_data(config, ["02", "10", "2"])
    assert splits["train"].classes == splits["val"].classes == ("02", "10", "2")
    merged = study(tmp_path, data={**data, "labels": {"merge": {"02": "2"}}}, modalities=["text"])
    assert read_data(merged)["train"].classes == ("2", "10")


def test_what_wasn_t_taken_is_told_once(data: Path) -> None:
    """Before the first trial, with the classes that have few samples."""
    (data / "train/Blue/notes.md").write_text("bottles")
    lines = data_lines(read_data(study(data)))
    assert lines[0].startswith("Train: ")
    assert lines[0].endswith("pictures taken, 1 listed (1 text file)")
    assert any(line.startswith("Val has few samples of 2 classes") for line in lines)


def test_a_study_on_record_goes_on_whatever_its_texts_have(config: StudyConfig) -> None:
    """A new one is refused where its texts' number tells the class, or told what is done; a begun one isn't."""
    splits = demo_names(300, 0, sessions=True)
    raw = config.model_copy(
        update={"modalities": ("text",), "text": config.text.model_copy(update={"cleaning": "raw"})}
    )
    layout = Layout.of(raw)

    def found(study: StudyConfig, *, begun: bool) -> Preflight:
        counter = None if begun else counter_in(splits)
        looking = looks(study, splits)
        return preflight(study, (Node(2, 0),), layout, splits, looking, counter=counter, measured=Measured())

    with pytest.raises(UserError, match="allow_shortcut"):
        found(raw, begun=False)
    assert found(raw, begun=True).findings == ()
    words = raw.model_copy(update={"text": raw.text.model_copy(update={"cleaning": "words"})})
    told = found(words, begun=False)
    assert [one.kind for one in told.findings] == ["shortcut-counter"]
    assert told.lines[-1] == f"Data: {told.findings[0].title} {told.findings[0].remedy}"
