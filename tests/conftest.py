"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# Time is never asserted: on a busy machine an example takes ten times as long.
settings.register_profile("binwise", deadline=None)
settings.load_profile("binwise")
