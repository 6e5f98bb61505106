"""What the report claims, in simulated studies whose truth is known: intervals, "fusion helps", val without its luck.

    make bench BENCH=statistics

Models are logits whose true class is raised; the truth is what a million samples say, or the chance itself. Each world
has 1,000 studies, those of val's luck 200.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import main
from measure import Bound, Findings, at_least, at_most
from numpy.typing import NDArray
from simulated_gates import gate_bounds, gates, set_coverage

from analysis.choice import Choice
from analysis.evidence import measured_optimism
from analysis.numbers.fusion import alpha_curve, best_alpha
from analysis.numbers.intervals import gain_interval, share_interval
from analysis.numbers.mixture import mix
from analysis.numbers.paired import Verdict, compared
from analysis.numbers.pairs import Candidate, best_together

SECTION = "Statistics in simulated studies"
CLASSES = 4
STUDIES, LUCK_STUDIES = 1000, 200
SIZES = ((160, 210), (1820, 3452))  # samples of val and test
ACCURACIES = (0.7, 0.85, 0.95)
ALIKE = 0.1  # the correlation of samples of one session

Logits = NDArray[np.float64]
Models = Callable[[int, np.random.Generator], tuple[Logits, Logits, NDArray[np.int64]]]  # image's, text's, labels


def benchmark(folder: Path, quick: bool) -> Findings:
    """Shares of studies, by claim and world."""
    studies, luck = (60, 20) if quick else (STUDIES, LUCK_STUDIES)
    covered = coverage(studies)
    claimed = claims(studies)
    lucky = {name: luck_of(make, luck) for name, make in LUCKY.items()}
    deployed, sets = gates(luck), set_coverage(luck)
    return Findings(
        {
            "intervals that hold the truth": covered,
            "says that fusion helps": claimed,
            "val without its luck": lucky,
            "deployed without a gain": deployed,
            "sets of classes": sets,
        },
        [
            *coverage_bounds(covered),
            *claim_bounds(claimed),
            *luck_bounds(lucky),
            *gate_bounds(deployed, sets),
        ],
        _NOTES,
    )


# Intervals


def coverage(studies: int) -> dict[str, dict[str, float]]:
    """By samples and their blocks: how often the interval of an accuracy, and of a gain, holds the truth."""
    found = {}
    for samples in (210, 3452):
        for session in (1, 10):
            held = [_held(samples, session, accuracy, studies) for accuracy in ACCURACIES]
            name = f"{samples} samples" + (f", sessions of {session}" if session > 1 else "")
            found[name] = {
                "accuracy": float(np.mean([share for share, _ in held])),
                "gain": float(np.mean([gain for _, gain in held])),
            }
    return found


def _held(samples: int, session: int, accuracy: float, studies: int) -> tuple[float, float]:
    """A second model answers three tenths anew, two points less often right."""
    rng = np.random.default_rng(0)
    blocks = np.arange(samples) // session
    shares, gains = 0, 0
    redone, less = 0.3, 0.02
    for _ in range(studies):
        ones = _right(accuracy, session, blocks, rng)
        anew = rng.random(samples) < redone
        others = np.where(anew, _right(accuracy - less, session, blocks, rng), ones)
        shares += accuracy in share_interval(ones, blocks)
        gains += redone * less in gain_interval(ones, others, blocks)
    return shares / studies, gains / studies


def _right(accuracy: float, session: int, blocks: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether a model is right; in sessions its chances vary from one to the next."""
    if session == 1:
        return rng.random(len(blocks)) < accuracy
    spread = 1 / ALIKE - 1
    chances = rng.beta(accuracy * spread, (1 - accuracy) * spread, blocks.max() + 1)
    found: NDArray[np.bool_] = rng.random(len(blocks)) < chances[blocks]
    return found


# Whether fusion helps


def _raised(noise: Logits, labels: NDArray[np.int64], skill: float) -> Logits:
    found = noise.copy()
    found[np.arange(len(labels)), labels] += skill
    return found


def _twin(samples: int, rng: np.random.Generator) -> tuple[Logits, Logits, NDArray[np.int64]]:
    """Image is the text model with a tenth of noise."""
    labels = rng.integers(0, CLASSES, samples)
    text = _raised(rng.standard_normal((samples, CLASSES)), labels, 2.5)
    return text + 0.1 * rng.standard_normal(text.shape), text, labels


def _weak(samples: int, rng: np.random.Generator) -> tuple[Logits, Logits, NDArray[np.int64]]:
    """A weaker image model whose errors are text's, and more."""
    labels = rng.integers(0, CLASSES, samples)
    noise = rng.standard_normal((samples, CLASSES))
    return _raised(1.5 * noise + rng.standard_normal(noise.shape), labels, 1.5), _raised(noise, labels, 2.5), labels


def _noise(samples: int, rng: np.random.Generator) -> tuple[Logits, Logits, NDArray[np.int64]]:
    """An image model that knows nothing."""
    labels = rng.integers(0, CLASSES, samples)
    text = _raised(rng.standard_normal((samples, CLASSES)), labels, 2.5)
    return rng.standard_normal(text.shape), text, labels


def _complementary(samples: int, rng: np.random.Generator) -> tuple[Logits, Logits, NDArray[np.int64]]:
    """Both know something that the other doesn't."""
    labels = rng.integers(0, CLASSES, samples)
    one, other = (_raised(rng.standard_normal((samples, CLASSES)), labels, 1.8) for _ in range(2))
    return one, other, labels


WITHOUT: dict[str, Models] = {"image is text and noise": _twin, "a weak image": _weak, "image knows nothing": _noise}
WORLDS: dict[str, Models] = {**WITHOUT, "complementary": _complementary}


def claims(studies: int) -> dict[str, dict[str, float]]:
    """By world and size: the share of studies whose report says that fusion helps, and whose mere difference is > 0."""
    found = {}
    for world, make in WORLDS.items():
        for val, test in SIZES:
            rng = np.random.default_rng(1)
            shown, above = zip(*(_claim(make, val, test, rng) for _ in range(studies)), strict=True)
            found[f"{world}, {val} and {test} samples"] = {
                "said": float(np.mean(shown)),
                "difference above 0": float(np.mean(above)),
            }
    return found


def _claim(make: Models, val: int, test: int, rng: np.random.Generator) -> tuple[bool, bool]:
    image, text, labels = make(val, rng)
    alpha = best_alpha(alpha_curve(image, text, labels)).alpha
    image, text, labels = make(test, rng)
    fused = mix({"image": image, "text": text}, {"image": 1 - alpha, "text": alpha})
    right = [one.argmax(axis=1) == labels for one in (fused, image, text)]
    found = compared(right[0], max(right[1:], key=lambda one: float(one.mean())))
    return found.verdict == Verdict.BETTER, found.gain > 0


# Val without its luck


@dataclass(frozen=True)
class Luck:
    """Studies of many candidates that are about as good."""

    samples: int
    candidates: int  # of each modality
    spread: float  # of their skills

    def study(self, rng: np.random.Generator, samples: int, skills: Mapping[str, NDArray[np.float64]]) -> _Study:
        """Logits of every candidate on new samples; those of one modality share a part of their errors."""
        labels = rng.integers(0, CLASSES, samples)
        logits = {}
        for name, own in skills.items():
            shared = rng.standard_normal((samples, CLASSES))
            logits[name] = [
                _raised(0.7 * shared + 0.7 * rng.standard_normal(shared.shape), labels, skill) for skill in own
            ]
        return _Study(labels, logits)


@dataclass(frozen=True)
class _Study:
    labels: NDArray[np.int64]
    logits: Mapping[str, list[Logits]]


LUCKY = {
    f"{samples} val samples, {count} and {count} trials": Luck(samples, count, 0.05)
    for samples in (160, 1820)
    for count in (10, 40)
}


def luck_of(make: Luck, studies: int) -> dict[str, float]:
    """Errors of the raw and of the corrected val accuracy of the best pair, against a large test's; and how often the
    corrected one is nearer."""
    rng = np.random.default_rng(2)
    raw, corrected = zip(*(_errors(make, rng) for _ in range(studies)), strict=True)
    return {
        "raw, mean error": float(np.mean(raw)),
        "corrected, mean error": float(np.mean(corrected)),
        "raw, mean distance": float(np.mean(np.abs(raw))),
        "corrected, mean distance": float(np.mean(np.abs(corrected))),
        "nearer": float(np.mean(np.abs(corrected) < np.abs(raw))),
    }


def _errors(make: Luck, rng: np.random.Generator) -> tuple[float, float]:
    skills = {name: 1.6 + make.spread * rng.standard_normal(make.candidates) for name in ("image", "text")}
    val = make.study(rng, make.samples, skills)
    ranked = {
        name: sorted(
            (Candidate(f"{name}_{place}", one) for place, one in enumerate(own)),
            key=lambda one: -float((one.logits.argmax(axis=1) == val.labels).mean()),
        )[:20]
        for name, own in val.logits.items()
    }
    chosen = best_together(ranked, val.labels)
    alpha = best_alpha(alpha_curve(chosen["image"].logits, chosen["text"].logits, val.labels))
    luck = measured_optimism(Choice({}, ranked), None, val.labels, None)
    assert luck is not None
    picked = {name: skills[name][[int(one.name.split("_")[1])]] for name, one in chosen.items()}
    test = make.study(rng, 20_000, picked)
    fused = mix({name: own[0] for name, own in test.logits.items()}, {"image": 1 - alpha.alpha, "text": alpha.alpha})
    truth = float((fused.argmax(axis=1) == test.labels).mean())
    return alpha.accuracy - truth, alpha.accuracy - luck.added - truth


# Bounds


def coverage_bounds(covered: Mapping[str, Mapping[str, float]]) -> list[Bound]:
    """93 to 97 % of the studies."""
    every = [share for row in covered.values() for share in row.values()]
    return [
        at_least("95% intervals of accuracy and gain: least share of studies that hold the truth", 0.93, min(every)),
        at_most("95% intervals of accuracy and gain: largest share of studies that hold the truth", 0.97, max(every)),
    ]


def claim_bounds(claimed: Mapping[str, Mapping[str, float]]) -> list[Bound]:
    """Where fusing gains nothing it is seldom said to help."""
    idle = [row["said"] for name, row in claimed.items() if not name.startswith("complementary")]
    return [at_most("studies that say fusion helps where it gains nothing, largest share of a world", 0.05, max(idle))]


def luck_bounds(lucky: Mapping[str, Mapping[str, float]]) -> list[Bound]:
    """The corrected val accuracy is the nearer one."""
    return [
        at_most(
            "val accuracy's mean distance from the truth: corrected / raw, largest of a world",
            1,
            max(row["corrected, mean distance"] / row["raw, mean distance"] for row in lucky.values()),
        ),
        at_least(
            "corrected val nearer to the truth: mean share of studies",
            0.8,
            float(np.mean([row["nearer"] for row in lucky.values()])),
        ),
    ]


_NOTES = (
    "1,000 studies a world; 200 where val's luck, what is deployed and sets of classes are looked at.",
    "Deployed without a gain: two independent models of four classes, 200 val samples, cross-fitted as a study does.",
    "Sessions: samples of one have a correlation of 0.1; three accuracies each (0.7, 0.85, 0.95).",
    "In the worlds without a gain fusing may gain some hundredths of a point on average: alpha is chosen on val.",
)

if __name__ == "__main__":
    main("statistics", benchmark, section=SECTION)
