"""The one place where training meets Ray Tune. Torch is imported where a trial runs, not by who asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray import tune

if TYPE_CHECKING:
    from trainables.worker.runner import AttemptRunner


class TuneTrial(tune.Trainable):
    """One trial at a time in an actor that is reused: `reset_config` builds everything anew. Tune keeps no state."""

    runner: AttemptRunner | None = None

    def setup(self, config: dict[str, Any]) -> None:
        """Build the learner of a trial's raw dict, and go on from the state that it saved, if it did.

        RuntimeError where another worker keeps the trial's folder.
        """
        from trainables.worker.runner import AttemptRunner

        self.runner = AttemptRunner(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Forget the trial before and begin the next one; nothing of the old learner is kept."""
        from trainables.worker.runner import forget

        self.cleanup()
        self.runner = None
        forget()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        """Leave the trial's folder to others."""
        if self.runner is not None:
            self.runner.release()

    def step(self) -> dict[str, Any]:
        """One epoch: one that isn't on record yet, or the next one."""
        assert self.runner is not None  # noqa: S101  # Tune calls `setup` first
        return self.runner.step()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Tune asks for one where it pauses a trial: the state goes where it always goes."""
        if self.runner is not None:
            self.runner.save_state()

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """The state was found by `setup` already."""
