"""Heads' out-of-fold predictions tell which labels of train are likely wrong; the report shows the likeliest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import study_folder, study_of_many
from modality_names import IMAGE, TEXT
from numpy.typing import NDArray

from analysis.numbers.fusion import BestAlpha
from analysis.numbers.mixture import Mixture
from analysis.pipeline import analyze
from analysis.report.report import build_report, render_html, render_markdown
from analysis.results import Selection
from analysis.train_doubts import FILE, MOST, read_train_doubts, train_doubts, write_train_doubts
from trainables.data.samples import Split


@pytest.fixture
def study(tmp_path: Path) -> tuple[Selection, Split]:
    """An analyzed study whose selected models stand for its heads, and train."""
    fakes = study_of_many(tmp_path)
    selection = analyze(tmp_path, linear_baseline=False, fusions=(), models=fakes.models())
    pair = Mixture.of_alpha(BestAlpha(0.5, 0.9, 0.4, 0.6), IMAGE, TEXT)
    return dataclasses.replace(selection, frozen=selection.models, frozen_fusion=pair), fakes.splits["train"]


def sure_of(train: Split, *, but: int) -> NDArray[np.float32]:
    """Logits that are sure of each label, and of the next class in one row."""
    logits = np.full((len(train), len(train.classes)), -3.0, dtype=np.float32)
    said = train.labels.copy()
    said[but] = (said[but] + 1) % len(train.classes)
    logits[np.arange(len(train)), said] = 3
    return logits


def test_a_wrong_label_of_train_stands_in_the_report(study: tuple[Selection, Split], tmp_path: Path) -> None:
    """With its words, what it is labelled and what it looks like, and how many were looked at."""
    selection, train = study
    found = train_doubts(tmp_path, selection, train, lambda _: sure_of(train, but=7))
    assert found is not None
    assert (found.checked, found.doubted, [one.row for one, _ in found.kept]) == (30, 1, [7])
    write_train_doubts(tmp_path, found)
    assert read_train_doubts(tmp_path) == found
    report = build_report(tmp_path)
    assert (report.look.doubted["train"], report.look.checked["train"]) == (1, 30)
    doubt = report.look.doubts[-1]
    assert (doubt.split, doubt.id, doubt.label) == ("train", train.ids[7], train.classes[train.labels[7]])
    assert (doubt.thumbnail or "").startswith("data:image/jpeg")
    for page in (render_html(report), render_markdown(report)):
        assert "1 of 30\u00a0train labels are doubted" in page.replace("30 train", "30\u00a0train")
        assert "each fitted without the sample’s fold" in page


def test_no_more_than_the_likeliest_are_kept(study: tuple[Selection, Split], tmp_path: Path) -> None:
    """However many labels are doubted."""
    selection, train = study
    wrong = np.roll(sure_of(train, but=0), 1, axis=1)
    wrong[:3] = sure_of(train, but=0)[:3]
    found = train_doubts(tmp_path, selection, train, lambda _: wrong)
    assert found is not None
    assert len(found.kept) == MOST < found.doubted


def test_studies_without_them_say_nothing_of_train(study: tuple[Selection, Split], tmp_path: Path) -> None:
    """Heads of an earlier version, another train split, a damaged file; and nothing of an earlier analysis stays."""
    selection, train = study
    assert train_doubts(tmp_path, selection, train, lambda _: None) is None
    assert train_doubts(tmp_path, selection, train, lambda _: sure_of(train, but=1)[:9]) is None
    assert train_doubts(tmp_path, dataclasses.replace(selection, frozen={}), train, lambda _: None) is None
    (tmp_path / "analysis" / FILE).write_text("[")
    assert read_train_doubts(tmp_path) is None
    write_train_doubts(tmp_path, None)
    assert not (tmp_path / "analysis" / FILE).exists()
    assert "train" not in build_report(tmp_path).look.doubted


def test_one_head_decides_where_the_other_kept_nothing(study: tuple[Selection, Split], tmp_path: Path) -> None:
    """What a sample lacks isn't looked at."""
    selection, train = study
    own = sure_of(train, but=4)
    own[:2] = np.nan
    found = train_doubts(tmp_path, selection, train, lambda folder: own if IMAGE in folder.parts else None)
    assert found is not None
    assert (found.checked, found.doubted) == (28, 1)


def test_the_analysis_keeps_them(tmp_path: Path) -> None:
    """Without heads there are none."""
    analyze(tmp_path, linear_baseline=False, models=study_folder(tmp_path).models())
    assert read_train_doubts(tmp_path) is None
