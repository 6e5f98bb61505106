"""The linear baseline: logistic regressions on frozen image features and on the texts' character n-grams.

Minutes of tuning must beat seconds of this, or they weren't worth it; so it stands in every report.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainables.build import build_image_network
from trainables.checkpoint import read_meta
from trainables.config import ImageTrialConfig
from trainables.data.pictures.load import load_pictures
from trainables.data.samples import Split
from trainables.image.network import ImageNetwork
from trainables.learning.steps import pick_device, predict_logits
from trainables.names import IMAGE, TEXT
from trainables.records import Predictions

CHUNK = 256  # pictures at a time


def linear_baseline(
    image_checkpoint: Path | None, train: Split, evaluate: Mapping[str, Split]
) -> dict[str, dict[str, Predictions]]:
    """Fit on `train`, predict each split of `evaluate`: split name -> modality -> predictions.

    The image features are those of the checkpoint's backbone with the weights that its training began from.
    """
    found: dict[str, dict[str, Predictions]] = {name: {} for name in evaluate}
    if image_checkpoint is not None:
        meta = read_meta(image_checkpoint)
        config = ImageTrialConfig.model_validate(meta["config"])
        network = _starting_network(config, len(train.classes))
        features = {
            name: _features(network, config, split, meta["pixel_limit"])
            for name, split in {"": train, **evaluate}.items()
        }
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
        model.fit(features[""], train.labels)
        for name, split in evaluate.items():
            found[name][IMAGE] = _predictions(model, features[name], split)
    text_model = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=1, sublinear_tf=True, lowercase=True),
        LogisticRegression(C=10.0, max_iter=2000),
    )
    text_model.fit(train.texts, train.labels)
    for name, split in evaluate.items():
        found[name][TEXT] = _predictions(text_model, split.texts, split)
    return found


def _starting_network(config: ImageTrialConfig, classes: int) -> ImageNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # with `weights: none` the features are random, but the same in every report
        return build_image_network(config, classes)


def _features(network: ImageNetwork, config: ImageTrialConfig, split: Split, pixel_limit: int) -> NDArray[np.float32]:
    """(N, F) of the frozen backbone."""
    device = pick_device()
    extractor = _Extractor(network).to(device)
    paths = [path for path in split.images if path is not None]
    decoded = (
        load_pictures(paths[start : start + CHUNK], config.size, config.fit, pixel_limit=pixel_limit)
        for start in range(0, len(paths), CHUNK)
    )
    units = ((torch.from_numpy(nhwc).to(device).permute(0, 3, 1, 2).float().div_(255),) for nhwc in decoded)
    return predict_logits(extractor, units, device)


class _Extractor(torch.nn.Module):
    def __init__(self, network: ImageNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.network.features(pictures)


def _predictions(model: object, inputs: object, split: Split) -> Predictions:
    """Log-probabilities as logits; a class that train lacks gets the lowest."""
    began = time.perf_counter()
    log_probabilities = model.predict_log_proba(inputs)  # type: ignore[attr-defined]
    seconds = time.perf_counter() - began
    logits = np.full((len(split.ids), len(split.classes)), -50.0, dtype=np.float32)
    logits[:, model.classes_] = np.maximum(log_probabilities, -50.0)  # type: ignore[attr-defined]
    return Predictions(split.ids, logits, split.labels, split.classes, seconds / max(len(split.ids), 1))
