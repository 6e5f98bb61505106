"""The linear baseline of texts: logistic regression on character n-grams, of all of a sample's captions together."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from trainables.data.samples import Split
from trainables.linear_baseline import linear_predictions
from trainables.records import Predictions
from trainables.runtime.captions import captions_of


def text_baseline(train: Split, evaluate: Mapping[str, Split]) -> dict[str, Predictions]:
    """Fit on `train`, predict each split of `evaluate`."""
    model = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=1, sublinear_tf=True, lowercase=True),
        LogisticRegression(C=10.0, max_iter=2000),
    )
    model.fit(_texts(train), train.labels)
    return {name: linear_predictions(model, _texts(split), split) for name, split in evaluate.items()}


def _texts(split: Split) -> list[str]:
    """(N,) one text a sample: no n-gram reaches over the line end between two captions."""
    return ["\n".join(captions_of(item)) for item in split.items("text")]
