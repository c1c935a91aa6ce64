"""The one-parameter correction of probabilities that are too sure or not sure enough."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from agegender_lib.evaluation.grouped_folds import grouped_folds
from agegender_lib.runs.tables import check_predictions

# Temperatures beyond these say that the probabilities are useless or the classes separable.
COLDEST, HOTTEST = 0.05, 20.0
# predictions.csv has five decimals; a probability of exactly 0 or 1 has no logit.
_LEAST = 5e-6


def temperature_of(p_female: np.ndarray, female: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The temperature T for which sigmoid(logit(p) / T) fits the labels best (least negative log-likelihood).

    Above 1 the probabilities were too sure, below 1 not sure enough (Guo et al. 2017, arXiv 1706.04599, section 4.2).

    Parameters
    ----------
    p_female : float [n]
    female : bool or int [n]
    weights : float [n], optional
        How often each image counts.
    """
    logits = logit(np.clip(p_female, _LEAST, 1 - _LEAST))
    signed = np.where(np.asarray(female, dtype=bool), -logits, logits)
    weights = np.ones(len(signed)) if weights is None else weights

    def loss(log_temperature: float) -> float:
        return float(weights @ np.logaddexp(0, signed * np.exp(-log_temperature)))

    return float(np.exp(minimize_scalar(loss, bounds=np.log([COLDEST, HOTTEST]), method="bounded").x))


def temperature_scaled(predictions: pd.DataFrame, folds: int = 5) -> pd.DataFrame:
    """Predictions with P(female) corrected by a temperature that was fitted without the face it corrects.

    The faces are divided into folds, duplicates together; each fold gets the temperature of all others.

    Parameters
    ----------
    predictions
        Rows of one split, see ``tables.PREDICTION_COLUMNS``.
    folds
        How many parts.

    Returns
    -------
    DataFrame
        The same table with another ``p_female``. Which gender is named changes for no face.

    Raises
    ------
    InputError
        See ``tables.check_predictions``; or when there are too few faces for the folds.
    """
    check_predictions(predictions)
    p_female, female = predictions["p_female"].to_numpy(), predictions["gender"].to_numpy()
    fold = grouped_folds(predictions["duplicate_group"].to_numpy(), folds, seed=0)
    scaled = np.empty(len(predictions))
    for number in range(folds):
        own = fold == number
        temperature = temperature_of(p_female[~own], female[~own])
        scaled[own] = expit(logit(np.clip(p_female[own], _LEAST, 1 - _LEAST)) / temperature)
    return predictions.assign(p_female=scaled)
