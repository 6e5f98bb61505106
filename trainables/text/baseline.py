"""The linear baseline of texts: logistic regression on character n-grams."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from trainables.data.samples import Split
from trainables.linear_baseline import linear_predictions
from trainables.records import Predictions


def text_baseline(train: Split, evaluate: Mapping[str, Split]) -> dict[str, Predictions]:
    """Fit on `train`, predict each split of `evaluate`."""
    model = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=1, sublinear_tf=True, lowercase=True),
        LogisticRegression(C=10.0, max_iter=2000),
    )
    model.fit(train.items("text"), train.labels)
    return {name: linear_predictions(model, split.items("text"), split) for name, split in evaluate.items()}
