"""How the analysis' records become JSON, and are read back: the same value gives the same bytes.

The fusion of two modalities is written as its alpha, the weight of the second in the registry's order; that of more as
the weights by modality.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.numbers.alpha_choice import FusionRule
from analysis.numbers.fusion import BestAlpha
from analysis.numbers.intervals import Interval
from analysis.numbers.metrics import Scores
from analysis.numbers.mixture import Mixture
from analysis.numbers.optimism import Optimism
from analysis.numbers.paired import Comparison, Verdict
from analysis.results import EnsembleResult, Example, FinalTest, FusionResult, RowScores, SelectedModel, Selection
from analysis.rows import linear_row, ordered
from trainables.names import RICHER, TEST, VAL
from trainables.records import is_inside
from trainables.runtime.fusion import LinearFusion


def to_json(value: Any) -> bytes:
    """A record, or a tuple of records, as UTF-8 JSON with sorted keys; the same value gives the same bytes.

    Half characters of undecodable file names are written as JSON escapes, which read back as what they were.
    """
    raw = [_plain(one) for one in value] if isinstance(value, tuple) else _plain(value)
    text = json.dumps(raw, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    return (text + "\n").encode("utf-8", "backslashreplace")


def selection_from_json(raw: Mapping[str, Any]) -> Selection:
    """The value of parsed JSON.

    Raises KeyError, TypeError or ValueError where it is none, UserError where a modality isn't registered.
    """
    modalities = ordered(raw["models"])
    linear = [modality for modality in modalities if linear_row(modality) in raw["val"]]
    frozen = raw.get("frozen", {})
    return Selection(
        **{
            **raw,
            "classes": tuple(raw["classes"]),
            "models": {modality: _model(raw["models"][modality]) for modality in modalities},
            "fusion": _fusion_from_json(raw["fusion"], modalities),
            "linear_fusion": _fusion_from_json(raw["linear_fusion"], linear),
            "val": _row_scores(raw["val"]),
            "frozen": {modality: _model(frozen[modality]) for modality in ordered(frozen)},
            "frozen_fusion": _fusion_from_json(raw.get("frozen_fusion"), ordered(frozen)),
            "ensemble": _ensemble_from_json(raw.get("ensemble")),
            "optimism": Optimism(**raw["optimism"]) if "optimism" in raw else None,
            "fusion_rule": FusionRule(**raw.get("fusion_rule", {})),
            "fusions": _richer_from_json(raw.get("fusions", {})),
        }
    )


def _model(raw: Mapping[str, Any]) -> SelectedModel:
    model = SelectedModel(**raw)
    for path in (model.checkpoint, *model.checkpoint_sha256):
        if not is_inside(path):
            raise ValueError(f"a model's files must lie in the study's folder, but got {path!r}")
    return model


def example_from_json(raw: Mapping[str, Any]) -> Example:
    """The value of parsed JSON. Raises KeyError or TypeError where it is none."""
    return Example(raw["id"], {modality: shown for modality, shown in raw.items() if modality != "id"})


def final_test_from_json(raw: Mapping[str, Any]) -> FinalTest:
    """The value of parsed JSON. Raises KeyError or TypeError where it is none."""
    compared = {name: _comparison(one) for name, one in raw.get("comparisons", {}).items()}
    return FinalTest(
        **{
            **raw,
            "test": _row_scores(raw["test"]),
            "changes": tuple(raw.get("changes", ())),
            "comparisons": compared,
        }
    )


# Keys that say nothing where they are empty.
_SINCE = (
    *("test_digest", "changes", "overlap", "frozen", "frozen_fusion", "ensemble", "fusions"),
    *("optimism", "comparisons", "blocks", "other_openings"),
)


def _plain(record: Any) -> dict[str, Any]:
    if isinstance(record, Example):
        return {"id": record.id, **record.inputs}
    split = VAL if isinstance(record, Selection) else TEST
    raw = dataclasses.asdict(dataclasses.replace(record, **{split: {}}))
    raw[split] = {row: row_json(one) for row, one in getattr(record, split).items()}
    raw = {key: value for key, value in raw.items() if value or key not in _SINCE}
    if isinstance(record, Selection):
        if record.ensemble is not None and not record.ensemble.temperatures:
            del raw["ensemble"]["temperatures"]
        if record.fusion_rule == FusionRule():
            del raw["fusion_rule"]
        fusions = {"fusion": record.fusion, "linear_fusion": record.linear_fusion}
        if record.frozen_fusion is not None:
            fusions["frozen_fusion"] = record.frozen_fusion
        raw |= {key: fusion and dataclasses.asdict(fusion.best_alpha or fusion) for key, fusion in fusions.items()}
    return raw


def row_json(row: RowScores) -> dict[str, Any]:
    """What wasn't computed isn't written: the digest of an earlier version's selection stays what it is."""
    raw = dataclasses.asdict(dataclasses.replace(row, scores=None))  # type: ignore[arg-type]
    kept = {key: value for key, value in raw.items() if value is not None or key == "seconds_per_sample"}
    return {**kept, "scores": row.scores.as_json()}


def _fusion_from_json(raw: Mapping[str, Any] | None, modalities: Sequence[str]) -> Mixture | None:
    if raw is None:
        return None
    if "alpha" in raw:
        first, second = modalities
        return Mixture.of_alpha(BestAlpha(**raw), first, second)
    return Mixture(**{**raw, "weights": {modality: raw["weights"][modality] for modality in modalities}})


def _ensemble_from_json(raw: Mapping[str, Any] | None) -> EnsembleResult | None:
    if raw is None:
        return None
    members = {name: _model(one) for name, one in raw["members"].items()}
    # Files sort their keys; members are in the registry's order of modalities.
    order = ordered({one.modality for one in members.values()})
    names = sorted(members, key=lambda name: (order.index(members[name].modality), name))
    weights = {name: float(raw["weights"][name]) for name in names}
    return EnsembleResult(**{**raw, "members": {name: members[name] for name in names}, "weights": weights})


def _richer_from_json(raw: Mapping[str, Any]) -> dict[str, FusionResult]:
    """Files sort their keys; fusions are in the order of their names' list."""
    names = sorted(raw, key=RICHER.index)
    return {name: FusionResult(**{**raw[name], "fusion": LinearFusion.parsed(raw[name]["fusion"])}) for name in names}


def _row_scores(raw: Mapping[str, Any]) -> dict[str, RowScores]:
    return {
        row: RowScores(**{**one, "scores": Scores.from_json(one["scores"]), "interval": _interval(one.get("interval"))})
        for row, one in raw.items()
    }


def _interval(raw: Mapping[str, float] | None) -> Interval | None:
    return None if raw is None else Interval(**raw)


def _comparison(raw: Mapping[str, Any]) -> Comparison:
    return Comparison(**{**raw, "interval": Interval(**raw["interval"]), "verdict": Verdict(raw["verdict"])})
