"""From someone's data to a study's file: with real steps of real networks, on a few small pictures."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import binwise_here
from PIL import Image

from search.begin import begin as begin_module
from search.show.load import Load
from search.study.yaml_file import load_study
from trainables.image import starter as image_module
from trainables.image.weights import packaged_file

COLOURS = {"Black": (20, 20, 20), "Blue": (30, 60, 200)}
WORDS = ("bottle", "tin", "lid", "cup", "box", "bag", "jar", "can", "tube", "pot", "cap", "net")
pytestmark = pytest.mark.skipif(packaged_file("tf_efficientnet_lite0") is None, reason="needs the extra `demo`")


def draw(folder: Path, *, camera: bool = False) -> Path:
    """Two classes of twelve things."""
    rng = np.random.default_rng(0)
    for label, colour in COLOURS.items():
        (folder / label).mkdir(parents=True)
        for number, word in enumerate(WORDS):
            pixels = np.array(colour) + rng.normal(0, 20, (40, 40, 3))
            name = f"IMG_{len(label)}{number}" if camera else f"{word}_{label}_{number}"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / label / f"{name}.png")
    return folder


def test_a_folder_of_classes_becomes_splits_and_a_study(tmp_path: Path) -> None:
    """Both modalities; small pictures aren't blown up; the file isn't written over."""
    draw(tmp_path / "bins")
    done = binwise_here(tmp_path, "init", "bins", "--budget", "2min")
    assert done.returncode == 0, done.stderr
    assert "Next: binwise plan bins.yaml" in done.stdout
    time = next(line for line in done.stdout.splitlines() if line.startswith("Time: "))
    assert re.search(r"^Time: \S+ \w+ \(image \S+ \w+, text \S+ \w+\) by the steps that were tried", time)
    assert time.endswith("The search ends after 2min with what it has.")
    study = load_study(tmp_path / "bins.yaml")
    assert study.modalities == ("image", "text")
    assert (study.image.size, study.time_budget) == (96, "2min")
    assert (tmp_path / "data/bins/Train/Black").is_dir()
    again = binwise_here(tmp_path, "init", "data/bins", "--output", "bins.yaml")
    assert (again.returncode, "must not be there yet" in again.stderr) == (2, True)
    taken = binwise_here(tmp_path, "init", "bins", "--output", "other.yaml")
    assert (taken.returncode, "that is there already" in taken.stderr) == (2, True)


def test_names_that_say_nothing_are_no_texts(tmp_path: Path) -> None:
    """A camera's numbers: pictures alone are searched."""
    for split in ("train", "val"):
        draw(tmp_path / "camera" / split, camera=True)
    assert binwise_here(tmp_path, "init", "camera", "--budget", "1min").returncode == 0
    assert load_study(tmp_path / "camera.yaml").modalities == ("image",)


def test_a_csv_of_texts_has_texts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Split into lists, which keep its columns."""
    with (tmp_path / "texts.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        writer.writerows([f"{one} and {other}", one[0] < "c"] for one in WORDS for other in WORDS if one < other)
    done = binwise_here(tmp_path, "init", "texts.csv", "--budget", "1min")
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    study = load_study(tmp_path / "texts.yaml")
    assert study.modalities == ("text",)
    assert study.data.train == tmp_path / "data/texts/train.csv"
    assert study.data.train.is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("nothing",), "must be a folder of class folders"), (("bins", "--budget", "soon"), "must be a time above 0")],
)
def test_a_mistake_is_one_message(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2."""
    (tmp_path / "bins").mkdir()
    done = binwise_here(tmp_path, "init", *arguments)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_a_busy_machine_is_said_here_and_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps were tried beside others' work: whoever reads the sizes later knows it, too; each step is announced."""
    for split in ("train", "val"):
        draw(tmp_path / "bins" / split, camera=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(begin_module, "load_now", lambda: Load(2, 6.1))
    said: list[str] = []
    begin_module.begin_study(begin_module.Wish(Path("bins"), "1min"), tmp_path / "cache", said.append)
    steps = [line for line in said if not line.startswith("  ")]
    assert [line.split(" ")[0] for line in steps] == ["Reading", "Trying", "Time:"]
    assert "this machine is busy: 2 cores, load 6.1, so it may take longer" in steps[-1]
    assert "# Measured while this machine is busy: 2 cores, load 6.1" in (tmp_path / "bins.yaml").read_text()
    load_study(tmp_path / "bins.yaml")


def test_without_weights_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no package carries a network."""
    for split in ("train", "val"):
        draw(tmp_path / "bins" / split)
    monkeypatch.setattr(image_module, "packaged_file", lambda name: None)
    done = binwise_here(tmp_path, "init", "bins")
    assert done.returncode == 2
    assert "pip install 'binwise[demo]'" in done.stderr
    assert not (tmp_path / "bins.yaml").exists()
