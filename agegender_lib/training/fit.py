"""The stages of a training, one after the other, from wherever a killed one had come to."""

from collections.abc import Callable
from pathlib import Path

import keras
import pandas as pd

from agegender_lib.data import FaceSet
from agegender_lib.files import write_csv
from agegender_lib.models import set_trainable
from agegender_lib.runs import HISTORY

from .batches import Batches
from .checkpoint import KeepState, State, stalled
from .config import TrainingConfig
from .features import FeatureBatches, backbone_features, heads_graph
from .gradients import measure_of
from .losses import targets
from .network import compile_for
from .optimizers import depth_rates
from .progress import Progress


def fit(
    graph: keras.Model,
    network: keras.Model,
    config: TrainingConfig,
    faces: FaceSet,
    split: pd.Series,
    state: State,
    folder: Path,
    on_epoch: Callable[[dict], None] | None = None,
) -> None:
    """Train ``network``, in place, through what is left of its stages.

    Parameters
    ----------
    graph : keras.Model
        The network's :func:`agegender_lib.training.network.training_graph`.
    network : keras.Model
    config : TrainingConfig
    faces : FaceSet
    split : Series of str
        "train", "validation" or "unused" for each face.
    state : State
        Where the training is; goes on with it and is written after every epoch.
    folder : Path
        Gets history.csv after every epoch.
    on_epoch : callable, optional
        See :func:`agegender_lib.training.train.train`.
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
            state.restore(graph)
        if stage.on_features:
            features = backbone_features(network, faces)
            learner = heads_graph(graph.get_layer("network"))
            parts = _batches(FeatureBatches, features, faces, split, graph, config)
        rates = depth_rates(network, stage.depth_decay)
        compile_for(learner, config, stage, len(parts["train"]), rates)
        if state.arrays and state.stage == number:
            state.restore_optimizer(learner.optimizer)
        state.arrays = {}

        progress = Progress(config.epochs, state.history, len(parts["train"]))

        def finished(row, progress=progress):
            write_csv(folder / HISTORY, pd.DataFrame(state.history))
            progress.row(row)
            if on_epoch:
                on_epoch(row)

        if state.epoch < end and not stalled(state.history, config, number):
            measure = dict if stage.on_features else measure_of(graph, config, parts["train"])
            keep = KeepState(state, config, number, graph, network, finished, measure)
            order = keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs, train=parts["train"]: train.start_epoch(epoch)
            )
            # the state is kept before the averaged weights are swapped out again, see KeepState.on_test_end
            averaging = [keras.callbacks.SwapEMAWeights()] if config.ema_momentum is not None else []
            learner.fit(
                parts["train"],
                validation_data=parts["validation"],
                initial_epoch=max(start, state.epoch),
                epochs=end,
                callbacks=[order, keep, progress, *averaging],
                # Batches shuffles; Keras would shuffle the batches again, differently after a resume
                shuffle=False,
                verbose=0,
            )
        learner.optimizer.finalize_variable_values(learner.trainable_variables)
    if state.best is not None:
        network.set_weights(state.best)


def _batches(kind, images, faces, split, graph, config):
    """Batches of the faces that train and of those that validate."""
    parts = {}
    for part in ("train", "validation"):
        rows = (split == part).to_numpy().nonzero()[0]
        wanted = targets(faces.table.iloc[rows], config, graph.output)
        seed, mixup = (config.seed, config.mixup) if part == "train" else (None, 0.0)
        # 100 divides the coursework's 1,000, so that Keras's mean over batches is the mean over faces
        size = config.batch_size if part == "train" else 100
        parts[part] = kind(images, rows, wanted, size, seed, mixup)
    return parts
