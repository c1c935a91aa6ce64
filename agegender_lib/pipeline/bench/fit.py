"""The pace of a training as ``fit`` runs it: the next batches are loaded while a step is computed."""

from collections.abc import Callable

import keras
import numpy as np

from .timing import now

#: Steps before the clock starts: the first fill the queue of batches.
WARM_UP = 2


def fit_pace(
    graph: keras.Model, batches: keras.utils.PyDataset, size: int, full: int
) -> Callable[[float], np.ndarray]:
    """A function that trains for the seconds it is given and returns seconds per image.

    Parameters
    ----------
    graph : keras.Model
        Compiled.
    batches : PyDataset
    size : int
        Images in a full batch.
    full : int
        How many batches are full.

    Returns
    -------
    callable
        Its answer is float64 [2]: on the clock, and of processor time.
    """
    endless = Repeated(batches, full)

    def measure(seconds):
        watch = StopAfter(seconds)
        graph.fit(endless, epochs=1, callbacks=[watch], shuffle=False, verbose=0)
        return watch.passed / (size * watch.steps)

    return measure


class Repeated(keras.utils.PyDataset):
    """The full batches of a data set over and over, so that no epoch ends while the clock runs."""

    def __init__(self, batches, full: int):
        super().__init__()
        self.batches, self.full = batches, full

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int):
        return self.batches[index % self.full]


class StopAfter(keras.callbacks.Callback):
    """Counts the steps of some seconds, then ends the training.

    Attributes
    ----------
    steps : int
        Steps after the warm-up.
    passed : float64 [2]
        Seconds they took, on the clock and of processor time.
    """

    def __init__(self, seconds: float, now: Callable[[], np.ndarray] = now):
        super().__init__()
        self.seconds, self.now = seconds, now
        self.steps, self.passed = -WARM_UP, np.zeros(2)

    def on_train_batch_end(self, batch, logs=None):
        # reading the loss waits for the step, on backends that return before it is done
        float(logs["loss"])
        self.steps += 1
        if self.steps == 0:
            self.start = self.now()
        elif self.steps > 0:
            self.passed = self.now() - self.start
            if self.steps >= 2 and self.passed[0] >= self.seconds:
                self.model.stop_training = True
