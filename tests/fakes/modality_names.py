"""The built-in modalities by name, for tests; the product asks its registry."""

from __future__ import annotations

from trainables.modalities import BUILT_IN

IMAGE, TEXT = MODALITIES = BUILT_IN
