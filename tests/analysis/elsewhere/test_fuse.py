"""The fusion of predictions made elsewhere has the numbers of a study's analysis, and believes no gain that is luck."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.elsewhere.fuse import fuse_elsewhere
from analysis.elsewhere.lines import fusion_lines
from analysis.elsewhere.parts import Part, read_part
from analysis.numbers.mixture import best_mixture
from analysis.numbers.paired import Verdict
from trainables.errors import UserError

NAMES = ("photo", "sound", "touch")


def drawn(folder: Path, count: int, seed: int, strengths: tuple[float, ...], label: str = "val") -> Part:
    """Logits of independent models, the true class's raised by each one's strength."""
    rng = np.random.default_rng(seed)
    labels, files = rng.integers(0, 4, count), {}
    for name, strength in zip(NAMES, strengths, strict=False):
        logits = rng.normal(size=(count, 4))
        logits[np.arange(count), labels] += strength
        files[name] = folder / f"{label}_{name}.npz"
        np.savez(files[name], logits=logits, labels=labels)
    return read_part(files, None)


def test_the_weights_are_those_of_the_analysis(tmp_path: Path) -> None:
    """The same search on the same logits; every row and the majority class are scored."""
    val = drawn(tmp_path, 300, 0, (1.0, 1.2))
    found = fuse_elsewhere(val)
    assert found.fusion == best_mixture({n: p.logits for n, p in val.predictions.items()}, val.split.labels)
    assert [*found.val.rows] == ["photo", "sound", "fused", "majority"]
    assert found.val.rows["fused"].scores.accuracy == found.fusion.accuracy
    assert found.optimism is not None
    assert found.optimism.corrected <= found.optimism.raw


def test_a_gain_is_said_where_the_test_shows_it(tmp_path: Path) -> None:
    """Two models that err independently help each other; the test decides, by the comparison with the best single."""
    val, test = drawn(tmp_path, 400, 1, (1.0, 1.0)), drawn(tmp_path, 800, 2, (1.0, 1.0), "test")
    found = fuse_elsewhere(val, test)
    assert found.compared_on == "test"
    assert found.comparison is not None
    assert found.comparison.verdict == Verdict.BETTER
    said = "\n".join(fusion_lines(found))
    assert "Fusion helps" in said
    assert "on test over" in said
    assert "\u00a0" not in said


def test_without_a_test_val_is_cross_fitted(tmp_path: Path) -> None:
    """A second model that knows nothing: in 20 draws val's own numbers gain by choice, the verdict is never a gain."""
    gains, verdicts = [], []
    for seed in range(20):
        found = fuse_elsewhere(drawn(tmp_path, 150, seed, (1.0, 0.0)))
        gains.append(found.fusion.accuracy - found.val.rows["photo"].scores.accuracy)
        assert found.comparison is not None
        verdicts.append(found.comparison.verdict)
    assert np.mean(gains) > 0
    assert verdicts.count(Verdict.BETTER) <= 1
    assert "val, cross-fitted," in fusion_lines(found)[-2]


def test_three_modalities_and_gaps(tmp_path: Path) -> None:
    """More than two are weighted too, and a sample that lacks one is fused over the others."""
    val = drawn(tmp_path, 200, 3, (1.0, 0.8, 0.5))
    val.predictions["touch"].logits[:20] = np.nan
    found = fuse_elsewhere(val)
    assert [*found.fusion.weights] == list(NAMES)
    assert found.val.rows["touch"].log_loss is None  # decisions alone: the majority class where it says nothing
    assert "the same accuracy at any weight of" in fusion_lines(found)[0]


def test_json_says_what_the_lines_say(tmp_path: Path) -> None:
    """Each number is computed once: what is read back is what was computed, and the same twice."""
    val, test = drawn(tmp_path, 100, 4, (1.0, 1.0)), drawn(tmp_path, 100, 5, (1.0, 1.0), "test")
    found = fuse_elsewhere(val, test)
    raw = json.loads(found.as_json())
    assert raw["fusion"]["weights"] == found.fusion.weights
    assert raw["test"]["rows"]["fused"]["scores"]["accuracy"] == found.test.rows["fused"].scores.accuracy  # type: ignore[union-attr]
    assert raw["comparison"]["verdict"] == found.comparison.verdict  # type: ignore[union-attr]
    assert found.as_json() == fuse_elsewhere(val, test).as_json()


def test_samples_with_alike_names_count_as_one_draw(tmp_path: Path) -> None:
    """Ten pictures of one thing are no ten samples: the interval is wider, and the lines say why."""
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 3, 40), 10)
    words = [f"{chr(97 + one % 26)}{chr(97 + one // 26)}thing_{number}" for one in range(40) for number in range(10)]
    files = {}
    for name in ("photo", "sound"):
        logits = np.repeat(rng.normal(size=(40, 3)), 10, axis=0)
        logits[np.arange(400), labels] += 1
        files[name] = tmp_path / f"{name}.npz"
        np.savez(files[name], logits=logits, labels=labels, ids=words)
    found = fuse_elsewhere(read_part(files, None))
    assert found.val.blocks == 40
    assert any("by 40 groups" in line for line in fusion_lines(found))


def test_names_and_number_of_modalities_are_checked(tmp_path: Path) -> None:
    """One modality is no fusion; a row's name is taken; test has val's modalities."""
    val = drawn(tmp_path, 30, 6, (1.0, 1.0))
    one = Part(val.split, {"photo": val.predictions["photo"]}, ())
    with pytest.raises(UserError, match="two modalities or more"):
        fuse_elsewhere(one)
    taken = Part(val.split, {"photo": val.predictions["photo"], "fused": val.predictions["sound"]}, ())
    with pytest.raises(UserError, match="none of fused, ensemble, majority"):
        fuse_elsewhere(taken)
    with pytest.raises(UserError, match="the modalities of val, photo, sound, but has photo"):
        fuse_elsewhere(val, one)
    few = Part(val.split.rows(np.array([0])), {n: _first(p) for n, p in val.predictions.items()}, ())
    assert fuse_elsewhere(few).comparison is None


def _first(predictions):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(predictions, ids=predictions.ids[:1], logits=predictions.logits[:1], labels=predictions.labels[:1])
