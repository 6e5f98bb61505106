"""How busy a machine is, and when that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.show.load import Load, load_now, stolen_share


@pytest.mark.parametrize(
    ("load", "own", "said"),
    [
        (Load(2, 0.9), 0, None),
        (Load(2, 6.1), 0, "this machine is busy: 2 cores, load 6.1"),
        (Load(2, 2.5), 2, None),  # the study's own trials
        (Load(1, 1.0, 0.25), 0, "this machine is busy: 1 core, load 1.0, its host takes 25% of their time"),
        (Load(64, 10.0), 0, None),
        (Load(2, 0.1, 0.3), 0, "this machine is busy: its host takes 30% of their time"),
    ],
)
def test_a_busy_machine_is_said_with_its_cores(load: Load, own: int, said: str | None) -> None:
    """From half the cores on that others want; the study's own work doesn't count."""
    assert load.note(own) == said


def test_what_the_host_takes_is_a_share_of_what_was_wanted() -> None:
    """Idle time isn't stolen; old systems tell fewer numbers."""
    assert stolen_share([50, 0, 20, 900, 10, 0, 0, 30, 0, 0]) == pytest.approx(0.3)
    assert stolen_share([50, 0, 20, 900]) == 0
    assert stolen_share([0] * 10) == 0


def test_what_the_system_tells_is_read(tmp_path: Path) -> None:
    """This machine has cores; a system without the file steals nothing."""
    stat = tmp_path / "stat"
    stat.write_text("cpu  50 0 20 900 10 0 0 30 0 0\ncpu0 1 2 3\n", "ascii")
    found = load_now(stat)
    assert found.cores >= 1
    assert found.wanted >= 0
    assert found.stolen == pytest.approx(0.3)
    assert load_now(tmp_path / "none").stolen == 0
