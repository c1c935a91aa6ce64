"""What the models are trained towards: losses and label distributions."""

from collections.abc import Collection

import keras
import numpy as np
import pandas as pd
from keras import ops

from agegender_lib.data import age_limits
from agegender_lib.models.heads import AGES
from agegender_lib.training.config import TrainingConfig


def age_distributions(ages: np.ndarray, sigma: tuple[float, float]) -> np.ndarray:
    """Ages as normal distributions over 0..116 years (label distribution learning, Geng et al. 2013), float32 [n, 117].

    The standard deviation is first + second x age: labels of the old are less sure.
    """
    ages = np.asarray(ages, dtype="float32")[:, None]
    spread = sigma[0] + sigma[1] * ages
    density = np.exp(-0.5 * ((AGES[None, :] - ages) / spread) ** 2)
    return (density / density.sum(axis=1, keepdims=True)).astype("float32")


def label_distributions(table: pd.DataFrame, sigma: tuple[float, float]) -> np.ndarray:
    """:func:`age_distributions` of labels; of a range the mean of those of its ages, each as likely: float32 [n, 117].

    A range without end is spread evenly around its middle, see ``data.label_values.OPEN_YEARS``.
    """
    found = age_distributions(table["age"].to_numpy(), sigma)
    if "age_low" in table:
        age, low, high = (table[name].to_numpy("float32")[:, None] for name in ("age", "age_low", "age_high"))
        member = (AGES >= low) & (AGES <= np.minimum(high, 2 * age - low)) & (low < high)
        ranged = member.any(axis=1)
        shares = member[ranged] / member[ranged].sum(axis=1, keepdims=True)
        found[ranged] = shares.astype("float32") @ age_distributions(AGES, sigma)
    return found


def levels_from_labels(ages: np.ndarray) -> np.ndarray:
    """Ordinal levels, answers to "older than k years?", k = 0 to 115, for the ordinal head, float32 [n, 116].

    1 yes, 0 no, and -1 where the question is not asked because the answer for k - 1 was no. Of ranges these are the
    answers of the middle: questions inside a range that nobody is asked would stay at what they began with.
    """
    years, ages = AGES[None, :-1], np.floor(np.asarray(ages, dtype="float32"))[:, None]
    return np.where(ages > years, 1.0, np.where(ages == years, 0.0, -1.0)).astype("float32")


def corn_loss(levels, logits):
    """Cross-entropy of the questions that are asked (CORN: Shi, Cao & Raschka 2023, arXiv 2111.08851, eq. 6).

    float32 [n]; ``levels`` are :func:`levels_from_labels`. The sum over a face's questions: unlike CORN's mean
    over all questions of a batch, it weighs every face's questions the same whatever the others' ages.
    """
    asked = ops.cast(levels >= 0, logits.dtype)
    losses = ops.relu(logits) - logits * levels + ops.softplus(-ops.abs(logits))
    return ops.sum(asked * losses, axis=-1)


def years_off(wanted, said):
    """Years between ages, [n, 1], and their labels: [n, 1], or the youngest and the oldest that they allow, [n, 2].

    Inside a range they are 0: where a face lies in it, the label does not say, and its middle would be a guess that
    pulls every face of the range to one age.
    """
    if wanted.shape[-1] == 1:
        return ops.abs(said - wanted)
    return ops.relu(wanted[:, :1] - said) + ops.relu(said - wanted[:, 1:])


def absolute_error(wanted, said):
    """Mean absolute error of ages, float32 [n]; see :func:`years_off`."""
    return ops.mean(years_off(wanted, said), axis=-1)


def squared_error(wanted, said):
    """Mean squared error of ages, float32 [n]; see :func:`years_off`."""
    return ops.mean(ops.square(years_off(wanted, said)), axis=-1)


def targets(table, config: TrainingConfig, outputs: Collection[str]) -> dict[str, np.ndarray]:
    """Arrays to train towards, by output name, in the table's order, for a graph with these outputs.

    Where ages are ranges, ``age_output`` has both ends, [n, 2].
    """
    ages = age_limits(table) if "age_low" in table else (table["age"],)
    arrays = {
        "gender_output": table["gender"].to_numpy("float32")[:, None],
        "age_output": np.column_stack(ages).astype("float32"),
    }
    if "age_distribution" in outputs:
        arrays["age_distribution"] = label_distributions(table, config.age_sigma)
    if "age_ordinal" in outputs:
        arrays["age_ordinal"] = levels_from_labels(table["age"].to_numpy())
    return arrays


def compile_arguments(config: TrainingConfig, outputs: Collection[str]) -> dict[str, dict]:
    """Losses, their weights, and metrics for ``model.compile``, by output name."""
    losses = {
        "gender_output": keras.losses.BinaryCrossentropy(label_smoothing=config.label_smoothing),
        "age_output": squared_error if config.age_loss == "mse" else absolute_error,
    }
    weights = {"gender_output": config.gender_weight, "age_output": config.age_weight}
    for name, loss in (("age_distribution", keras.losses.KLDivergence()), ("age_ordinal", corn_loss)):
        if name in outputs:
            losses[name], weights[name] = loss, config.distribution_weight
    metrics = {
        "gender_output": [keras.metrics.BinaryAccuracy(name="accuracy")],
        "age_output": [keras.metrics.MeanMetricWrapper(absolute_error, name="mae")],
    }
    return {"loss": losses, "loss_weights": weights, "metrics": metrics}
