"""The pictures of a search are drawn from few trials and from many, whatever they are made of."""

from __future__ import annotations

import io

from analysis_fakes import trial
from modality_names import IMAGE, TEXT
from PIL import Image

from analysis.report.trial_plots import trial_pictures
from trainables.records import StopReason


def test_pictures_of_a_search() -> None:
    """Light and dark; hyperparameters are drawn where two or more differ, how far trials went where they went on."""
    records = [
        trial(
            IMAGE, n, (0.5, 0.5 + n / 50)[: 1 + n % 2], params={"lr": 10.0**-n, "backbone": f"$a_{n % 3}$", "same": 1}
        )
        for n in range(8)
    ]
    records.append(trial(TEXT, 0, (), reason=StopReason.FAILED, checkpoint=False))
    found = trial_pictures(records, [IMAGE, TEXT])
    assert list(found) == ["history", "reached", "coordinates"]
    for one in found.values():
        for drawn in (one.light, one.dark):
            with Image.open(io.BytesIO(drawn)) as picture:
                assert picture.width == 1440
    assert "image" in found["coordinates"].alt
    assert "text" not in found["coordinates"].alt


def test_a_search_of_one_epoch_has_its_history_alone() -> None:
    """Heads alone, say."""
    assert list(trial_pictures([trial(IMAGE, 0, (0.5,))], [IMAGE])) == ["history"]
