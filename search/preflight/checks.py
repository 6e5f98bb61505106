"""Checks that are run one after the other, their faults told as one message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from trainables.errors import UserError

T = TypeVar("T")


class Checks:
    """Runs checks and keeps their faults; what needs a check that failed is left out."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def run(self, check: Callable[..., T], *needs: object) -> T | None:
        """The check's value; None where it failed, or where one of the values that it needs is None."""
        if any(need is None for need in needs):
            return None
        try:
            return check()
        except UserError as error:
            if not any(str(error) in fault for fault in self.faults):
                self.faults.append(str(error))
            return None

    def raise_faults(self) -> None:
        """UserError with all of them, where there are any."""
        if len(self.faults) == 1:
            raise UserError(self.faults[0])
        if self.faults:
            raise UserError("\n".join([f"{len(self.faults)} faults", *(f"- {fault}" for fault in self.faults)]))
