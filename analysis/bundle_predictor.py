"""A bundle, put to use as a study is: the same answers, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.prediction import Prediction, predictions_of, used_modalities, without_none
from trainables.errors import UserError
from trainables.modality import Item
from trainables.runtime.predictor import Predictor


@dataclass(frozen=True)
class BundlePredictor:
    """The models of a bundle."""

    runtime: Predictor

    @classmethod
    def load(cls, folder: Path) -> BundlePredictor:
        """Those of a folder. UserError where it isn't as it was exported, or onnxruntime isn't installed."""
        try:
            return cls(Predictor.load(folder))
        except ModuleNotFoundError as error:
            raise missing_extra(error) from error

    def predict(self, given: Mapping[str, Item]) -> Prediction:
        """The class of one sample, as a study's predictor says it. UserError as there."""
        return self.predict_alike([given])[0]

    def predict_alike(self, samples: Sequence[Mapping[str, Item]]) -> list[Prediction]:
        """The same of N >= 1 samples that have the same modalities; UserError where any of them is faulty."""
        given = [without_none(one) for one in samples]
        models = list(self.runtime.members)
        used = used_modalities(models, given)
        answers = self.runtime.answers({name: [items[name] for items in given] for name in used}, "logits", None)
        own = {name: self.runtime.weights[name] for name in used}
        total = sum(own.values())
        weights = {name: weight / total if total else 1 / len(own) for name, weight in own.items()}
        temperatures, logits = self.runtime.temperatures, answers.logits or {}
        return predictions_of(self.runtime.classes, logits, answers.decided_by, weights, temperatures, models, given)


def missing_extra(error: ModuleNotFoundError) -> UserError:
    """What to say where a package of the extra isn't installed."""
    return UserError(
        f"Bundles need the package {error.name}, which isn't installed: install Binwise with its extra `export`."
    )
