"""What the models are trained towards: losses and label distributions."""

import keras
import numpy as np

from agegender_lib.models.heads import AGES

from .config import TrainingConfig


def age_distributions(ages: np.ndarray, sigma: tuple[float, float]) -> np.ndarray:
    """Ages as normal distributions over 0..116 years (label distribution learning, Geng et al. 2013).

    Parameters
    ----------
    ages : int or float [n]
        In years.
    sigma : (float, float)
        Standard deviation in years: first + second x age. Labels of the old are less sure.

    Returns
    -------
    float32 [n, 117]
        Each row sums to one.
    """
    ages = np.asarray(ages, dtype="float32")[:, None]
    spread = sigma[0] + sigma[1] * ages
    density = np.exp(-0.5 * ((AGES[None, :] - ages) / spread) ** 2)
    return (density / density.sum(axis=1, keepdims=True)).astype("float32")


def targets(table, config: TrainingConfig, has_distribution: bool) -> dict[str, np.ndarray]:
    """Arrays to train towards, by output name, in the table's order."""
    arrays = {
        "gender_output": table["gender"].to_numpy("float32")[:, None],
        "age_output": table["age"].to_numpy("float32")[:, None],
    }
    if has_distribution:
        arrays["age_distribution"] = age_distributions(table["age"].to_numpy(), config.age_sigma)
    return arrays


def compile_arguments(config: TrainingConfig, has_distribution: bool) -> dict[str, dict]:
    """Losses, their weights, and metrics for ``model.compile``, by output name.

    The original report's loss, MSE of the age + 500 x cross-entropy of the gender, is ``age_loss="mse"``,
    ``age_weight=1``, ``gender_weight=500`` on a regression head.
    """
    age_loss = keras.losses.MeanSquaredError if config.age_loss == "mse" else keras.losses.MeanAbsoluteError
    losses = {
        "gender_output": keras.losses.BinaryCrossentropy(label_smoothing=config.label_smoothing),
        "age_output": age_loss(),
    }
    weights = {"gender_output": config.gender_weight, "age_output": config.age_weight}
    if has_distribution:
        losses["age_distribution"] = keras.losses.KLDivergence()
        weights["age_distribution"] = config.distribution_weight
    metrics = {
        "gender_output": [keras.metrics.BinaryAccuracy(name="accuracy")],
        "age_output": [keras.metrics.MeanAbsoluteError(name="mae")],
    }
    return {"loss": losses, "loss_weights": weights, "metrics": metrics}
