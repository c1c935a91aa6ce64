"""Progress of a training: a live line in a terminal, a few lines in notebooks and logs."""

import sys
import time
from collections.abc import Iterable

import keras


class Progress(keras.callbacks.Callback):
    """Say how far a training is: a line that a terminal overwrites, or at most about ``lines`` lines in all.

    papermill keeps every line of a notebook. ``history`` are the rows of epochs finished before, ``steps`` those of
    one.
    """

    def __init__(self, epochs: int, history: Iterable[dict], steps: int, lines: int = 20):
        super().__init__()
        self.epochs, self.steps = epochs, steps
        self.seconds = [row["seconds"] for row in history]
        self.every = max(1, epochs // lines)
        self.live = sys.stderr.isatty()
        self.shown = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.step = epoch + 1, 0

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.live and time.monotonic() - self.shown > 0.3:
            self.shown = time.monotonic()
            share = int(24 * self.step / self.steps)
            bar = "█" * share + "·" * (24 - share)
            print(f"\r\033[Kepoch {self.epoch}/{self.epochs} {bar}{self._left()}", end="", file=sys.stderr)

    def row(self, row: dict) -> None:
        """Show a finished epoch."""
        self.seconds.append(row["seconds"])
        done = row["epoch"] in (1, self.epochs) or row["epoch"] % self.every == 0
        if not (self.live or done):
            return
        text = (
            f"epoch {row['epoch']:>3}/{self.epochs}  {row['seconds']:5.0f} s   "
            f"age MAE {row['age_mae']:5.2f} (validation {row['val_age_mae']:5.2f}) years   "
            f"gender {row['gender_accuracy']:6.1%} (validation {row['val_gender_accuracy']:6.1%}){self._left()}"
        )
        if self.live:
            print("\r\033[K" + text, file=sys.stderr)
        else:
            print(text, flush=True)

    def _left(self):
        recent = self.seconds[-5:]
        remaining = self.epochs - len(self.seconds)
        if not recent or not remaining:
            return ""
        minutes = remaining * sum(recent) / len(recent) / 60
        return f"   {minutes:.0f} min left" if minutes >= 1 else "   less than a minute left"
