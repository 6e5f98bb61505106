"""What a tokenizer makes of the texts: tokens that it doesn't know, and texts that it makes equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.check.findings import Finding
from trainables.data.check.texts import TextSample, folded
from trainables.words import counted

UNKNOWN_SHARE = 0.05  # of all tokens
BLANK_SHARE = 0.01  # of all texts: those of which the tokenizer knows nothing


@dataclass(frozen=True)
class Tokenized:
    """What a tokenizer makes of N texts, its special tokens not counted."""

    tokens: NDArray[np.int64]  # (N,) how many each text has
    unknown: NDArray[np.int64]  # (N,) how many of them are the one for what isn't known
    ids: Sequence[tuple[int, ...]]  # (N,) each text's


Tokenize = Callable[[Sequence[str]], Tokenized]


def token_findings(backbone: str, tokenize: Tokenize, samples: Sequence[TextSample]) -> list[Finding]:
    """Texts that a backbone's tokenizer doesn't know, and different texts that are one text to it.

    Each different text is tokenized once. Case and spaces don't count: many tokenizers drop them.
    """
    rows: dict[str, list[TextSample]] = {}
    for sample in samples:
        rows.setdefault(sample.text, []).append(sample)
    texts = list(rows)
    if not texts:
        return []
    found = tokenize(texts)
    members = [rows[text] for text in texts]
    return [*_unknown(backbone, found, members), *_made_equal(backbone, found, members)]


def _unknown(backbone: str, found: Tokenized, members: Sequence[Sequence[TextSample]]) -> Iterator[Finding]:
    times = np.array([len(own) for own in members])
    share = float((found.unknown * times).sum() / max(1, (found.tokens * times).sum()))
    if share == 0:
        return
    blank = (found.unknown == found.tokens) & (found.tokens > 0)
    blank_samples, total = int(times[blank].sum()), int(times.sum())
    much = share >= UNKNOWN_SHARE or blank_samples >= BLANK_SHARE * total
    yield Finding(
        kind="unknown-tokens",
        level="warning" if much else "note",
        title=f"{backbone} doesn't know {share:.1%} of the texts' tokens"
        + (f", and nothing of {counted(blank_samples, 'text')} of {total:,}." if blank_samples else "."),
        remedy="Search a backbone that was trained on these scripts, or `weights: none`, whose tokenizer learns from "
        "your own texts."
        if much
        else "",
        places=tuple(sample.told for row in _worst_first(found) for sample in members[row]),
        numbers={"backbone": backbone, "unknown": share, "blank_texts": blank_samples, "texts": total},
    )


def _worst_first(found: Tokenized) -> list[int]:
    """Rows with tokens that aren't known, those of which the tokenizer knows least first."""
    share = found.unknown / np.maximum(found.tokens, 1)
    return [int(row) for row in np.argsort(-share, kind="stable") if share[row] > 0]


def _made_equal(backbone: str, found: Tokenized, members: Sequence[Sequence[TextSample]]) -> Iterator[Finding]:
    groups = _equal_to_it(found, members)
    if not groups:
        return
    torn = sum(len(own) for own in groups if len({sample.place.label for sample in own}) > 1)
    texts, total = len({sample.text for own in groups for sample in own}), sum(map(len, members))
    yield Finding(
        kind="texts-made-equal",
        level="warning" if torn >= BLANK_SHARE * total else "note",
        title=f"{backbone} makes {texts:,} different texts equal to another one"
        + (f"; {counted(torn, 'sample')} are then equal to one of another class." if torn else "."),
        remedy="Search a backbone that tells them apart: the text model can't." if torn else "",
        groups=tuple(tuple(sample.told for sample in own) for own in groups),
        numbers={"backbone": backbone, "texts": texts, "samples_of_two_classes": torn},
    )


def _equal_to_it(found: Tokenized, members: Sequence[Sequence[TextSample]]) -> list[list[TextSample]]:
    """Samples whose texts have the same tokens and differ by more than case and spaces, the largest group first."""
    alike: dict[tuple[int, ...], list[TextSample]] = {}
    for ids, own in zip(found.ids, members, strict=True):
        alike.setdefault(ids, []).extend(own)
    groups = [own for own in alike.values() if len({folded(sample.text) for sample in own}) > 1]
    return sorted(groups, key=len, reverse=True)
