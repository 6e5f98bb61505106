"""Names that are free, and the ways that pictures get into a new folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainables.data.making.placing import FreeNames, place_pictures, placing, require_picture_room
from trainables.errors import UserError


@settings(max_examples=100)
@given(
    st.lists(st.text("aAéE\u0301日.x_2", min_size=1, max_size=300).filter(lambda n: n not in (".", "..")), max_size=20)
)
@example(["...", "..."])
def test_names_are_free_and_fit(names: list[str]) -> None:
    """However alike and long: none twice in any case, none over 255 bytes, each ending kept."""
    free = FreeNames()
    given_names = [f"{name}.png" for name in names] + [f"3.{name}" for name in names]
    taken = [free.take("Train/Blue", name) for name in given_names]
    assert len({name.casefold() for name in taken}) == len(taken)
    assert all(len(name.encode()) <= 255 for name in taken)
    assert all(name.endswith(".png") for name in taken[: len(names)])
    assert [free.take("Train/Green", name) for name in given_names[:1]] == taken[:1]


def test_many_equal_names_get_numbers() -> None:
    """The first keeps its name; a name that a number made is not taken twice."""
    free = FreeNames()
    assert [free.take("x", name) for name in ("a.png", "a_2.png", "A.png", "a.png", "a_2.png")] == [
        "a.png",
        "a_2.png",
        "A_3.png",
        "a_4.png",
        "a_2_2.png",
    ]


def test_unknown_ways_are_refused() -> None:
    """What there is, and what was given."""
    with pytest.raises(UserError, match='one of copy, link, list, but got "move"'):
        placing("move")


def test_links_across_disks_become_copies(tmp_path: Path) -> None:
    """Where no hard link can be made, the picture is copied and counted, and its room was asked for."""
    other = Path("/dev/shm")  # noqa: S108  a disk of its own on Linux
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second disk")
    (tmp_path / "a.png").write_bytes(b"a")
    target = other / f"binwise-{tmp_path.name}"
    target.mkdir()
    try:
        require_picture_room([tmp_path / "a.png"], target / "new", "link")
        placed = place_pictures([(tmp_path / "a.png", "Train/Blue")], target, "link")
        assert (placed.files, placed.copied) == (["Train/Blue/a.png"], 1)
        assert (target / "Train/Blue/a.png").read_bytes() == b"a"
    finally:
        for path in (target / "Train/Blue/a.png", target / "Train/Blue", target / "Train", target):
            path.unlink(missing_ok=True) if path.is_file() else path.exists() and path.rmdir()


def test_room_is_asked_for_copies_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links on one disk and lists take none."""
    (tmp_path / "a.png").write_bytes(bytes(5000))
    monkeypatch.setattr("trainables.data.disk.free_bytes", lambda folder: 5000)
    for how in ("link", "list"):
        require_picture_room([tmp_path / "a.png"], tmp_path / "new/deep", how)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"8\.2 kB free for this, but has 5\.0 kB"):
        require_picture_room([tmp_path / "a.png"], tmp_path / "new/deep", "copy")
