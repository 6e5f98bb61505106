"""How much room checkpoints take."""

from __future__ import annotations

from pathlib import Path

import pytest
from modality_names import IMAGE, TEXT
from search_fakes import searching, study

from search.machines.shares import Share
from search.preflight import disk as module
from search.preflight.disk import check_disk, plan_disk
from trainables.errors import UserError

MB = 1_000_000


def test_what_a_trial_keeps_and_what_it_needs_while_it_runs(tmp_path: Path) -> None:
    """A best of 20 MB; running, three states of weights and AdamW's two numbers each, and a best that is written."""
    section = study(tmp_path, image=searching(trials=10)).image
    plan = plan_disk(section, 20 * MB, 0, Share(cpus=1, gpus=0, concurrency=3))
    assert (plan.best, plan.running) == (20 * MB, 200 * MB)
    assert plan.total == 10 * 20 * MB + 3 * 200 * MB


def test_an_average_is_one_more_number_a_weight(tmp_path: Path) -> None:
    """Wherever it may come from: the section's own value, the space, or a point."""
    share = Share(1, 0, 1)
    own = study(tmp_path, image={"ema_decay": 0.99}).image
    space = {"ema_decay": {"type": "choice", "choices": [None, 0.99]}}
    searched = study(tmp_path, image={"search": {"space": space}}).image
    pointed = study(tmp_path, image={"search": {"points": [{"ema_decay": 0.9}]}}).image
    assert {plan_disk(section, MB, 0, share).running for section in (own, searched, pointed)} == {13 * MB}


def test_the_line_names_each_modality_the_whole_and_the_free_room(tmp_path: Path) -> None:
    """What a person decides by, before the first trial."""
    shares = {name: Share(1, 0, 2) for name in (IMAGE, TEXT)}
    line = check_disk(study(tmp_path), {IMAGE: 20 * MB, TEXT: 270 * MB}, {IMAGE: (), TEXT: ()}, shares, tmp_path)
    assert "image 20 MB a trial and 200 MB more while it runs" in line
    assert "text 274 MB a trial" in line
    assert str(tmp_path) in line
    assert line.endswith("free")


def test_a_disk_that_is_too_small_is_known_before_the_first_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has the figures, and nothing was begun."""
    monkeypatch.setattr(module, "free_bytes", lambda folder: 5 * MB)
    with pytest.raises(UserError, match=r"must fit the disk.*5.* MB free"):
        check_disk(
            study(tmp_path, modalities=[IMAGE]), {IMAGE: 20 * MB}, {IMAGE: ()}, {IMAGE: Share(1, 0, 1)}, tmp_path
        )
