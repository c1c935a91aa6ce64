"""ModelB: a pre-trained backbone, fine-tuned."""

from pathlib import Path

import keras
from keras import layers

from .backbones import BACKBONES, build_backbone
from .heads import age_output, gender_output
from .model_a import IMAGE_SHAPE


def build_model_b(
    backbone: str = "inception_v3",
    weights: str | Path | None = "imagenet",
    dense: int = 256,
    dropout: float = 0.4,
    noise: float = 0.1,
    age_head: str = "distribution",
    freeze_normalisation: bool | None = None,
) -> keras.Model:
    """The original report's ModelB: two branches on the pooled features of a pre-trained network.

    Each branch is Dense - ReLU - BatchNormalization - Dropout - Gaussian noise - output.

    Parameters
    ----------
    backbone : {"inception_v3", "vgg16"}
    weights : str, Path or None
        See :func:`agegender_lib.models.backbones.build_backbone`.
    dense : int
        Units of each branch's hidden layer.
    dropout, noise : float
        Share of units dropped, and standard deviation of the noise added, while training.
    age_head : {"distribution", "regression"}
    freeze_normalisation : bool, optional
        Keep the backbone's BatchNormalization on the statistics of its pre-training, by ``trainable=False``
        (in Keras 3 a call with ``training=False`` inside a functional model is overridden by ``fit``). Default:
        yes for pre-trained, no for random weights, whose statistics mean nothing.

    Returns
    -------
    keras.Model
        As :func:`agegender_lib.models.build_model_a`; ``model.weights_origin`` says in words where the
        backbone's weights came from.
    """
    base, origin = build_backbone(backbone, weights)
    if freeze_normalisation is None:
        freeze_normalisation = not origin.startswith("random")
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = not freeze_normalisation
            if not freeze_normalisation:
                # statistics that start from nothing must keep up with a training of a few hundred steps
                layer.momentum = 0.9
    image = keras.Input(IMAGE_SHAPE, name="image")
    x = base(BACKBONES[backbone].preprocess(image))
    x = layers.GlobalAveragePooling2D(name="shared_pool_average")(x)

    def branch(name):
        y = layers.Dense(dense, activation="relu", name=f"{name}_dense")(x)
        y = layers.BatchNormalization(name=f"{name}_dense_norm")(y)
        y = layers.Dropout(dropout, name=f"{name}_dense_dropout")(y)
        return layers.GaussianNoise(noise, name=f"{name}_dense_noise")(y)

    outputs = [gender_output(branch("gender")), age_output(branch("age"), age_head)]
    model = keras.Model(image, outputs, name="age_gender_B")
    model.weights_origin = origin
    return model


def set_trainable(model: keras.Model, what: str) -> None:
    """Choose what a stage of fine-tuning changes; frozen BatchNormalization stays frozen.

    Parameters
    ----------
    model : keras.Model
    what : str
        ``"all"``, ``"heads"`` (nothing of the backbone), or the name of a backbone layer from which on,
        upwards, everything learns.

    Raises
    ------
    ValueError
        If the backbone has no such layer.
    """
    base = next((layer for layer in model.layers if isinstance(layer, keras.Model)), None)
    if base is None:
        if what != "all":
            raise ValueError(f"{model.name} has no backbone: its trainable part can only be 'all'")
        return
    names = [layer.name for layer in base.layers]
    if what not in ("all", "heads", *names):
        raise ValueError(f"{base.name} has no layer {what!r} to train from")
    first = {"all": 0, "heads": len(names)}.get(what)
    first = names.index(what) if first is None else first
    # decided when the model was built: see freeze_normalisation
    frozen = getattr(base, "frozen_normalisation", None)
    if frozen is None:
        norms = [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]
        frozen = base.frozen_normalisation = {layer.name for layer in norms if not layer.trainable}
    for index, layer in enumerate(base.layers):
        layer.trainable = index >= first and layer.name not in frozen
