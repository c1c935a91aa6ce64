"""From a configuration to a network: the plain one, and the one that trains."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from agegender_lib import models
from agegender_lib.errors import InputError
from agegender_lib.training.config import Stage, TrainingConfig
from agegender_lib.training.losses import compile_arguments
from agegender_lib.training.optimizers import build_optimizer, layer_rates


def build_network(config: TrainingConfig, weights: str | Path = "none") -> keras.Model:
    """The model that ``config`` describes, in the current precision, with outputs gender and age.

    Parameters
    ----------
    config : TrainingConfig
    weights : str or Path
        The backbone's pre-trained weights: one of :data:`WEIGHTS`, or a file, see :func:`build_backbone`.
    """
    build, arguments = models.build_model_a, dict(config.architecture)
    if config.model != "model_a":
        build, arguments["weights"] = models.build_model_b, weights
    try:
        network = build(**arguments)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"{config.model} cannot be built with {arguments}: {error}") from error
    if config.model != "model_a":
        # ModelF and ModelP are ModelB on another backbone, which their settings name
        network.name = f"age_gender_{config.model[-1].upper()}"
    return network


def training_graph(network: keras.Model, config: TrainingConfig) -> keras.Model:
    """Augmentation and network in one graph: raw uint8 pixels in, a dictionary of outputs out."""
    outputs = dict(zip(network.output_names, network.outputs, strict=True))
    heads = ("age_distribution", "age_ordinal")
    outputs |= {layer.name: layer.output for layer in network.layers if layer.name in heads}
    if config.mixup and "age_ordinal" in outputs:
        raise InputError(f"mixup is {config.mixup}, but an ordinal age head has no blended targets: set it to 0")
    inner = keras.Model(network.inputs, outputs, name="network")
    pixels = keras.Input(network.input_shape[1:], dtype="uint8", name="pixels")
    try:
        augmentation = models.FaceAugmentation(
            **{"seed": config.seed, **config.augmentation}, dtype="float32", name="augmentation"
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"{config.model}: augmentation {config.augmentation} is not understood: {error}") from error
    return keras.Model(pixels, inner(augmentation(pixels)), name="training_graph")


def check_stages(network: keras.Model, config: TrainingConfig) -> None:
    """Refuse a stage that this network cannot do, before hours of training lead to it."""
    for stage in config.stages:
        if stage.layer_decay != 1 and (config.optimizer != "adamw" or not layer_rates(network, 0.5)):
            raise InputError(
                f"{config.model} with {config.optimizer}: layer_decay is {stage.layer_decay}, but rates by depth "
                "are for a backbone and for adamw: leave it at 1"
            )
        models.set_trainable(network, stage.trainable)


def compile_for(
    graph: keras.Model,
    config: TrainingConfig,
    stage: Stage,
    steps_per_epoch: int,
    rates: dict[str, float] | None = None,
) -> None:
    """Give the training graph, or its heads, the losses of ``config`` and a fresh optimizer for ``stage``."""
    optimizer = build_optimizer(config, stage, steps_per_epoch, rates)
    # XLA halves the speed of these networks on a CPU with TensorFlow
    jit = False if keras.backend.backend() == "tensorflow" else "auto"
    graph.compile(optimizer=optimizer, jit_compile=jit, **compile_arguments(config, graph.output))
    optimizer.build(graph.trainable_variables)


def in_float32(network: keras.Model, config: TrainingConfig) -> keras.Model:
    """The trained network in the arithmetic in which it is saved; the network itself where it learned in that."""
    if (fast_precision() if config.precision == "auto" else config.precision) == "float32":
        return network
    with precision("float32"):
        exact = build_network(config)
    exact.set_weights(network.get_weights())
    return exact


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Build layers in this arithmetic inside the block; "auto" is resolved by :func:`fast_precision`."""
    policy = fast_precision() if policy == "auto" else policy
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def fast_precision() -> str:
    """``mixed_bfloat16`` where this processor multiplies bfloat16 in hardware, else ``float32``.

    Without such hardware bfloat16 is emulated and slower. Both are accumulated in float32.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "float32"
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"
