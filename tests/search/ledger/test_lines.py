"""Checked lines: what a crash or a bad disk does to them, and what is made of it."""

from __future__ import annotations

import resource
import signal
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.ledger.lines import LinesFile, create_lines, decode_line, encode_line, mirror_of, read_lines
from trainables.errors import UserError

EVENTS = [{"seq": number, "text": f"event {number} \u2028 é"} for number in range(6)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of six lines."""
    place = tmp_path / "ledger.jsonl"
    create_lines(place, EVENTS[:1])
    file = LinesFile(place)
    for event in EVENTS[1:]:
        file.append([event])
    file.close()
    return place


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(), max_size=5))
def test_a_line_gives_back_its_event(event: dict[str, object]) -> None:
    """Any JSON value survives; its line is one line for every reader."""
    line = encode_line(event)
    assert decode_line(line[:-1]) == event
    assert len(line.decode("ascii").splitlines()) == 1


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_is_noticed(place: int, bit: int) -> None:
    """No bit of a line can flip without the line being refused."""
    line = bytearray(encode_line(EVENTS[3])[:-1])
    line[place % len(line)] ^= 1 << bit
    assert decode_line(bytes(line)) is None


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.5, 0.999])
def test_a_cut_file_is_whole_again(path: Path, keep: float) -> None:
    """Emptied or cut anywhere, the file is completed from its mirror, in both places, and goes on."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    assert read_lines(path).events == tuple(EVENTS)
    file = LinesFile(path)
    assert file.recovered.notes
    file.append([{"seq": 6}])
    file.close()
    assert path.read_bytes() == mirror_of(path).read_bytes()
    assert read_lines(path).events == (*EVENTS, {"seq": 6})


def test_every_flipped_byte_is_put_right(path: Path) -> None:
    """Whichever byte of the file flips, the events are what they were."""
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 0x15
        path.write_bytes(bytes(damaged))
        assert read_lines(path).events == tuple(EVENTS)


def test_the_missing_file_comes_from_the_mirror(path: Path) -> None:
    """Removed, either file is made anew from the other."""
    content = path.read_bytes()
    for gone in (path, mirror_of(path)):
        gone.unlink()
        LinesFile(path).close()
        assert gone.read_bytes() == content


def test_a_torn_last_line_in_both_is_left_out(path: Path) -> None:
    """A writer that was killed within a line leaves the events before it."""
    for copy in (path, mirror_of(path)):
        copy.write_bytes(copy.read_bytes()[:-9])
    found = read_lines(path)
    assert found.events == tuple(EVENTS[:-1])
    assert "cut off" in found.notes[0]


def test_two_lines_run_together_are_two_again(path: Path) -> None:
    """A line end that was lost costs nothing."""
    path.write_bytes(path.read_bytes().replace(b"\n", b" ", 3))
    assert read_lines(path).events == tuple(EVENTS)


def test_damage_in_both_is_refused(path: Path) -> None:
    """A line that is lost in both copies is named, and nothing is begun anew."""
    lines = path.read_bytes().split(b"\n")
    lines[2] = b"x" + lines[2][1:]
    for copy in (path, mirror_of(path)):
        copy.write_bytes(b"\n".join(lines))
    with pytest.raises(UserError, match="line 3 is damaged"):
        read_lines(path)


@pytest.mark.parametrize("seq", [10**9, 10**4000, 7])
def test_a_line_that_names_a_far_place_is_refused_at_once(path: Path, seq: int) -> None:
    """Its sum fits, so that no damage shows: what is missing is named, and no list of it made."""
    path.write_bytes(path.read_bytes() + encode_line({"seq": seq}))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=f"line {len(EVENTS) + 1} is damaged"):
            read_lines(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"seq": 1' + b"0" * 5000 + b"}", b'{"seq":9,"x":' + b"[" * 90 + b"]" * 90 + b"}", b"[" * 99_999, b"\xff"],
)
def test_a_sum_that_fits_what_is_no_event_is_damage(path: Path, body: bytes) -> None:
    """Not JSON, a number or a depth that nothing can go through: one line that is put right from the other copy."""
    line = b'{"crc":"%08x","event":%b}\n' % (zlib.crc32(body), body)
    path.write_bytes(path.read_bytes() + line)
    found = read_lines(path)
    assert found.events == tuple(EVENTS)
    assert "put right" in found.notes[0]


def test_a_file_without_line_ends_takes_no_memory(path: Path) -> None:
    """A file that holds nothing (a hole in the file) is read in parts; the mirror has the record."""
    with path.open("r+b") as file:
        file.truncate(0)
        file.truncate(120_000_000)
    tracemalloc.start()
    try:
        assert read_lines(path).events == tuple(EVENTS)
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()


def test_two_empty_files_are_refused(path: Path) -> None:
    """An empty record is never taken for a new study's."""
    for copy in (path, mirror_of(path)):
        copy.write_bytes(b"")
    with pytest.raises(UserError, match="is empty"):
        LinesFile(path)


def test_a_full_disk_leaves_whole_lines(path: Path) -> None:
    """Where the disk takes no more, the append fails as a whole, and works again once there is room."""
    size = path.stat().st_size
    file = LinesFile(path)
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            file.append([{"seq": 6, "text": "x" * 100}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.stat().st_size == size
    file.append([{"seq": 6}])
    file.close()
    assert read_lines(path).events == (*EVENTS, {"seq": 6})
