"""Learning-rate schedules."""

from __future__ import annotations

import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from trainables.learning.schedules import DECAYS, Schedule, warmed_factor

NAMES = ("plateau", "one_cycle", "linear", "cosine", "constant")


def make(name: str, total_steps: int = 100, peaks: tuple[float, ...] = (1.0,), **options: float) -> Schedule:
    """A schedule over an optimizer with one group a peak."""
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": peak} for peak in peaks]
    optimizer = torch.optim.AdamW(groups)
    schedule = Schedule(name, optimizer, total_steps=total_steps, **options)  # type: ignore[arg-type]
    schedule.optimizer = optimizer  # type: ignore[attr-defined]
    return schedule


def rates(schedule: Schedule) -> list[float]:
    """The groups' learning rates now."""
    return [group["lr"] for group in schedule.optimizer.param_groups]  # type: ignore[attr-defined]


def run(schedule: Schedule, steps: int) -> list[float]:
    """The first group's rate at each of the next steps, and after the last."""
    found = [rates(schedule)[0]]
    for _ in range(steps):
        schedule.optimizer.step()  # type: ignore[attr-defined]
        schedule.after_step()
        found.append(rates(schedule)[0])
    return found


def test_linear_reaches_its_peak_at_a_tenth_and_zero_at_the_end() -> None:
    """Warm-up over 10 % of all steps, straight down to 0 after it, and 0 where more steps come than planned."""
    found = run(make("linear", 200, (3e-5,)), 205)
    assert found[0] == 0
    assert found[20] == max(found) == 3e-5
    assert found[10] == pytest.approx(1.5e-5)
    assert found[110] == pytest.approx(1.5e-5)
    assert found[199] > 0
    assert found[200:] == [0] * 6


def test_cosine_warms_up_and_ends_at_zero_by_a_half_wave() -> None:
    """Up over a fifth of the steps, half way down in the middle of the rest, 0 at the end and beyond."""
    found = run(make("cosine", 100, (1.0,), warmup_share=0.2), 105)
    assert (found[0], found[10], found[20]) == (0, 0.5, 1.0)
    assert found[60] == pytest.approx(0.5)
    assert found[40] == pytest.approx((1 + 2**-0.5) / 2)
    assert found[100:] == [0] * 6


@given(st.sampled_from(sorted(DECAYS)), st.integers(1, 300), st.floats(0, 1))
def test_a_warmed_factor_rises_then_falls_within_zero_and_one(name: str, total: int, share: float) -> None:
    """Whatever decay, length and warm-up, it stays in [0, 1] and has one summit, of 1 where there is room."""
    warmup = round(total * share)
    factors = [warmed_factor(step, total, warmup, DECAYS[name]) for step in range(total + 2)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert factors[: warmup + 1] == sorted(factors[: warmup + 1]) or warmup == total
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
    assert factors[total:] == [0, 0]
    assert warmup == total or max(factors) == factors[warmup] == 1


def test_plateau_halves_after_its_patience_down_to_the_minimum() -> None:
    """`patience` epochs without a better val loss are borne, the next one halves; never below the minimum."""
    schedule = make("plateau", peaks=(1.0, 0.5), plateau_factor=0.5, plateau_patience=2, minimum_learning_rate=0.2)
    found = []
    for _ in range(14):
        schedule.after_epoch(1.0)
        found.append(tuple(rates(schedule)))
    assert found[:3] == [(1.0, 0.5)] * 3  # the first is the best so far, then two are borne
    assert found[3:6] == [(0.5, 0.25)] * 3
    assert found[6:9] == [(0.25, 0.2)] * 3
    assert found[-1] == (0.2, 0.2)


def test_plateau_stays_while_the_loss_falls() -> None:
    """A better val loss each epoch leaves the rate, and steps don't move it."""
    schedule = make("plateau", plateau_patience=0)
    for epoch in range(10):
        schedule.after_epoch(1.0 / (epoch + 1))
        schedule.after_step()
    assert rates(schedule) == [1.0]


def test_one_cycle_peaks_once_and_ends_low() -> None:
    """Each group rises from a 25th to its own peak and falls far below its start; steps beyond the end are borne."""
    schedule = make("one_cycle", 50, (1.0, 0.1))
    assert rates(schedule) == pytest.approx([1 / 25, 0.1 / 25])
    found = run(schedule, 55)
    peak = found.index(max(found))
    assert found[peak] == pytest.approx(1.0, rel=0.01)
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert found[50] < 1e-4
    assert found[50:] == [found[50]] * 6


def test_constant_never_moves() -> None:
    """Neither steps nor losses change it."""
    schedule = make("constant")
    schedule.after_epoch(5.0)
    assert run(schedule, 5) == [1.0] * 6


def test_an_unknown_name_is_refused() -> None:
    """The message names the schedules there are."""
    with pytest.raises(ValueError, match=r"plateau.*cosine.*constant.*'sine'"):
        make("sine")


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_state_goes_on_exactly(name: str) -> None:
    """Saved in the middle, loaded with `weights_only` into a new schedule: the same rates from there on."""

    def drive(schedule: Schedule, epochs: range) -> list[float]:
        found = []
        for epoch in epochs:
            found += run(schedule, 10)
            schedule.after_epoch(1.0 if epoch < 2 else 2.0)
        return found

    options = {"plateau_patience": 1} if name == "plateau" else {}
    whole, first, second = (make(name, 100, **options) for _ in range(3))
    expected = drive(whole, range(10))
    drive(first, range(4))
    stream = io.BytesIO()
    optimizer = first.optimizer.state_dict()  # type: ignore[attr-defined]
    torch.save({"schedule": first.state_dict(), "optimizer": optimizer}, stream)
    stream.seek(0)
    state = torch.load(stream, weights_only=True)
    second.optimizer.load_state_dict(state["optimizer"])  # type: ignore[attr-defined]
    second.load_state_dict(state["schedule"])
    assert drive(second, range(4, 10)) == expected[44:]
    assert name == "constant" or len(set(expected[44:])) > 1
