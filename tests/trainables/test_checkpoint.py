"""Checkpoint folders: whole or refused."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from trainables_fakes import assert_same_tensors

from trainables import checkpoint as module
from trainables.checkpoint import (
    drop_states,
    read_checkpoint,
    read_manifest,
    read_meta,
    read_state,
    read_train_logits,
    replace_checkpoint,
    save_state,
    write_checkpoint,
)
from trainables.errors import UserError
from trainables.names import MANIFEST_FILE, META_FILE, STATE_FILE, TRAIN_LOGITS_FILE, WEIGHTS_FILE

META = {"modality": "image", "classes": ["Böse", "Blue"]}


def weights(value: float = 1.0) -> dict[str, Tensor]:
    """A tensor in an odd layout, an integer, and a scalar."""
    return {"a.weight": torch.full((2, 3), value).t(), "steps": torch.tensor(3), "b": torch.tensor([1e-30, -0.0])}


def write(folder: Path, value: float = 1.0) -> Path:
    """A whole checkpoint with state and a companion."""
    state = {"epoch": 2, "generator": torch.Generator().get_state(), "nested": {"rates": [1e-3, None]}}
    write_checkpoint(folder, weights(value), META, state, write_companion)
    return folder


def write_companion(folder: Path) -> None:
    """What a tokenizer would write."""
    (folder / "tokenizer.json").write_text("{}")


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Weights bit for bit, meta with its letters, state with its tensors; nothing else is left in the folder."""
    folder = write(tmp_path / "best")
    found = read_checkpoint(folder)
    assert_same_tensors(found.weights, weights())
    assert found.meta["classes"] == ["Böse", "Blue"]
    assert found.state is not None
    assert found.state["nested"] == {"rates": [1e-3, None]}
    assert torch.equal(found.state["generator"], torch.Generator().get_state())
    assert names(folder) == sorted(["tokenizer.json", MANIFEST_FILE, META_FILE, STATE_FILE, WEIGHTS_FILE])
    assert names(tmp_path) == ["best"]


def test_state_is_optional(tmp_path: Path) -> None:
    """A checkpoint of weights alone has no state."""
    write_checkpoint(tmp_path / "best", weights(), META)
    assert read_checkpoint(tmp_path / "best").state is None


@pytest.mark.parametrize("name", [WEIGHTS_FILE, META_FILE, STATE_FILE, "tokenizer.json"])
def test_a_flipped_byte_is_refused_by_name(tmp_path: Path, name: str) -> None:
    """One bit changed in any file: the checkpoint isn't loaded, and the message names the file."""
    folder = write(tmp_path / "best")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, META_FILE, STATE_FILE, "tokenizer.json", MANIFEST_FILE])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    """A folder that lacks a file of its manifest, or the manifest, isn't loaded."""
    folder = write(tmp_path / "best")
    (folder / name).unlink()
    with pytest.raises(UserError, match=str(folder)):
        read_checkpoint(folder)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_half_a_manifest_is_refused(tmp_path: Path, share: float) -> None:
    """A torn manifest is a UserError, not a JSON traceback."""
    manifest = write(tmp_path / "best") / MANIFEST_FILE
    content = manifest.read_bytes()
    manifest.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match="half-written"):
        read_checkpoint(manifest.parent)


@pytest.mark.parametrize("content", ["{}", "[]", "null"])
def test_a_manifest_without_the_weights_is_refused(tmp_path: Path, content: str) -> None:
    """A manifest that doesn't vouch for the weights vouches for nothing."""
    folder = write(tmp_path / "best")
    (folder / MANIFEST_FILE).write_text(content)
    with pytest.raises(UserError, match=MANIFEST_FILE):
        read_checkpoint(folder)


def test_a_missing_folder_and_another_format_are_refused(tmp_path: Path) -> None:
    """Both are the user's to know, in one line."""
    with pytest.raises(UserError, match="missing"):
        read_meta(tmp_path / "nowhere")
    write_checkpoint(tmp_path / "best", weights(), {**META, "format": 99})
    with pytest.raises(UserError, match="format 99"):
        read_meta(tmp_path / "best")


def test_state_that_would_run_code_is_refused(tmp_path: Path) -> None:
    """State is loaded with `weights_only=True`: an object of a class of its own isn't built."""
    write_checkpoint(tmp_path / "best", weights(), META, {"path": tmp_path})
    with pytest.raises(UserError, match=r"without running code of theirs \(UnpicklingError: [Ww]eights.only"):
        read_checkpoint(tmp_path / "best")


@pytest.mark.parametrize(
    "header",
    [
        (2**63).to_bytes(8, "little") + b"{}",  # a header of exabytes
        (90_000_000).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (9).to_bytes(8, "little") + b"[[[[[[[[[",
        b'\x4d\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}     12345678',
        b'\x3d\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999]}}    ',
        b"",
    ],
)
def test_hostile_weights_are_refused(tmp_path: Path, header: bytes) -> None:
    """With a manifest that fits them: one message, and no memory for what the header promises."""
    folder = tmp_path / "best"
    write_checkpoint(folder, weights(), META)
    (folder / "weights.safetensors").write_bytes(header)
    digests = json.loads((folder / "manifest.json").read_text())
    digests["weights.safetensors"] = hashlib.sha256(header).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(digests))
    with pytest.raises(UserError, match="A checkpoint must be as it was written"):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", ["../../../dev/zero", "/dev/zero", "a/../..", ".."])
def test_a_manifest_names_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    """Nothing out of the folder is read, which might be a device without an end."""
    folder = tmp_path / "best"
    write_checkpoint(folder, weights(), META)
    digests = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**digests, name: "0" * 64}))
    with pytest.raises(UserError, match="must list the checkpoint's files"):
        read_manifest(folder)


@pytest.mark.parametrize("content", ["[" * 50_000, "{", "[1]", '"x"'])
def test_a_meta_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    """Whatever it holds, and though its digest fits."""
    folder = tmp_path / "best"
    write_checkpoint(folder, weights(), META)
    (folder / "meta.json").write_text(content)
    digests = json.loads((folder / "manifest.json").read_text())
    digests["meta.json"] = hashlib.sha256(content.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(digests))
    with pytest.raises(UserError, match=r"must be as it was written|has checkpoint format None"):
        read_meta(folder)


def test_replacing_leaves_the_new_one_alone(tmp_path: Path) -> None:
    """After a replacement there is the new checkpoint and neither the old one nor a temporary folder."""
    for value in (1.0, 2.0, 3.0):
        replace_checkpoint(tmp_path / "best", weights(value), META, companions=write_companion)
        assert names(tmp_path) == ["best"]
        assert_same_tensors(read_checkpoint(tmp_path / "best").weights, weights(value))


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failed_writing_leaves_the_old_one(tmp_path: Path, error: BaseException) -> None:
    """Where writing fails half way, the checkpoint before is whole and no temporary folder is left."""

    def fail(folder: Path) -> None:
        write_companion(folder)
        raise error

    replace_checkpoint(tmp_path / "best", weights(1.0), META)
    with pytest.raises(type(error)):
        replace_checkpoint(tmp_path / "best", weights(2.0), META, companions=fail)
    assert names(tmp_path) == ["best"]
    assert_same_tensors(read_checkpoint(tmp_path / "best").weights, weights(1.0))


def test_a_failed_second_rename_puts_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old checkpoint is out of the way, the new one can't take its place: the old one returns."""
    replace_checkpoint(tmp_path / "best", weights(1.0), META)
    rename = Path.rename

    def fail_for_the_new_one(self: Path, target: Path) -> Path:
        if self.name.startswith("."):
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new_one)
    with pytest.raises(OSError, match="no"):
        replace_checkpoint(tmp_path / "best", weights(2.0), META)
    assert names(tmp_path) == ["best"]
    assert_same_tensors(read_checkpoint(tmp_path / "best").weights, weights(1.0))


def test_a_process_killed_between_the_renames_loses_nothing(tmp_path: Path) -> None:
    """Only `best.old` is there: it is read, and a replacement that fails next still leaves it whole."""
    best, old = tmp_path / "best", tmp_path / "best.old"
    write(best).rename(old)
    assert_same_tensors(read_checkpoint(best).weights, weights())
    best.rename(old)

    def fail(folder: Path) -> None:
        raise OSError(folder)

    with pytest.raises(OSError, match="best"):
        replace_checkpoint(best, weights(2.0), META, companions=fail)
    assert_same_tensors(read_checkpoint(best).weights, weights())


def test_a_stale_old_one_goes(tmp_path: Path) -> None:
    """A `best.old` beside a whole `best` (killed before the tidying) is never preferred, and goes at the next write."""
    write(tmp_path / "best.old", value=1.0)
    write(tmp_path / "best", value=2.0)
    assert_same_tensors(read_checkpoint(tmp_path / "best").weights, weights(2.0))
    replace_checkpoint(tmp_path / "best", weights(3.0), META)
    assert names(tmp_path) == ["best"]


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    """While the companions are written there is no manifest yet, so a torn folder is known by its lack."""
    seen: list[list[str]] = []
    write_checkpoint(tmp_path / "best", weights(), META, companions=lambda folder: seen.append(names(folder)))
    assert seen == [[META_FILE, WEIGHTS_FILE]]


def test_the_digest_is_the_manifests(tmp_path: Path) -> None:
    """The manifest holds the SHA-256 of every file beside it."""
    folder = write(tmp_path / "best")
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    for name, digest in manifest.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert set(manifest) == {WEIGHTS_FILE, META_FILE, STATE_FILE, "tokenizer.json"}
    assert read_meta(folder)["format"] == module.FORMAT


def save(trial: Path, value: float) -> None:
    """A state whose weights and epoch are `value`."""
    save_state(trial, weights(value), {**META, "epoch": value}, {"step": value})


def flip(path: Path) -> None:
    """One bit of one byte."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_the_last_state_and_the_one_before_are_kept(tmp_path: Path) -> None:
    """After four saves there are two, whole, and the newest is read, without a word."""
    for value in (1.0, 2.0, 3.0, 4.0):
        save(tmp_path, value)
    assert names(tmp_path) == ["last", "previous"]
    assert read_checkpoint(tmp_path / "previous").meta["epoch"] == 3
    found, warning = read_state(tmp_path)
    assert found is not None
    assert (found.meta["epoch"], found.state, warning) == (4, {"step": 4.0}, "")


@pytest.mark.parametrize("name", [WEIGHTS_FILE, META_FILE, STATE_FILE, MANIFEST_FILE])
@pytest.mark.parametrize("damage", ["flipped", "torn", "missing"])
def test_a_damaged_last_state_gives_way_to_the_one_before(tmp_path: Path, name: str, damage: str) -> None:
    """A flipped byte, half a file or none, in any of its files: the previous state, and a warning that names it."""
    save(tmp_path, 1.0)
    save(tmp_path, 2.0)
    path = tmp_path / "last" / name
    if damage == "flipped":
        flip(path)
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
    found, warning = read_state(tmp_path)
    assert found is not None
    assert found.meta["epoch"] == 1
    assert "damaged" in warning
    assert str(tmp_path / "last") in warning


def test_without_a_whole_state_a_trial_doesnt_begin_anew_in_silence(tmp_path: Path) -> None:
    """Both damaged is said, with the names of both; none at all is a beginning."""
    assert read_state(tmp_path / "fresh") == (None, "")
    save(tmp_path, 1.0)
    save(tmp_path, 2.0)
    for folder in ("last", "previous"):
        flip(tmp_path / folder / STATE_FILE)
    found, warning = read_state(tmp_path)
    assert found is None
    assert re.search(r"None of its saved states is whole: .*last.*previous", warning)


def test_a_process_killed_between_its_renames_leaves_the_one_before(tmp_path: Path) -> None:
    """`last` became `previous` and the new one hadn't its name yet: `previous` is read, without a warning of damage."""
    save(tmp_path, 1.0)
    (tmp_path / "last").rename(tmp_path / "previous")
    found, warning = read_state(tmp_path)
    assert found is not None
    assert (found.meta["epoch"], warning) == (1, "")


def test_a_failed_save_keeps_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while a state is written costs neither of those that are there."""
    save(tmp_path, 1.0)
    save(tmp_path, 2.0)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path, 3.0)
    assert names(tmp_path) == ["last", "previous"]
    found, warning = read_state(tmp_path)
    assert found is not None
    assert (found.meta["epoch"], warning) == (2, "")


def test_states_are_dropped_and_the_best_stays(tmp_path: Path) -> None:
    """A trial that is over keeps its best checkpoint alone; what a kill left half-written goes, too."""
    save(tmp_path, 1.0)
    save(tmp_path, 2.0)
    write(tmp_path / "best")
    (tmp_path / ".last.0123abcd").mkdir()
    drop_states(tmp_path)
    assert names(tmp_path) == ["best"]


def test_a_heads_logits_of_train_lie_beside_its_weights(tmp_path: Path) -> None:
    """Read back as they were; None of a checkpoint without them; an altered file is refused."""
    logits = np.arange(6, dtype=np.float32).reshape(3, 2)
    write_checkpoint(tmp_path / "old", {"w": torch.ones(1)}, {})
    assert read_train_logits(tmp_path / "old") is None
    folder = tmp_path / "new"
    write_checkpoint(folder, {"w": torch.ones(1)}, {}, companions=lambda own: np.save(own / TRAIN_LOGITS_FILE, logits))
    np.testing.assert_array_equal(read_train_logits(folder), logits)
    np.save(folder / TRAIN_LOGITS_FILE, logits + 1)
    with pytest.raises(UserError, match="must be as its manifest says"):
        read_train_logits(folder)
