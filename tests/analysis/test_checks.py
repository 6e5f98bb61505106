"""Whether a checkpoint still is what its trial left; the digests are checked in `test_pipeline`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import accuracy, predictions, split, trial
from modality_names import IMAGE

from analysis.checks import check_kept_logits, check_reproduced


def test_samples_without_the_modality_do_not_count(tmp_path: Path) -> None:
    """The trial's accuracy is of those that have it."""
    part = split("val", 60, tmp_path)
    own, record = predictions(part, IMAGE), trial(IMAGE, 1, (accuracy(part, IMAGE),))
    logits = np.concatenate([own.logits, np.full((40, 3), np.nan, dtype=np.float32)])
    ids = (*own.ids, *(f"other {row}" for row in range(40)))
    labels = np.concatenate([own.labels, np.zeros(40, dtype=np.int64)])
    check_reproduced(record, dataclasses.replace(own, ids=ids, logits=logits, labels=labels))
    with pytest.raises(RuntimeError, match="image_001 must reproduce"):
        check_reproduced(trial(IMAGE, 1, (accuracy(part, IMAGE) - 0.1,)), own)


def test_kept_logits_may_differ_as_devices_do(tmp_path: Path) -> None:
    """A decision that flips is allowed in so many samples, and rounding always; more, or another shape, is refused."""
    own, record = predictions(split("val", 60, tmp_path), IMAGE), trial(IMAGE, 1, (0.5,))
    check_kept_logits(record, own.logits + 1e-4, own)
    flipped = own.logits.copy()
    flipped[0] = -flipped[0]
    check_kept_logits(record, flipped, own)
    flipped[:3] = -own.logits[:3]
    with pytest.raises(RuntimeError, match=r"image_001 must decide .* but 0\.0500 differ"):
        check_kept_logits(record, flipped, own)
    with pytest.raises(RuntimeError, match=r"must have the shape \(60, 3\), but have \(59, 3\)"):
        check_kept_logits(record, own.logits[1:], own)
