"""Tiny pretrained text models of several families, as Hugging Face saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from trainables.text.network import fresh_tokenizer

TEXTS = ["beer bottle_241", "empty_plastic_yogurt_bottle", "Expired_Garlic", "plastic food box", "Dose", "Über 7"]
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}
# model_type -> (changed keys of its config, tokens that it has places for)
FAMILIES: dict[str, tuple[dict[str, Any], int | None]] = {
    "distilbert": ({"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 40}, 40),
    "bert": (SMALL, 40),
    "roberta": (SMALL, 38),
    "xlm-roberta": (SMALL, 38),
    "electra": ({**SMALL, "embedding_size": 16}, 40),
    "albert": ({**SMALL, "embedding_size": 16}, 40),
    "mpnet": (SMALL, 38),
    "deberta-v2": ({**SMALL, "relative_attention": True, "position_biased_input": False}, None),
    "gpt2": ({"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 40}, 40),
    "llama": ({**SMALL, "num_key_value_heads": 2}, None),
    "bart": ({"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "max_position_embeddings": 40}, 40),
}


def special_tokens(model_type: str) -> dict[str, int]:
    """The numbers of the family's special tokens: RoBERTa's kin have their padding at 1."""
    if model_type in ("gpt2", "llama"):
        return {"bos_token_id": 1, "eos_token_id": 1}
    padding = 1 if model_type in ("roberta", "xlm-roberta", "mpnet", "bart") else 0
    return {"pad_token_id": padding, "bos_token_id": 2, "eos_token_id": 3}


def tokenizer_of(model_type: str) -> Any:
    """A decoder's has neither padding nor a frame; the others have BERT's, with the family's number for padding."""
    if model_type not in ("gpt2", "llama"):
        tokenizer = fresh_tokenizer(TEXTS, 200)
        if special_tokens(model_type)["pad_token_id"] == 1:
            rules = tokenizer.backend_tokenizer.to_str()
            swapped = rules.replace('"[PAD]"', '"*"').replace('"[UNK]"', '"[PAD]"').replace('"*"', '"[UNK]"')
            return transformers.PreTrainedTokenizerFast(
                tokenizer_object=Tokenizer.from_str(swapped),
                pad_token="[PAD]",  # noqa: S106
                unk_token="[UNK]",  # noqa: S106
            )
        return tokenizer
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    plain.train_from_iterator(TEXTS, trainers.BpeTrainer(special_tokens=["<s>", "<end>"], initial_alphabet=alphabet))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<end>")  # noqa: S106


def make_model(model_type: str, classes: int = 3, **changes: Any) -> Any:
    """A classifier of that family with random weights."""
    torch.manual_seed(1)
    sizes = {**FAMILIES[model_type][0], **special_tokens(model_type), "vocab_size": 400, **changes}
    config = transformers.AutoConfig.for_model(model_type, num_labels=classes, **sizes)
    return transformers.AutoModelForSequenceClassification.from_config(config)


def save_family(folder: Path, model_type: str, classes: int = 3, **changes: Any) -> Any:
    """Write such a classifier and its tokenizer into the folder; the classifier."""
    model = make_model(model_type, classes, **changes)
    model.save_pretrained(folder)
    tokenizer_of(model_type).save_pretrained(folder)
    return model
