"""What this machine has, without Ray."""

from __future__ import annotations

from pathlib import Path

import pytest
from search_fakes import study

from search.machines.local import NVIDIA, check_local_resources, count_gpus
from trainables.errors import UserError


def test_gpus_are_counted_by_their_folders(tmp_path: Path) -> None:
    """A machine without any device has none; NVIDIA's driver has a folder a GPU."""
    assert count_gpus({}, tmp_path) == 0
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / NVIDIA / name).mkdir(parents=True)
    assert count_gpus({}, tmp_path) == 2


@pytest.mark.parametrize(("visible", "count"), [("", 0), ("-1", 0), ("0", 1), ("2, 3", 2), ("GPU-1,GPU-2,GPU-3", 3)])
def test_visible_devices_decide(tmp_path: Path, visible: str, count: int) -> None:
    """What CUDA may see is all that counts."""
    (tmp_path / NVIDIA / "0000:01:00.0").mkdir(parents=True)
    assert count_gpus({"CUDA_VISIBLE_DEVICES": visible}, tmp_path) == count


def test_other_accelerators_are_left_to_ray(tmp_path: Path) -> None:
    """Where a device of another kind is there, nothing is refused here."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "kfd").touch()
    assert count_gpus({}, tmp_path) is None


def test_more_gpus_than_there_are_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the key and what there is; a cluster's machines aren't this one."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    greedy = {"search": {"resources": {"gpus": 4}}}
    with pytest.raises(UserError, match=r"image.search.resources.gpus is 4, and the largest of 1 machine has 2"):
        check_local_resources(study(tmp_path, image=greedy))
    check_local_resources(study(tmp_path, image=greedy, cluster={"address": "auto"}))
