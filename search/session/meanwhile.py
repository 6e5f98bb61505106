"""Work that is done in a thread while the main one waits for something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Meanwhile(Generic[T]):
    """Begins to call a function at once. Nobody waits for it who doesn't ask for its value: not at the process' end."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="meanwhile", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value.append(self._function())
        except BaseException as error:  # raised where the value is asked for
            self._error = error

    def value(self) -> T:
        """The function's value, as soon as it is there; raises what the function raised."""
        self._thread.join()
        self.look()
        return self._value[0]

    def look(self, seconds: float = 0.0) -> None:
        """Wait so long at most; raises what the function has raised by then."""
        self._thread.join(seconds)
        if self._error is not None:
            raise self._error
