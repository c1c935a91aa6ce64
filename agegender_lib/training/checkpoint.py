"""What a killed training needs to go on, one file replaced after every epoch; and early stopping (EarlyStopping)."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from agegender_lib.errors import InputError
from agegender_lib.files import replacing
from agegender_lib.training.config import TrainingConfig


@dataclass
class TrainingState:
    """Where a training is: epochs done, their history, weights and the optimizer's memory.

    Everything of one moment is in one file, so no kill can leave two files of different moments. ``history`` has a row
    per finished epoch; ``best`` the weights of the epoch with the least validation loss, where early stopping may
    return to them; ``facts`` what is true of the whole training since its first step, such as where its weights came
    from.
    """

    path: Path
    history: list[dict] = field(default_factory=list)
    best: list[np.ndarray] | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return len(self.history)

    @property
    def stage(self) -> int:
        """Number, from 1, of the stage the last finished epoch belongs to; 0 before the first."""
        return self.history[-1]["stage"] if self.history else 0

    @classmethod
    def read(cls, path: Path) -> "TrainingState":
        """The state in ``path``, or a fresh one where there is no such file."""
        state = cls(path)
        if state.path.exists():
            try:
                with np.load(state.path) as file:
                    state.arrays = {name: file[name] for name in file.files}
                state.history = json.loads(str(state.arrays.pop("history")))
                state.facts = json.loads(str(state.arrays.pop("facts")))
            except Exception as error:
                raise InputError(f"the checkpoint {path} cannot be read ({error}): delete it to start over") from error
            best = [name for name in state.arrays if name.startswith("best/")]
            state.best = [state.arrays.pop(f"best/{i}") for i in range(len(best))] or None
        return state

    def write(self, graph: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """Keep the whole graph's and the optimizer's variables, atomically."""
        arrays = {f"model/{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(graph.variables)}
        arrays |= {f"optimizer/{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(optimizer.variables)}
        arrays |= {f"best/{i}": value for i, value in enumerate(self.best or [])}
        with replacing(self.path) as temporary:
            np.savez(temporary, history=json.dumps(self.history), facts=json.dumps(self.facts), **arrays)

    def restore(self, kind: str, variables: list) -> None:
        """Put kept variables back: the "model"'s, or the "optimizer"'s, which are of use to the same stage's only."""
        kept = [self.arrays[f"{kind}/{i}"] for i in range(sum(name.startswith(f"{kind}/") for name in self.arrays))]
        if [tuple(v.shape) for v in variables] != [a.shape for a in kept]:
            raise InputError(
                f"the checkpoint's {kind} variables are not those of this code's {kind}: it was written by another "
                "version; delete the run folder to start over"
            )
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)


class Checkpoint(keras.callbacks.Callback):
    """After each epoch: its row of history, the best weights, the checkpoint, and early stopping.

    The variables of all of ``graph`` are kept, even where only its heads train on features; ``state.best`` has the
    weights of ``network``. ``on_row`` is called with the row after it is safely written. ``measure`` returns further
    columns of it, at the end of every epoch, the weights being those that train and not their average; its time is not
    counted as the epoch's.
    """

    def __init__(self, state: TrainingState, config: TrainingConfig, stage: int, graph, network, on_row, measure):
        super().__init__()
        self.state, self.config, self.number = state, config, stage
        self.graph, self.network = graph, network
        self.on_row, self.measure = on_row, measure

    def on_test_end(self, logs=None):
        # here the averaged weights, which were just validated, are still in the model
        if self.config.patience is not None and self.number == len(self.config.stages):
            losses = [row["val_loss"] for row in self.state.history if row["stage"] == self.number]
            if not losses or logs["loss"] < min(losses):
                self.state.best = self.network.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        row = history_row(epoch + 1, self.number, logs, self.model.optimizer, time.perf_counter() - self.started)
        self.state.history.append(row | self.measure())
        self.state.write(self.graph, self.model.optimizer)
        self.on_row(self.state.history[-1])
        if patience_exhausted(self.state.history, self.config, self.number):
            self.model.stop_training = True

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()


def patience_exhausted(history: list[dict], config: TrainingConfig, stage: int) -> bool:
    """Early stopping: whether the patience is exhausted after the given history; only the last stage stops early."""
    if config.patience is None or stage < len(config.stages):
        return False
    losses = [row["val_loss"] for row in history if row["stage"] == stage]
    return bool(losses) and len(losses) - 1 - int(np.argmin(losses)) >= config.patience


def history_row(epoch: int, stage: int, logs: dict, optimizer, seconds: float) -> dict:
    """Keras's logs of an epoch under the run folder's column names."""
    row = {"epoch": epoch, "stage": stage, "seconds": round(seconds, 2)}
    row["learning_rate"] = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    for prefix in ("", "val_"):
        row[f"{prefix}loss"] = float(logs[f"{prefix}loss"])
        for task, metric in (("gender", "accuracy"), ("age", "mae")):
            row[f"{prefix}{task}_loss"] = float(logs[f"{prefix}{task}_output_loss"])
            row[f"{prefix}{task}_{metric}"] = float(logs[f"{prefix}{task}_output_{metric}"])
    return row
