"""The text side: a Hugging Face sequence classifier by name, and the learner that trains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.errors import UserError
from trainables.hub import first_line
from trainables.learning.precision import AUTO
from trainables.learning.steps import predict_logits
from trainables.text.source import pretrained_folder, refused
from trainables.text.token_cache import trained_wordpiece
from trainables.text.tokens import TokenSequences, by_length, pad

# A freshly made classification head is what we ask for; no report of it, no bars.
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

# What the position embeddings are called, where an architecture learns one for each place in a text.
POSITIONS = ("position_embeddings", "position_embedding", "embed_positions", "wpe")


class TextNetwork(nn.Module):
    """Token ids and mask (N, L) -> logits (N, C)."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits of padded token ids; mask is 1 where a token is."""
        logits: Tensor = self.classifier(input_ids=ids, attention_mask=mask).logits
        return logits


def pretrained_text_model(backbone: str, classes: int, dropout: float | None) -> tuple[TextNetwork, Any]:
    """Network and tokenizer with pretrained weights; UserError where they can't be had, or aren't the network's."""
    folder = pretrained_folder(backbone)
    tokenizer = pretrained_tokenizer(backbone)
    try:
        config = transformers.AutoConfig.from_pretrained(folder, num_labels=classes, trust_remote_code=False)
        _set_dropout(config, dropout)
        config.pad_token_id = tokenizer.pad_token_id
        classifier, report = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,  # half-precision files are for predictions: trained, they would lose small updates
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # a head for other classes is replaced; the rest is checked below
            output_loading_info=True,
        )
    except Exception as error:  # a damaged file raises errors of many libraries
        raise refused(backbone, first_line(error)) from error
    fault = _weights_fault(classifier, report) or _vocabulary_fault(classifier, tokenizer)
    if fault is not None:
        raise refused(backbone, fault)
    return TextNetwork(classifier), tokenizer


def pretrained_tokenizer(backbone: str) -> Any:
    """The backbone's own tokenizer, with a token to pad with. UserError where it can't be had."""
    folder = pretrained_folder(backbone)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        empty = not tokenizer("text 1", add_special_tokens=False)["input_ids"]
    except Exception as error:  # as above
        raise refused(backbone, f"its tokenizer: {first_line(error)}") from error
    if empty:
        raise refused(backbone, "its tokenizer knows no tokens")
    if tokenizer.pad_token is None:  # decoders such as GPT-2 were trained without padding; the mask hides it
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token_id is None:
        raise refused(backbone, "its tokenizer has no token to pad with, nor one for a text's end")
    return tokenizer


def _weights_fault(classifier: Any, report: Mapping[str, Any]) -> str | None:
    """What of the body isn't from the file. A head and a pooler are made anew for most checkpoints, and learned."""
    body = f"{classifier.base_model_prefix}."
    misshapen = {key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]}
    found = {
        kind: sorted(key for key in keys if key.startswith(body) and ".pooler." not in key)
        for kind, keys in (("lacks", set(report["missing_keys"]) - misshapen), ("has in another shape", misshapen))
    }
    counts = [f"{kind} {len(keys)} of the network's tensors, {keys[0]} first" for kind, keys in found.items() if keys]
    return f"its file of weights {' and '.join(counts)}" if counts else None


def _vocabulary_fault(classifier: Any, tokenizer: Any) -> str | None:
    known = classifier.get_input_embeddings().num_embeddings
    highest = max(tokenizer.get_vocab().values())
    if highest < known:
        return None
    return f"its tokenizer numbers tokens up to {highest}, but the network knows {known}, from 0 on"


def position_limit(network: nn.Module) -> int | None:
    """How many tokens the network has places for; None where positions are relative to each other."""
    named = ((name.rsplit(".", 1)[-1], module) for name, module in network.named_modules())
    return min(
        (_places(module) for name, module in named if name in POSITIONS and isinstance(module, nn.Embedding)),
        default=None,
    )


def _places(positions: Any) -> int:
    """Rows that texts reach: RoBERTa's kin begin after the padding's own number, BART's at `offset`."""
    first = getattr(positions, "offset", 0) if positions.padding_idx is None else positions.padding_idx + 1
    return int(positions.num_embeddings) - first


def check_max_length(network: nn.Module, backbone: str, max_length: int) -> None:
    """UserError where texts may become longer than the network has places for."""
    limit = position_limit(network)
    if limit is not None and max_length > limit:
        raise UserError(
            f"`max_length` must be at most {limit} tokens, which is what {backbone!r} has positions for, but got "
            f"{max_length}: lower it, or take a backbone for longer texts (with `weights: none`, its `architecture` "
            f"may have more)."
        )


def fresh_text_model(
    backbone: str,
    classes: int,
    dropout: float | None,
    *,
    architecture: Mapping[str, int | float],
    vocabulary_size: int,
    texts: Sequence[str],
    token_folder: Path | None = None,
) -> tuple[TextNetwork, Any]:
    """Network from the backbone's config with random weights, and a WordPiece tokenizer trained on `texts`."""
    model_type = _model_type(backbone)
    defaults = transformers.AutoConfig.for_model(model_type)
    given = {"num_labels", "vocab_size"}  # from the data, and from `vocabulary_size`
    unknown = [key for key in architecture if key in given or not hasattr(defaults, key)]
    if unknown:
        raise UserError(f"`architecture` must name keys of {model_type}'s config, but got {unknown[0]!r}.")
    tokenizer = fresh_tokenizer(texts, vocabulary_size, token_folder)
    # The architecture's own numbers are of the vocabulary that it was published with.
    special = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
    }
    try:
        config = transformers.AutoConfig.for_model(
            model_type, num_labels=classes, vocab_size=vocabulary_size, **{**special, **architecture}
        )
        _set_dropout(config, dropout)
        classifier = transformers.AutoModelForSequenceClassification.from_config(config)
    except Exception as error:  # each architecture checks its sizes in its own way, or not at all
        raise UserError(
            f"With `weights: none`, `backbone` must be an architecture that classifies texts, of sizes that fit each "
            f"other, but got {backbone!r} with `architecture` {dict(architecture)}: {first_line(error)}"
        ) from error
    return TextNetwork(classifier), tokenizer


def fresh_tokenizer(texts: Sequence[str], vocabulary_size: int, folder: Path | None = None) -> Any:
    """A WordPiece tokenizer trained on `texts`, kept in `folder` if there is one."""
    return _wrap(trained_wordpiece(texts, vocabulary_size, folder))


def save_text_model(network: TextNetwork, tokenizer: Any, folder: Path) -> None:
    """Config and tokenizer, in Hugging Face's own layout, beside the weights."""
    network.classifier.config.save_pretrained(folder)  # type: ignore[operator, union-attr]
    tokenizer.save_pretrained(folder)


def saved_text_model(folder: Path, classes: int) -> tuple[TextNetwork, Any]:
    """The network that lies in `folder`, its weights still to be loaded, and its tokenizer."""
    # A saved config doesn't always tell how many classes it had: BART's two are read back as its default of three.
    config = transformers.AutoConfig.from_pretrained(folder, num_labels=classes, trust_remote_code=False)
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
    bert = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout_prob")
    gpt2 = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
    for name in (*distilbert, *bert, *gpt2):
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


def predict_sequences(
    network: TextNetwork,
    sequences: TokenSequences,
    pad_id: int,
    batch_size: int,
    device: torch.device,
    *,
    token_budget: int = 65536,
    precision: str = AUTO,
) -> NDArray[np.float32]:
    """Logits (N, C) of token sequences, in their order; at most `token_budget` padded tokens at a time."""
    batches = list(by_length(sequences, batch_size, token_budget))
    padded = (pad(sequences[rows], pad_id) for rows in batches)
    inputs = (tuple(torch.from_numpy(array).to(device) for array in pair) for pair in padded)
    found = predict_logits(network, inputs, device, precision)
    logits = np.empty_like(found)
    logits[np.concatenate(batches)] = found
    return logits
