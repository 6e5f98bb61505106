"""What a study's time bought: measured from its records, kept, and said."""

from __future__ import annotations

from pathlib import Path

import analysis_fakes as fakes
import numpy as np
import pytest

from analysis.effort import ANYTIME_FILE, effort_sentence, measured_effort, read_effort, write_effort
from analysis.numbers.anytime import Effort, Moment

EFFORT = Effort((Moment("text_head_000", True, 120, 0.906), Moment("text_000", False, 480, 0.931)))


def test_what_was_kept_is_read_back(tmp_path: Path) -> None:
    """And removed where a later analysis finds none; a damaged file is none."""
    assert read_effort(tmp_path) is None
    write_effort(tmp_path, EFFORT)
    assert read_effort(tmp_path) == EFFORT
    (tmp_path / "analysis" / ANYTIME_FILE).write_text("[")
    assert read_effort(tmp_path) is None
    write_effort(tmp_path, None)
    assert not (tmp_path / "analysis" / ANYTIME_FILE).exists()


def test_gain_and_cost_are_one_sentence_that_says_what_chose() -> None:
    """Without fine-tuning there is nothing to say."""
    said = effort_sentence(EFFORT)
    assert said == (
        "Effort: heads on frozen features had 90.6\u00a0% on val after 2\u00a0min\u00a000\u00a0s of trials; "
        "fine-tuning took 6\u00a0min\u00a000\u00a0s more and has 93.1\u00a0%: +2.5\u00a0points. Val is also what "
        "chose, so that both are a little too high."
    )
    assert effort_sentence(Effort(EFFORT.moments[:1])) == ""


def test_trials_without_a_model_count_with_their_time(tmp_path: Path) -> None:
    """They took it all the same."""
    records = fakes.trials(fakes.TEXT, 0.8)
    effort = measured_effort(tmp_path, records, np.zeros(4, np.int64), lambda _: None)
    assert effort is not None
    last = effort.moments[-1]
    upto = [record.trial_id for record in records].index(last.trial_id)
    assert last.seconds == pytest.approx(sum(record.seconds for record in records[: upto + 1]))
