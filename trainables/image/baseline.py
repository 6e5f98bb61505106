"""The linear baseline of pictures: logistic regression on the frozen backbone's features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainables.checkpoint import read_meta
from trainables.data.pictures.load import load_pictures
from trainables.data.samples import Split
from trainables.image.network import FeatureExtractor, ImageNetwork, frozen_network
from trainables.learning.steps import pick_device, predict_logits
from trainables.linear_baseline import linear_predictions
from trainables.records import Predictions

CHUNK = 256  # pictures at a time


def image_baseline(checkpoint: Path, train: Split, evaluate: Mapping[str, Split]) -> dict[str, Predictions]:
    """Fit on `train`, predict each split of `evaluate`.

    The features are those of the checkpoint's backbone with the weights that its training began from.
    """
    meta = read_meta(checkpoint)
    config = meta["config"]  # of a trial, or of a head: both say which network sees which pictures
    network = _starting_network(config)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    model.fit(_features(network, config, train, meta["pixel_limit"]), train.labels)
    return {
        name: linear_predictions(model, _features(network, config, split, meta["pixel_limit"]), split)
        for name, split in evaluate.items()
    }


def _starting_network(config: Mapping[str, Any]) -> ImageNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # with `weights: none` the features are random, but the same in every report
        return frozen_network(config["backbone"], config["weights"], config["size"])


def _features(network: ImageNetwork, config: Mapping[str, Any], split: Split, pixel_limit: int) -> NDArray[np.float32]:
    """(N, F) of the frozen backbone."""
    device = pick_device()
    extractor = FeatureExtractor(network).to(device)
    paths = split.items("image")
    decoded = (
        load_pictures(paths[start : start + CHUNK], config["size"], config["fit"], pixel_limit=pixel_limit)
        for start in range(0, len(paths), CHUNK)
    )
    units = ((torch.from_numpy(nhwc).to(device).permute(0, 3, 1, 2).float().div_(255),) for nhwc in decoded)
    return predict_logits(extractor, units, device)
