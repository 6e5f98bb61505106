"""What a study had when: the accuracy on val of the best models so far, over the time that trials took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.numbers.logits import Floats, Labels
from analysis.numbers.mixture import best_mixture


@dataclass(frozen=True)
class Ended:
    """A trial that ended with a model."""

    trial_id: str
    modality: str
    is_head: bool  # fitted on frozen features
    seconds: float
    accuracy: float  # on val, a share


@dataclass(frozen=True)
class Moment:
    """What there was when a trial ended."""

    trial_id: str
    is_head: bool
    seconds: float  # of all trials until then, one after the other
    accuracy: float  # on val, a share: of the best so far, fused where there are several modalities


@dataclass(frozen=True)
class Effort:
    """The curve, and what fine-tuning added to heads on frozen features."""

    moments: tuple[Moment, ...]

    @property
    def heads(self) -> Moment | None:
        """The last moment before fine-tuning; None where no head ended before it."""
        before = [moment for moment in self.moments if moment.is_head]
        first = next((place for place, moment in enumerate(self.moments) if not moment.is_head), len(self.moments))
        return self.moments[first - 1] if before and first else None

    @property
    def tuned(self) -> Moment | None:
        """The last moment; None where nothing was fine-tuned."""
        return self.moments[-1] if any(not moment.is_head for moment in self.moments) else None


def effort_of(trials: Sequence[Ended], logits_of: Callable[[str], Floats | None], labels: Labels) -> Effort | None:
    """The curve of trials in the order in which they ended; labels (N,).

    At each of them the modalities' best so far are fused with the weights that are best on val; what was better before
    stays. `logits_of`: a trial's val logits (N, C), asked only of what is fused. None where they are lacking.
    """
    best: dict[str, Ended] = {}
    moments: list[Moment] = []
    seconds = accuracy = 0.0
    for trial in trials:
        seconds += trial.seconds
        if trial.modality not in best or trial.accuracy > best[trial.modality].accuracy:
            best[trial.modality] = trial
            found = _together(best, logits_of, labels)
            if found is None:
                return None
            accuracy = max(accuracy, found)
        moments.append(Moment(trial.trial_id, trial.is_head, seconds, accuracy))
    return Effort(tuple(moments)) if moments else None


def _together(best: dict[str, Ended], logits_of: Callable[[str], Floats | None], labels: Labels) -> float | None:
    if len(best) == 1:
        return next(iter(best.values())).accuracy
    found = {modality: logits_of(trial.trial_id) for modality, trial in best.items()}
    known = {modality: logits for modality, logits in found.items() if logits is not None}
    if len(known) < len(best) or any(len(logits) != len(labels) for logits in known.values()):
        return None
    return best_mixture(known, labels).accuracy
