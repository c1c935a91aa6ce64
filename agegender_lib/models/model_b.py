"""ModelB: a pre-trained backbone, fine-tuned."""

from collections.abc import Sequence
from pathlib import Path

import keras
from keras import layers

from agegender_lib.errors import InputError
from agegender_lib.models.backbones import BACKBONES, backbone_in, build_backbone, stages_of
from agegender_lib.models.heads import age_output, gender_output
from agegender_lib.models.model_a import IMAGE_SHAPE
from agegender_lib.models.preprocessing import resized

#: Of ModelB, unless its settings name another.
BACKBONE = "inception_v3"


def build_model_b(
    backbone: str = BACKBONE,
    weights: str | Path | None = "pretrained",
    dense: int = 256,
    dropout: float = 0.4,
    noise: float = 0.1,
    age_head: str = "distribution",
    freeze_normalisation: bool | None = None,
    image_size: int | Sequence[int] = 128,
) -> keras.Model:
    """The original report's ModelB: two branches on the pooled features of a pre-trained network.

    Each branch is Dense - ReLU - BatchNormalization - Dropout - Gaussian noise - output.

    Parameters
    ----------
    backbone : str
        A key of :data:`agegender_lib.models.BACKBONES`.
    weights : str, Path or None
        See :func:`agegender_lib.models.backbones.build_backbone`.
    dense : int
        Units of each branch's hidden layer.
    dropout, noise : float
        Fraction of units dropped, and standard deviation of the noise added, while training.
    age_head : {"distribution", "ordinal", "regression"}
    freeze_normalisation : bool, optional
        Keep the backbone's BatchNormalization on the statistics of its pre-training. Default: yes for pre-trained, no
        for random weights, whose statistics mean nothing. ``folded_normalisation`` cannot do without.
    image_size : int or sequence of int
        Pixels at which the backbone sees the face, resized inside the model; of several it sees the face at each,
        with the same weights, and the branches leave all its features side by side.

    Returns
    -------
    keras.Model
        As :func:`agegender_lib.models.build_model_a`; ``model.weights_origin`` says in words where the
        backbone's weights came from.
    """
    sizes = [image_size] if isinstance(image_size, int) else list(image_size)
    base, origin = build_backbone(backbone, weights, sizes[0] if len(sizes) == 1 else None)
    pretrained = not origin.startswith("random")
    if freeze_normalisation is False and pretrained and BACKBONES[backbone].folded_normalisation:
        raise InputError(
            f"freeze_normalisation is False, but the pre-trained {backbone} has no statistics to go on from: its "
            "BatchNormalization is folded and only works in inference mode; leave freeze_normalisation out"
        )
    _freeze(_normalisations(base), pretrained if freeze_normalisation is None else freeze_normalisation)
    image = keras.Input(IMAGE_SHAPE, name="image")
    x = _pooled(base, BACKBONES[backbone].preprocess(image), sizes)

    def branch(name):
        y = layers.Dense(dense, activation="relu", name=f"{name}_dense")(x)
        y = layers.BatchNormalization(name=f"{name}_dense_norm")(y)
        y = layers.Dropout(dropout, name=f"{name}_dense_dropout")(y)
        return layers.GaussianNoise(noise, name=f"{name}_dense_noise")(y)

    outputs = [gender_output(branch("gender")), age_output(branch("age"), age_head)]
    model = keras.Model(image, outputs, name="age_gender_B")
    model.weights_origin = origin
    return model


def _freeze(normalisations, frozen):
    """By ``trainable``, not by ``training=False``: in Keras 3, fit overrides that inside a functional model."""
    for layer in normalisations:
        layer.trainable = not frozen
        if not frozen:
            # statistics that start from nothing must keep up with a training of a few hundred steps
            layer.momentum = 0.9


def _pooled(base, x, sizes):
    """The backbone's pooled features; their last layer has one name, because heads are trained from it on."""
    pools = []
    for pixels in sizes:
        name = f"shared_pool_average{f'_{pixels}' if len(sizes) > 1 else ''}"
        features = base(resized(x, pixels, f"shared_input_resize_{pixels}"))
        pools.append(layers.GlobalAveragePooling2D(name=name)(features))
    return pools[0] if len(pools) == 1 else layers.Concatenate(name="shared_pool_average")(pools)


def set_trainable(model: keras.Model, what: str) -> None:
    """Choose what a stage of fine-tuning changes; frozen BatchNormalization stays frozen.

    ``what`` is "all", "heads" (nothing of the backbone), or the name of a backbone's stage (see :func:`stages_of`) or
    layer from which on, upwards, everything learns. A ValueError if there is no such stage or layer.
    """
    base = backbone_in(model)
    if base is None:
        if what != "all":
            raise ValueError(f"{model.name} has no backbone: its trainable part can only be 'all'")
        return
    names = [layer.name for layer in base.layers]
    if what not in ("all", "heads", *names) and what in (stages := stages_of(base)):
        what = stages[what][0].name
    if what not in ("all", "heads", *names):
        raise ValueError(f"{base.name} has no layer {what!r} to train from")
    first = {"all": 0, "heads": len(names)}.get(what)
    first = names.index(what) if first is None else first
    # decided when the model was built: see freeze_normalisation
    frozen = getattr(base, "frozen_normalisation", None)
    if frozen is None:
        norms = _normalisations(base)
        frozen = base.frozen_normalisation = {layer.name for layer in norms if not layer.trainable}
    for index, layer in enumerate(base.layers):
        layer.trainable = index >= first and layer.name not in frozen


def _normalisations(base):
    return [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]
