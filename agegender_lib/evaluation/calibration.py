"""Whether the probabilities of the gender mean what they say, and what chance alone would show."""

import numpy as np
import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.evaluation.bootstrap import LEVEL, estimates, interval, mean_of, units_of
from agegender_lib.evaluation.tables import predicted_gender, scores
from agegender_lib.runs.tables import check_predictions

# Score: where its values begin. The confidence of a choice between two is never below one half.
SCORES = {"p_female": 0.0, "confidence": 0.5}


def reliability(predictions: pd.DataFrame, bins: int = 10, resamples: int = 2000) -> pd.DataFrame:
    """How many are women among faces of about equal P(female).

    Parameters
    ----------
    predictions
        Rows of one split, see ``tables.PREDICTION_COLUMNS``.
    bins
        Equally wide intervals of P(female); those without faces are left out.
    resamples
        Number of the draws, of the bootstrap (duplicates together) and of the labels of a calibrated model.

    Returns
    -------
    DataFrame
        A row per bin: ``low, high`` (its edges), ``count``; ``predicted`` (mean P(female)) and ``observed``
        (share of women), with ``observed_low`` and ``observed_high`` (95 % bootstrap); ``chance_low`` and
        ``chance_high``: where 95 % of the shares would be if the probabilities were right (consistency bars: Bröcker
        and Smith 2007).

    Raises
    ------
    InputError
        For fewer than 2 bins, or see ``tables.check_predictions``.
    """
    score, women = scored(predictions, "p_female")
    place, edges = _bins(score, "p_female", bins)
    chance = _simulated(predictions, "p_female", resamples)
    statistics = {number: mean_of(women, among=place == number) for number in np.unique(place)}
    found = estimates(statistics, predictions["duplicate_group"].to_numpy(), resamples)
    rows = []
    for number, share in found.items():
        own = place == number
        row = {"low": edges[number], "high": edges[number + 1], "count": int(own.sum())}
        row |= {"predicted": score[own].mean()} | share.columns("observed")
        row["chance_low"], row["chance_high"] = interval(chance[:, own].mean(axis=1))
        rows.append(row)
    return pd.DataFrame(rows)


def expected_calibration_error(
    predictions: pd.DataFrame, bins: int = 10, of: str = "p_female", resamples: int = 2000
) -> dict[str, float]:
    """Mean distance between what a model says and what is so, over :func:`reliability`'s bins weighted by faces.

    With few faces per bin it is above zero for a perfect model too, so it is to be compared with ``chance``. (Naeini
    et al. 2015; Guo et al. 2017, arXiv 1706.04599, eq. 3; on its bias, Bröcker 2012, Roelofs et al. 2022.)

    Parameters
    ----------
    predictions, bins, resamples
        See :func:`reliability`.
    of
        "p_female": P(female), against the share of women; "confidence": the probability of the gender named, against
        the share named rightly.

    Returns
    -------
    dict
        ``value`` (0 to 1); ``low, high``: 95 % interval of the value that endlessly many faces would give, by the basic
        bootstrap (Davison and Hinkley 1997, eq. 5.6), which takes out the noise that resampling adds, widened to hold
        the value, and to begin at 0 where chance explains the value (with a thousand simulated faces it held the true
        error in 83 to 93 of 100 sets, plain percentiles in 0 to 89); ``chance``: the mean of a calibrated model with
        these probabilities, and ``chance_high``, which 95 % of such stay below; ``p``: the share of them that reach
        the value.

    Raises
    ------
    InputError
        For another ``of``, or see :func:`reliability`.
    """
    score, right = scored(predictions, of)
    place = _bins(score, of, bins)[0]
    in_bin = np.equal.outer(place, np.unique(place)).astype(np.float64)

    def error(weights: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.abs((weights * (score - right)) @ in_bin).sum(axis=1) / weights.sum(axis=1)

    group = predictions["duplicate_group"].to_numpy()
    found = estimates({"ece": lambda weights: error(weights, right)}, group, resamples)
    value, low, high, _ = found["ece"]
    by_chance = error(np.ones((1, len(score))), _simulated(predictions, of, resamples))
    p = float((by_chance >= value).mean())
    return {
        "value": value,
        "low": 0.0 if p >= 1 - LEVEL else max(0.0, 2 * value - high),
        "high": max(value, 2 * value - low),
        "chance": float(by_chance.mean()),
        "chance_high": float(np.quantile(by_chance, LEVEL)),
        "p": p,
    }


def scored(predictions: pd.DataFrame, of: str) -> tuple[np.ndarray, np.ndarray]:
    """What the model says, and whether it is so; float64 [n] each."""
    if of not in SCORES:
        raise InputError(f"the reliability of {of!r} was asked for: choose {' or '.join(SCORES)}")
    check_predictions(predictions)
    p_female, female = predictions["p_female"].to_numpy(np.float64), predictions["gender"].to_numpy()
    if of == "p_female":
        return p_female, female.astype(np.float64)
    return np.maximum(p_female, 1 - p_female), scores(predictions)["gender_accuracy"].to_numpy()


def _bins(score, of, bins):
    """The bin of each face, and the edges of all; as ``sklearn.calibration.calibration_curve`` divides [0, 1]."""
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 2:
        raise InputError(
            f"a reliability diagram was asked for with {bins!r} bins: give a whole number from 2"
        )
    edges = np.linspace(SCORES[of], 1, bins + 1)
    return np.searchsorted(edges[1:-1], score), edges


def _simulated(predictions, of, count):
    """Whether what the model says would be so, were its probabilities right; float64 [count, n].

    One number decides for all pictures of a person, so that duplicates agree as they do in the data.
    """
    units = units_of(predictions["duplicate_group"].to_numpy())
    decided = np.random.default_rng(0).random((count, units.max() + 1))[:, units]
    female = decided < predictions["p_female"].to_numpy()
    return (female if of == "p_female" else female == predicted_gender(predictions)).astype(np.float64)
