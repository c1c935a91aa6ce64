"""From a saved model's age back to the distribution over ages that it is the mean of."""

import keras
import numpy as np
from keras import layers


def age_distribution(model: keras.Model) -> keras.Model | None:
    """A model that answers with the age distribution behind ``model``'s age.

    A saved model answers with an expected age and may average several parts: members, mirror images. The distribution
    is the mixture of its parts' distributions with equal weights, whose mean is exactly the age the model gives, and
    whose spread holds both what each part is unsure of and how far the parts disagree (Lakshminarayanan et al. 2017,
    arXiv 1612.01474, section 2.4).

    Parameters
    ----------
    model : keras.Model
        With one image input, and an output ``age_output`` built by :mod:`agegender_lib.models.heads`, averaged or
        not, as trained or as loaded from a file.

    Returns
    -------
    keras.Model or None
        Same input, sharing ``model``'s weights; output float32 [n, ages]: the probabilities of the ages 0, 1, ...
        years, which sum to 1. None where an age does not come from a distribution, but from a regression head.
    """
    names = list(model.output_names)
    if "age_output" not in names:
        return None
    found = _distribution(model.outputs[names.index("age_output")])
    return None if found is None else keras.Model(model.inputs[0], found, name="age_distribution")


def _distribution(age):
    """The symbolic distribution [n, ages] whose mean is the symbolic ``age`` [n, 1], or None."""
    layer, inputs, place = _origin(age)
    if isinstance(layer, layers.Average):
        parts = [_distribution(part) for part in inputs]
        # Keras gives this layer a name of its own
        return None if any(part is None for part in parts) else layers.Average()(parts)
    if isinstance(layer, keras.Model):
        inner = _distribution(layer.outputs[place])
        return None if inner is None else keras.Model(layer.inputs[0], inner)(inputs[0])
    if not isinstance(layer, layers.Dense) or layer.units != 1 or _kind(layer) != "linear" or layer.use_bias:
        return None
    kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel))[:, 0]
    before = _origin(inputs[0])[0]
    if _kind(before) == "softmax" and np.array_equal(kernel, np.arange(len(kernel))):
        return inputs[0]
    if _kind(before) == "exponential" and np.array_equal(kernel, np.ones(len(kernel))):
        return _from_survival(inputs[0])
    return None


def _from_survival(survival):
    """P(age is k) from P(older than k): 1 - s0, s0 - s1, ... and the last one as it is, by a frozen Dense layer."""
    steps = survival.shape[-1]
    kernel, bias = np.eye(steps, steps + 1, 1) - np.eye(steps, steps + 1), np.eye(1, steps + 1)[0]
    return layers.Dense(
        steps + 1,
        trainable=False,
        dtype="float32",
        kernel_initializer=keras.initializers.Constant(kernel.tolist()),
        bias_initializer=keras.initializers.Constant(bias.tolist()),
    )(survival)


def _origin(tensor):
    """The layer that a symbolic tensor comes from, what that layer was given, and which of its outputs this is."""
    layer, call, place = tensor._keras_history
    return layer, layer._inbound_nodes[call].input_tensors, place


def _kind(layer) -> str:
    """The name of a layer's activation; "softmax" also for the layer of that name."""
    if isinstance(layer, layers.Softmax):
        return "softmax"
    return getattr(getattr(layer, "activation", None), "__name__", "")
