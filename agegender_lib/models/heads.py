"""The two outputs every model ends in, and how an age distribution becomes an age."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

#: Ages, in years, over which the age distribution is spread: 0, 1, ... 116, the range of the labels.
AGES = np.arange(117, dtype="float32")
#: How the names of layers end that turn a face into its mirror image, by a kernel that nobody counts as parameters.
MIRROR = "mirror_reverse"
#: How names of layers end whose kernels are arithmetic, as long as they are not trainable.
ARITHMETIC = "age_output", "age_ordinal_so_far", MIRROR, "shared_input_scale"


def gender_output(features):
    """P(female), float32 [n, 1], from a feature vector."""
    return layers.Dense(1, activation="sigmoid", dtype="float32", name="gender_output")(features)


def age_output(features, kind: str = "distribution"):
    """Age in years from a feature vector.

    Parameters
    ----------
    features : KerasTensor, float32 [n, f]
    kind : {"distribution", "ordinal", "regression"}
        ``regression`` is one linear unit. ``distribution`` is a softmax over the ages 0 to 116 followed by its
        expectation, which a frozen one-unit Dense layer computes with the ages as its kernel, so that the saved
        model needs no custom layer (deep expectation: Rothe, Timofte & Van Gool 2018, eq. 4; trained as in
        DLDL-v2, Gao et al. 2018, arXiv 1807.01114). ``ordinal`` asks "older than k years?" of everybody older
        than k - 1, k = 0 to 115; the expected age is the sum of P(older than k), each the product of the answers
        so far (CORN: Shi, Cao & Raschka 2023, arXiv 2111.08851, eq. 5).

    Returns
    -------
    KerasTensor, float32 [n, 1], named ``age_output``, in years.
    """
    if kind == "regression":
        # the labels' mean as the starting point saves the first epochs, which would only learn this number
        mean = keras.initializers.Constant(33.0)
        return layers.Dense(1, dtype="float32", bias_initializer=mean, name="age_output")(features)
    if kind == "distribution":
        distribution = layers.Dense(len(AGES), activation="softmax", dtype="float32", name="age_distribution")(features)
        return _frozen(layers.Dense, AGES[:, None], "age_output")(distribution)
    if kind == "ordinal":
        # the product of the answers is the exponential of the sum of their logarithms, each minus a softplus:
        # Keras 2 has no log-sigmoid
        steps = len(AGES) - 1
        logits = layers.Dense(steps, dtype="float32", name="age_ordinal")(features)
        opposite = layers.Rescaling(-1.0, dtype="float32", name="age_ordinal_opposite")(logits)
        logs = layers.Activation("softplus", dtype="float32", name="age_ordinal_log")(opposite)
        so_far = -np.triu(np.ones((steps, steps)))
        survival = _frozen(layers.Dense, so_far, "age_ordinal_so_far", activation="exponential")(logs)
        return _frozen(layers.Dense, np.ones((steps, 1)), "age_output")(survival)
    raise ValueError(f"age head {kind!r} is unknown; choose 'distribution', 'ordinal' or 'regression'")


def frozen_convolution(matrix, name: str, bias=None):
    """A 1 x 1 convolution that multiplies each place's channels by a ``matrix`` [in, out], and never learns."""
    choices = {} if bias is None else {"use_bias": True, "bias_initializer": keras.initializers.Constant(bias)}
    return _frozen(layers.Conv2D, matrix[None, None], name, kernel_size=1, **choices)


def _frozen(kind, kernel, name, **choices):
    """A layer that computes with ``kernel`` and never learns: arithmetic a saved model can hold."""
    start = keras.initializers.Constant(kernel.tolist())
    choices = {"use_bias": False, **choices}
    return kind(kernel.shape[-1], trainable=False, dtype="float32", kernel_initializer=start, name=name, **choices)


def add_test_time_augmentation(model: keras.Model) -> keras.Model:
    """Test-time augmentation: the mean of ``model``'s predictions for a face and its mirror image, as one model.

    It takes twice the time, has the same input and outputs and shares ``model``'s weights. The mirror is built from
    Permute and a frozen 1 x 1 convolution whose kernel is the reversed identity, because a saved model may hold
    built-in layers only (and a Dense layer may come only after a small feature map).
    """
    image = keras.Input(model.input_shape[1:], name="image")
    width = model.input_shape[2]
    mirrored = layers.Permute((1, 3, 2), name="mirror_columns_last")(image)
    mirrored = frozen_convolution(np.eye(width)[::-1], MIRROR)(mirrored)
    mirrored = layers.Permute((1, 3, 2), name="mirror_columns_back")(mirrored)
    outputs = _mean_outputs([model(image), model(mirrored)])
    return keras.Model(image, outputs, name=f"{model.name}_flip_averaged")


def ensemble_average(members: Sequence[keras.Model]) -> keras.Model:
    """One model that predicts the mean of its members' predictions, sharing their weights.

    Networks that differ in nothing but chance err differently, and the mean errs less than its members do on
    average (Krogh & Vedelsby 1995, eq. 6; Lakshminarayanan et al. 2017, arXiv 1612.01474).
    """
    image = keras.Input(members[0].input_shape[1:], name="image")
    # members come from files and have one name; a model's parts need different ones
    named = [keras.Model(one.inputs, one.outputs, name=f"member_{number}") for number, one in enumerate(members, 1)]
    outputs = _mean_outputs([member(image) for member in named])
    return keras.Model(image, outputs, name=f"{members[0].name}_of_{len(members)}")


def _mean_outputs(outputs):
    genders, ages = zip(*outputs, strict=True)
    return [layers.Average(name="gender_output")(list(genders)), layers.Average(name="age_output")(list(ages))]
