"""Frozen encoders: the mean of a text's token states, from a package's weights and from a checkpoint's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from torch import nn

from trainables.errors import UserError
from trainables.text import encoder as module
from trainables.text.encoder import Encoder, pretrained_encoder, save_encoder, saved_encoder
from trainables.text.source import pretrained_folder

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


class States(nn.Module):
    """Token ids as their own states."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> object:
        """(N, L, 1)."""

        class Output:
            last_hidden_state = input_ids.float().unsqueeze(-1)

        return Output()


def test_the_mean_is_over_the_tokens_that_are_there() -> None:
    """Padding doesn't count."""
    ids, mask = torch.tensor([[2, 4, 9], [5, 9, 9]]), torch.tensor([[1, 1, 0], [1, 0, 0]])
    assert Encoder(States())(ids, mask).tolist() == [[3.0], [5.0]]


@torch.inference_mode()
def test_a_packaged_encoder_is_the_same_after_it_lay_in_a_folder(tmp_path: Path) -> None:
    """MiniLM: alike texts are near each other, and the pooler, which is drawn at random, isn't asked."""
    encoder, tokenizer = pretrained_encoder(MINILM)
    save_encoder(encoder, tokenizer, tmp_path)
    again, _ = saved_encoder(tmp_path)
    again.load(encoder.told_apart())
    assert again.architecture() == encoder.architecture()
    batch = tokenizer(["a beer bottle", "a bottle of beer", "an old battery"], return_tensors="pt", padding=True)
    found, same = (one(batch["input_ids"], batch["attention_mask"]) for one in (encoder, again))
    assert torch.equal(found, same)
    unit = nn.functional.normalize(found)
    assert unit[0] @ unit[1] > unit[0] @ unit[2] + 0.3
    assert not any("pooler." in key for key in encoder.told_apart())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_weights_that_lack_a_tensor_are_no_encoders(tmp_path: Path) -> None:
    """It would be left as it was drawn; the architecture's digest tells what no tensor's shape does."""
    encoder, tokenizer = pretrained_encoder(MINILM)
    save_encoder(encoder, tokenizer, tmp_path)
    again, _ = saved_encoder(tmp_path)
    lacking = dict(list(encoder.told_apart().items())[:-1])
    with pytest.raises(RuntimeError, match="Missing key"):
        again.load(lacking)
    again.body.config.num_attention_heads = 6
    assert again.architecture() != encoder.architecture()


def test_an_encoder_without_a_state_for_each_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a trial would fail on it."""

    class Silent(nn.Module):
        base_model = nn.Identity()

    tokenizer = transformers.AutoTokenizer.from_pretrained(pretrained_folder(MINILM))
    network = type("Network", (), {"classifier": Silent()})
    monkeypatch.setattr(module, "pretrained_text_model", lambda *asked: (network, tokenizer))
    with pytest.raises(UserError, match="gives a state for each token, but 'odd' gives none"):
        pretrained_encoder("odd")
