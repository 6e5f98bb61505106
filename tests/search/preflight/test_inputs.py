"""Decoding before the first trial: what is decoded, what is said, and when pictures are streamed instead."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from search_fakes import study

from search.preflight.data import read_data
from search.preflight.inputs import prepare_inputs
from search.preflight.networks import Reading, look
from search.study.config import StudyConfig
from search.study.folder import Layout
from search.study.sections import searched_values
from trainables.errors import UserError
from trainables.image.prepare import CONTENT, STREAM
from trainables.modality import Plan
from trainables.names import TRAIN, VAL

STREAMED = {STREAM: True}


def prepared(config: StudyConfig) -> tuple[dict[str, Any], str]:
    """The study's pictures, ready for trials, and what was said about it."""
    console = Console(file=io.StringIO(), width=40)
    found = prepare_inputs(config, read_data(config), Layout.of(config), console)
    return found.get("image", {}), console.file.getvalue()  # type: ignore[attr-defined]


def splits_of(data: Path, **more: str) -> dict[str, str]:
    """A data section."""
    return {"train": str(data / "train"), "val": str(data / "val"), **more}


def free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the disk have so many bytes free."""
    monkeypatch.setattr("trainables.data.disk.free_bytes", lambda _: count)
    monkeypatch.setattr("trainables.image.prepare.free_bytes", lambda _: count)


def test_a_text_search_needs_no_pictures(tmp_path: Path) -> None:
    """A CSV without an image column is enough for texts, and refused for images."""
    for name in ("train", "val"):
        (tmp_path / f"{name}.csv").write_text("text,label\nold can,Blue\njar,Green\n", "utf-8")
    given = {"train": str(tmp_path / "train.csv"), "val": str(tmp_path / "val.csv")}
    config = study(tmp_path, data=given, modalities=["text"])
    read_data(config)
    assert prepared(config)[0] == {}
    assert not (Layout.of(config).caches / "pictures").exists()
    with pytest.raises(UserError, match="image"):
        read_data(study(tmp_path, data=given))


def test_pictures_are_decoded_at_every_size_and_fit(data: Path) -> None:
    """One file for each split at each size and fit that a trial may have, those of the points too, and no other."""
    image = {
        "size": 32,
        "search": {
            "space": {
                "size": {"type": "int", "low": 32, "high": 64, "step": 32},
                "fit": {"type": "choice", "choices": ["pad", "crop"]},
            },
            "points": [{"size": 48}],
        },
    }
    config = study(data, image=image)
    _, said = prepared(config)
    assert said.startswith("Decoding 6 pictures to 32, 48, 64 px (crop, pad): ")
    shapes = sorted(np.load(path).shape for path in (Layout.of(config).caches / "pictures").glob("*/pictures.npy"))
    assert shapes == sorted([(count, size, size, 3) for count in (2, 4) for size in (32, 48, 64)] * 2)


def test_what_will_be_decoded_is_said_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many pictures, to what, how much it takes, where, and what is free; nothing when they are there."""
    monkeypatch.chdir(data)
    free(monkeypatch, 66_000_000_000)
    config = study(data, image={"size": 32})
    first, said = prepared(config)
    assert said == "Decoding 6 pictures to 32 px (pad): 19 kB in runs/cache/pictures, 66 GB free\n"
    again, silence = prepared(config)
    assert silence == ""
    assert first == again
    assert set(first) == {CONTENT}
    assert set(first[CONTENT]) == {TRAIN, VAL}
    assert all(len(digest) == 64 for digest in first[CONTENT].values())
    shutil.rmtree(next(path.parent for path in (Layout.of(config).caches / "pictures").glob("*/meta.json")))
    assert prepared(config)[1].startswith("Decoding ")


def test_streaming_prepares_nothing(data: Path) -> None:
    """Where the study wants to stream, no picture is read and no cache made."""
    config = study(data, image={"size": 32}, data=splits_of(data, decode="stream"))
    assert prepared(config) == (STREAMED, "")
    assert not (Layout.of(config).caches / "pictures").exists()


def test_a_small_disk_makes_it_stream(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left to itself it streams and says why; a share of the disk stays free."""
    free(monkeypatch, 20_000)
    config = study(data, image={"size": 32})
    pictures, said = prepared(config)
    assert pictures == STREAMED
    assert "lacks room to decode 6 pictures to 32 px (pad): 19 kB in" in said
    free(monkeypatch, 24_000)
    assert CONTENT in prepared(config)[0]


def test_a_small_disk_with_caches_makes_it_stream(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other caches take the room: their bytes leave open whether ours are there, until the pictures are read."""
    prepared(study(data, image={"size": 48}))
    free(monkeypatch, 1000)
    pictures, said = prepared(study(data, image={"size": 32}))
    assert pictures == STREAMED
    assert said.startswith("Streaming")
    assert CONTENT in prepared(study(data, image={"size": 48}))[0]


def test_a_wanted_cache_must_fit(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `decode: cache` too small a disk is an error before anything is decoded; what is there serves."""
    config = study(data, image={"size": 32}, data=splits_of(data, decode="cache"))
    free(monkeypatch, 15_000)
    with pytest.raises(UserError, match=r"need 19 kB and .* has 15 kB free.*data\.decode to stream"):
        prepared(config)
    free(monkeypatch, 20_000)
    assert CONTENT in prepared(config)[0]
    free(monkeypatch, 0)
    assert CONTENT in prepared(config)[0]


def test_a_broken_picture_is_named(data: Path) -> None:
    """One damaged JPEG among many is found before the first trial, by its path."""
    broken = next((data / "val" / "Green").glob("*.jpg"))
    broken.write_bytes(broken.read_bytes()[:200])
    config = study(data, image={"size": 32})
    with pytest.raises(UserError, match=broken.name):
        prepared(config)


def planned(config: StudyConfig) -> Plan:
    """What decoding will take; texts aren't looked at."""
    caches = Layout.of(config).caches
    reading = Reading(caches, caches, config.data.pixel_limit, config.data.decode)
    found = look("image", searched_values(config.section("image")), None, read_data(config), reading)
    if found.plan is None:
        raise UserError("\n".join(found.faults))
    return found.plan


def test_a_plan_reads_no_picture(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is decoded at most, before it is; nothing is written, and a damaged picture isn't noticed yet."""
    free(monkeypatch, 66_000_000_000)
    next((data / "val" / "Green").glob("*.jpg")).write_bytes(b"no picture")
    config = study(data, image={"size": 32})
    plan = planned(config)
    assert plan.bytes == pytest.approx(19_000, rel=0.05)
    assert plan.lines[0].startswith("Decoding at most 6 pictures to 32 px (pad): 19 kB in ")
    assert not Layout.of(config).caches.exists()


def test_a_plan_says_when_pictures_are_streamed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the study's wish, or for want of room."""
    wish = planned(study(data, data=splits_of(data, decode="stream")))
    assert wish == Plan(lines=("Pictures are streamed: each epoch decodes them anew",))
    free(monkeypatch, 20_000)
    assert "lacks room" in planned(study(data, image={"size": 32})).lines[0]


def test_a_wanted_cache_that_clearly_does_not_fit(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before a picture is read; room that caches take may be this study's own."""
    config = study(data, image={"size": 32}, data=splits_of(data, decode="cache"))
    free(monkeypatch, 15_000)
    with pytest.raises(UserError, match=r"need 19 kB and .* has 15 kB free"):
        planned(config)
    free(monkeypatch, 66_000_000_000)
    prepared(config)
    free(monkeypatch, 1000)
    assert planned(config).lines
