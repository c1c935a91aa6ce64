"""The stages of a training, one after the other, from wherever a killed one had come to."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import keras
import pandas as pd
from tqdm import tqdm

from agegender_lib.data import FaceSet
from agegender_lib.files import write_csv
from agegender_lib.models import set_trainable
from agegender_lib.runs import HISTORY
from agegender_lib.training.batches import VALIDATION, Batches, race_quotas
from agegender_lib.training.checkpoint import Checkpoint, TrainingState, patience_exhausted
from agegender_lib.training.config import TrainingConfig
from agegender_lib.training.features import FeatureBatches, backbone_features, heads_graph
from agegender_lib.training.gradients import measure_of
from agegender_lib.training.losses import targets
from agegender_lib.training.network import compile_for
from agegender_lib.training.optimizers import layer_rates


def fit(
    graph: keras.Model,
    network: keras.Model,
    config: TrainingConfig,
    faces: FaceSet,
    split: pd.Series,
    state: TrainingState,
    folder: Path,
    on_epoch: Callable[[dict], None] | None = None,
) -> None:
    """Train ``network``, in place, through what is left of its stages.

    ``graph`` is its :func:`training_graph`; ``split`` says "train", "validation" or "unused" of each face. The
    ``state`` is where the training goes on, and is written after every epoch, as is history.csv in ``folder``; then
    ``on_epoch`` gets the epoch's row.
    """
    for row in state.history if on_epoch else ():
        on_epoch(row)
    pixels = _batches(Batches, faces.images, faces, split, graph, config)
    end = 0
    for number, stage in enumerate(config.stages, start=1):
        start, end = end, end + stage.epochs
        if state.stage > number:
            continue
        set_trainable(network, stage.trainable)
        learner, parts = graph, pixels
        if state.arrays:
            # first the weights, which features are made of; the optimizer's memory once there is an optimizer
            state.restore("model", graph.variables)
        if stage.cached_features:
            features = backbone_features(network, faces)
            learner = heads_graph(graph.get_layer("network"))
            parts = _batches(FeatureBatches, features, faces, split, graph, config)
        rates = layer_rates(network, stage.layer_decay)
        compile_for(learner, config, stage, len(parts["train"]), rates)
        if state.arrays and state.stage == number:
            state.restore("optimizer", learner.optimizer.variables)
        state.arrays = {}

        progress = Progress(config.epochs, state.history, len(parts["train"]))

        def finished(row, progress=progress):
            write_csv(folder / HISTORY, pd.DataFrame(state.history))
            progress.row(row)
            if on_epoch:
                on_epoch(row)

        if state.epoch < end and not patience_exhausted(state.history, config, number):
            measure = dict if stage.cached_features else measure_of(graph, config, parts["train"])
            keep = Checkpoint(state, config, number, graph, network, finished, measure)
            callbacks = [keep, progress]
            if config.ema_momentum is not None:
                # the state is kept before the averaged weights are swapped out again, see Checkpoint.on_test_end
                callbacks.append(keras.callbacks.SwapEMAWeights())
            _learn(learner, parts, max(start, state.epoch), end, callbacks)
        learner.optimizer.finalize_variable_values(learner.trainable_variables)
    if state.best is not None:
        network.set_weights(state.best)


def _learn(learner, parts, start, end, callbacks):
    train = parts["train"]
    # made here, because TensorFlow traces a step in which variables are made a second time
    some = {name: values[:1] for name, values in parts["validation"][0][1].items()}
    learner.compute_loss(y=some, y_pred=some)
    learner.compute_metrics(None, some, some)
    order = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: train.start_epoch(epoch))
    learner.fit(
        train,
        validation_data=parts["validation"],
        initial_epoch=start,
        epochs=end,
        callbacks=[order, *callbacks],
        # Batches shuffles; Keras would shuffle the batches again, differently after a resume
        shuffle=False,
        verbose=0,
    )


def _batches(kind, images, faces, split, graph, config):
    """Batches of the faces that train and of those that validate."""
    parts = {}
    for part in ("train", "validation"):
        rows = (split == part).to_numpy().nonzero()[0]
        table = faces.table.iloc[rows]
        wanted = targets(table, config, graph.output)
        if part == "train":
            quotas = race_quotas(table) if config.sampling == "race" else ()
            parts[part] = kind(images, rows, wanted, config.batch_size, config.seed, config.mixup, quotas)
        else:
            parts[part] = kind(images, rows, wanted, VALIDATION)
    return parts


class Progress(keras.callbacks.Callback):
    """Say how far a training is: a bar and a line an epoch in a terminal, or at most about 20 lines in all.

    papermill keeps every line of a notebook. ``history`` are the rows of epochs finished before, ``steps`` those of
    one.
    """

    def __init__(self, epochs: int, history: Iterable[dict], steps: int):
        super().__init__()
        self.epochs, self.steps = epochs, steps
        self.seconds = [row["seconds"] for row in history]
        self.every = max(1, epochs // 20)

    def on_epoch_begin(self, epoch, logs=None):
        words = f"epoch {epoch + 1}/{self.epochs}{self._left()}"
        self.bar = tqdm(total=self.steps, desc=words, unit="batch", leave=False, disable=None, mininterval=0.3)

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()

    def row(self, row: dict) -> None:
        """Show a finished epoch."""
        self.bar.close()
        self.seconds.append(row["seconds"])
        told = row["epoch"] in (1, self.epochs) or row["epoch"] % self.every == 0
        text = (
            f"epoch {row['epoch']:>3}/{self.epochs}  {row['seconds']:5.0f} s   "
            f"age MAE {row['age_mae']:5.2f} (validation {row['val_age_mae']:5.2f}) years   "
            f"gender {row['gender_accuracy']:6.1%} (validation {row['val_gender_accuracy']:6.1%}){self._left()}"
        )
        if not self.bar.disable:
            print(text, file=sys.stderr)
        elif told:
            print(text, flush=True)

    def _left(self):
        recent = self.seconds[-5:]
        remaining = self.epochs - len(self.seconds)
        if not recent or not remaining:
            return ""
        minutes = remaining * sum(recent) / len(recent) / 60
        return f"   {minutes:.0f} min left" if minutes >= 1 else "   less than a minute left"
