"""From a saved model's age back to the distribution over ages that it is the mean of."""

import keras
import numpy as np
from keras import layers

from agegender_lib.models.flat import flat, walk
from agegender_lib.models.heads import AGES


def age_distribution(model: keras.Model) -> keras.Model | None:
    """A model that answers with the age distribution behind ``model``'s age.

    A saved model answers with an expected age and may average several parts: members, mirror images. The distribution
    is the mixture of its parts' distributions with equal weights, whose mean is exactly the age the model gives, and
    whose spread holds both what each part is unsure of and how far the parts disagree (Lakshminarayanan et al. 2017,
    arXiv 1612.01474, section 2.4).

    Returns
    -------
    keras.Model or None
        Same input; output float32 [n, ages]: the probabilities of the ages 0, 1, ... years, which sum to 1. None where
        an age does not come from a distribution, but from a regression head.
    """
    both = with_age_distribution(model)
    return None if both is None else keras.Model(both.input, both.outputs[-1], name="age_distribution")


def with_age_distribution(model: keras.Model) -> keras.Model | None:
    """``model`` with :func:`age_distribution` as one more output, the last, at no cost; None where there is none."""
    plain = flat(model)
    ages = [layer for layer in plain.layers if layer.name.endswith("age_output")]
    heads = [layer for layer in ages if isinstance(layer, layers.Dense)]
    if not heads or any(layer.use_bias for layer in heads):
        return None
    found = {}

    def visit(layer, inputs, **keywords):
        output = layer(inputs, **keywords)
        if layer in heads:
            found[id(output)] = inputs if inputs.shape[-1] == len(AGES) else _from_survival(inputs)
        elif layer in ages:  # Keras gives the mixture a name of its own
            found[id(output)] = layers.Average()([found[id(age)] for age in inputs])
        return output

    outputs = walk(plain, visit)
    age = outputs[plain.output_names.index("age_output")]
    return keras.Model(plain.input, [*outputs, found[id(age)]], name=plain.name)


def _from_survival(survival):
    """P(age is k) from P(older than k): 1 - s0, s0 - s1, ... and the last one as it is, by a frozen Dense layer."""
    steps = survival.shape[-1]
    layer = layers.Dense(steps + 1, trainable=False, dtype="float32")
    found = layer(survival)
    layer.set_weights([np.eye(steps, steps + 1, 1) - np.eye(steps, steps + 1), np.eye(1, steps + 1)[0]])
    return found
