"""A bundle's models as one thing that predicts: pictures, texts, or both of each sample -> classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .bundle import Bundle
from .errors import UserError
from .fusion import Floats, LinearFusion, checked_weights, divisors, fused, softmax
from .members import CAPTIONS, PICTURES, Member, load_member

ReturnType = Literal["logits", "probs", "both"]
FUSED = "fused"  # what decides where weights do, though the bundle has another fusion
RETURN_TYPES = ("logits", "probs", "both")


@dataclass(frozen=True)
class Answers:
    """What a bundle says of N samples: by modality, and by what decided; a sample that lacks a modality has NaN."""

    classes: tuple[str, ...]  # (C,)
    decided_by: str  # a modality, `fused` or `ensemble`
    predicted: tuple[str, ...]  # (N,) each sample's class
    logits: Mapping[str, Floats] | None  # (N, C) each; None where they weren't asked for
    probs: Mapping[str, Floats] | None  # likewise: of the logits at the temperature of what decides


@dataclass(frozen=True)
class Predictor:
    """The models that a study ended with. All values are as the bundle says."""

    classes: tuple[str, ...]
    system: str  # what decides where there is more than one modality
    kinds: Mapping[str, str]  # modality -> what its items are: pictures or captions
    members: Mapping[str, tuple[tuple[float, Member], ...]]  # by modality: shares, 1 in sum, and models
    weights: Mapping[str, float]  # of the modalities, 1 in sum
    temperatures: Mapping[str, float]  # by what decides: its logits, divided by it, are its probabilities' logarithms
    fusion: LinearFusion | None = None  # of samples that have all modalities, where it isn't the weights'

    @classmethod
    def load(cls, bundle: Path | str, *, threads: int = 0) -> Predictor:
        """The models of a bundle's folder; `threads` 0 lets onnxruntime take all cores.

        UserError where it is no bundle, or a file of it isn't what was exported.
        """
        read = Bundle.read(bundle)
        try:
            return cls._of(read, threads)
        except (KeyError, TypeError) as error:
            raise UserError(f"{read.folder} must be a whole bundle, but {error} is wrong or missing.") from error

    @classmethod
    def _of(cls, bundle: Bundle, threads: int) -> Predictor:
        about = bundle.about
        members: dict[str, list[tuple[float, Member]]] = {name: [] for name in about["weights"]}
        kinds = {}
        with ThreadPoolExecutor(4) as pool:  # digests and graphs take their time outside of Python
            loaded = list(pool.map(lambda one: load_member(bundle, one, threads), about["members"]))
        for one, member in zip(about["members"], loaded, strict=True):
            members[one["modality"]].append((one["share"], member))
            kinds[one["modality"]] = one["input"]["kind"]
        return cls(
            classes=tuple(about["classes"]),
            system=about["system"],
            kinds=kinds,
            members={name: tuple(own) for name, own in members.items()},
            weights=about["weights"],
            temperatures=about["temperatures"],
            fusion=LinearFusion.parsed(about["fusion"]) if "fusion" in about else None,
        )

    def predict(
        self,
        images: Any = None,
        texts: Any = None,
        return_type: ReturnType = "both",
        weights: Mapping[str, float] | float | None = None,
    ) -> Answers:
        """What the models say of one sample or many.

        `images`: a path or a sequence of them; `texts`: a text or a sequence of them, each a text or a list of
        captions. With both, one of each belongs to a sample, and None stands for what a sample lacks: then what it has
        decides. `weights`: others than the bundle's, by modality, or alpha.

        UserError where nothing is given that there is a model for, the lengths differ, an item can't be read, or the
        weights are out of range.
        """
        if return_type not in RETURN_TYPES:
            raise UserError(f"`return_type` must be one of {', '.join(RETURN_TYPES)}, but got {return_type!r}.")
        given: dict[str, list[Any] | None] = {PICTURES: _listed(images), CAPTIONS: _listed(texts)}
        items = {name: found for name, kind in self.kinds.items() if (found := given[kind]) is not None}
        return self.answers(items, return_type, weights)

    def stream(self, samples: Iterable[tuple[Any, Any]], batch_size: int = 32, **options: Any) -> Iterator[Answers]:
        """Answers for pairs of an image and a text, each or None, some at a time: memory doesn't grow with them.

        `options`: as `predict` has them. UserError as there.
        """
        waiting = iter(samples)
        while batch := list(islice(waiting, batch_size)):
            images, texts = ([one[place] for one in batch] for place in (0, 1))
            yield self.predict(images=images, texts=texts, **options)

    def answers(
        self, items: Mapping[str, Sequence[Any]], return_type: ReturnType, weights: Mapping[str, float] | float | None
    ) -> Answers:
        """The same with items by modality."""
        chosen = self.weights if weights is None else checked_weights(weights, list(self.weights))
        used = self._used(items)
        logits = {name: self._logits(name, own) for name, own in used.items()}
        decided_by = next(iter(used))
        if len(used) > 1:
            single = fused(logits, chosen)
            richer = self.fusion if weights is None and len(used) == len(self.members) else None
            decided_by = FUSED if self.fusion is not None and richer is None else self.system
            logits[decided_by] = single if richer is None else richer.logits(logits, single)
        best = logits[decided_by].argmax(axis=1)
        return Answers(
            classes=self.classes,
            decided_by=decided_by,
            predicted=tuple(self.classes[place] for place in best),
            logits=None if return_type == "probs" else logits,
            probs=None if return_type == "logits" else self._probabilities(logits),
        )

    def _probabilities(self, logits: Mapping[str, Floats]) -> dict[str, Floats]:
        """(N, C) each, of logits by modality and by what decided."""
        present = {name: np.asarray(~np.isnan(logits[name]).all(axis=-1)) for name in logits if name in self.members}
        found = {}
        for name, own in logits.items():
            others = {} if name in present else present
            found[name] = softmax(own / divisors(others, self.temperatures, name))
        return found

    def _used(self, items: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
        """The items that there are models for, without a modality that no sample has."""
        used = {name: items[name] for name in self.members if any(one is not None for one in items.get(name, ()))}
        counts = {len(own) for own in used.values()}
        if len(counts) == 1 and not any(all(one is None for one in row) for row in zip(*used.values(), strict=True)):
            return used
        got = ", ".join(f"{len(own)} of {name}" for name, own in items.items())
        raise UserError(
            f"Each sample must have something for one of the models ({', '.join(self.members)}), None for what it "
            f"lacks, and there must be as many of each, but got {got or 'nothing'}."
        )

    def _logits(self, modality: str, items: Sequence[Any]) -> Floats:
        """(N, C) of one modality's items; NaN where the item is None."""
        rows = [row for row, item in enumerate(items) if item is not None]
        given = [items[row] for row in rows]
        found = np.full((len(items), len(self.classes)), np.nan)
        found[rows] = np.add.reduce([share * one.logits(given) for share, one in self.members[modality]])
        return found


def _listed(given: Any) -> list[Any] | None:
    """What was given as a list; captions of one sample become a tuple."""
    if given is None:
        return None
    if isinstance(given, (str, Path)):
        return [given]
    return [tuple(one) if isinstance(one, list) else one for one in given]
