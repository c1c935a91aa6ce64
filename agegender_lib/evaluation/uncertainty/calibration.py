"""Calibration of P(female): reliability, expected calibration error, what chance alone shows, temperature scaling."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from agegender_lib.evaluation.statistics import bootstrap
from agegender_lib.evaluation.statistics.bootstrap import LEVEL, estimates, grouped_folds, interval, mean_of, units_of
from agegender_lib.evaluation.tables import predicted_gender, scores
from agegender_lib.runs.tables import check_predictions

# Score: where its values begin. The confidence of a choice between two is never below one half.
_SCORES = {"p_female": 0.0, "confidence": 0.5}
_BINS, _FOLDS = 10, 5
# Temperatures beyond these say that the probabilities are useless or the classes separable.
_COLDEST, _HOTTEST = 0.05, 20.0
# predictions.csv has five decimals; a probability of exactly 0 or 1 has no logit.
_LEAST = 5e-6


def reliability(predictions: pd.DataFrame) -> pd.DataFrame:
    """Reliability diagram: how many are women among faces of about equal P(female).

    Returns
    -------
    DataFrame
        A row per bin, one of ten equally wide intervals of P(female), that has faces: ``low, high`` (its edges),
        ``count``; ``predicted`` (mean P(female)) and ``observed`` (fraction of women), with ``observed_low`` and
        ``observed_high`` (95 % bootstrap); ``consistency_low`` and ``_high``: where 95 % of them would be if the
        probabilities were right (consistency bars: Bröcker and Smith 2007).
    """
    score, women = _scored(predictions, "p_female")
    place, edges = _bins(score, "p_female")
    chance = _simulated(predictions, "p_female")
    statistics = {number: mean_of(women, among=place == number) for number in np.unique(place)}
    rows = []
    for number, share in estimates(statistics, predictions["duplicate_group"]).items():
        own = place == number
        row = {"low": edges[number], "high": edges[number + 1], "count": int(own.sum())}
        row |= {"predicted": score[own].mean()} | share.columns("observed")
        row["consistency_low"], row["consistency_high"] = interval(chance[:, own].mean(axis=1))
        rows.append(row)
    return pd.DataFrame(rows)


def expected_calibration_error(predictions: pd.DataFrame, of: str = "p_female") -> dict[str, float]:
    """Mean distance between confidence and observed frequency, over :func:`reliability`'s bins weighted by faces.

    With few faces per bin it is above zero for a perfect model too, so it is to be compared with ``chance``. (Naeini
    et al. 2015; Guo et al. 2017, arXiv 1706.04599, eq. 3; on its bias, Bröcker 2012, Roelofs et al. 2022.) It is one
    ``of`` "p_female", against the fraction of women, or "confidence", the probability of the gender named, against the
    fraction named correctly.

    Returns
    -------
    dict
        ``value`` (0 to 1); ``low, high``: 95 % interval of the value for infinitely many faces, by the basic
        bootstrap (Davison and Hinkley 1997, eq. 5.6), which takes out the noise that resampling adds, widened to hold
        the value, and to begin at 0 where chance explains it; ``chance``: the mean of a calibrated model with these
        probabilities, and ``chance_high``, which 95 % of such stay below; ``p``: the fraction that reach the value.
    """
    score, right = _scored(predictions, of)
    place = _bins(score, of)[0]
    in_bin = np.equal.outer(place, np.unique(place)).astype(np.float64)

    def error(weights: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.abs((weights * (score - right)) @ in_bin).sum(axis=1) / weights.sum(axis=1)

    found = estimates({"": lambda weights: error(weights, right)}, predictions["duplicate_group"])
    value, low, high, _ = found[""]
    null = error(np.ones((1, len(score))), _simulated(predictions, of))
    p = float((null >= value - 1e-9).mean())  # sums in another order differ in their last bits
    return {
        "value": value,
        "low": 0.0 if p >= 1 - LEVEL else max(0.0, 2 * value - high),
        "high": max(value, 2 * value - low),
        "chance": float(null.mean()),
        "chance_high": float(np.quantile(null, LEVEL)),
        "p": p,
    }


def calibration_summary(predictions: pd.DataFrame) -> pd.DataFrame:
    """How miscalibrated one model's probabilities are, before and after a temperature corrects them.

    Returns
    -------
    DataFrame
        A row per measure: ``measure, value, low, high, chance, chance_high, p``, as :func:`expected_calibration_error`
        gives them; ``chance`` and what follows only for the first two. ``ece`` (of P(female)), ``ece_confidence``,
        ``overconfidence`` (mean confidence minus accuracy), ``brier`` (mean squared error of P(female)),
        ``temperature`` (above 1: overconfident), and those of :func:`temperature_scaled`, ``..._scaled``.
    """
    p_female, female = predictions["p_female"].to_numpy(), predictions["gender"].to_numpy()

    def temperatures(weights: np.ndarray) -> np.ndarray:
        return np.array([temperature_of(p_female, female, row) for row in weights])

    fitted = _rows(estimates({"temperature": temperatures}, predictions["duplicate_group"]), "")
    return pd.DataFrame(_measures(predictions, "") + fitted + _measures(temperature_scaled(predictions), "_scaled"))


def temperature_of(p_female: np.ndarray, female: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The temperature T for which sigmoid(logit(p) / T) fits the labels best (least negative log-likelihood).

    Above 1 the probabilities were overconfident, below 1 underconfident (Guo et al. 2017, section 4.2).
    ``weights``, float [n], say how often each image counts.
    """
    logits = logit(np.clip(p_female, _LEAST, 1 - _LEAST))
    signed = np.where(np.asarray(female, dtype=bool), -logits, logits)
    weights = np.ones(len(signed)) if weights is None else weights

    def loss(log_temperature: float) -> float:
        return float(weights @ np.logaddexp(0, signed * np.exp(-log_temperature)))

    return float(np.exp(minimize_scalar(loss, bounds=np.log([_COLDEST, _HOTTEST]), method="bounded").x))


def temperature_scaled(predictions: pd.DataFrame) -> pd.DataFrame:
    """The same table with every P(female) corrected by a temperature that was fitted without the face it corrects.

    Of five folds, duplicates together, each gets the temperature of all others; no face's named gender changes.
    """
    check_predictions(predictions)
    p_female, female = predictions["p_female"].to_numpy(), predictions["gender"].to_numpy()
    fold = grouped_folds(predictions["duplicate_group"], _FOLDS, seed=0)
    scaled = np.empty(len(predictions))
    for number in range(_FOLDS):
        own = fold == number
        temperature = temperature_of(p_female[~own], female[~own])
        scaled[own] = expit(logit(np.clip(p_female[own], _LEAST, 1 - _LEAST)) / temperature)
    return predictions.assign(p_female=scaled)


def _measures(predictions, ending):
    p_female, female = predictions["p_female"].to_numpy(), predictions["gender"].to_numpy()
    confidence, right = _scored(predictions, "confidence")
    means = {"overconfidence": confidence - right, "brier": (p_female - female) ** 2}
    rows = [
        {"measure": name + ending} | expected_calibration_error(predictions, of)
        for name, of in (("ece", "p_female"), ("ece_confidence", "confidence"))
    ]
    return rows + _rows(estimates(means, predictions["duplicate_group"]), ending)


def _rows(found, ending):
    ends = ("value", "low", "high")
    return [{"measure": name + ending} | {end: getattr(each, end) for end in ends} for name, each in found.items()]


def _scored(predictions: pd.DataFrame, of: str) -> tuple[np.ndarray, np.ndarray]:
    """The confidence, and whether it was right; float64 [n] each."""
    check_predictions(predictions)
    p_female, female = predictions["p_female"].to_numpy(np.float64), predictions["gender"].to_numpy()
    if of == "p_female":
        return p_female, female.astype(np.float64)
    return np.maximum(p_female, 1 - p_female), scores(predictions)["gender_accuracy"].to_numpy()


def _bins(score, of):
    """The bin of each face, and the edges of all; as ``sklearn.calibration.calibration_curve`` divides [0, 1]."""
    edges = np.linspace(_SCORES[of], 1, _BINS + 1)
    return np.searchsorted(edges[1:-1], score), edges


def _simulated(predictions, of):
    """Outcomes as if the predicted probabilities were right, float64 [RESAMPLES, n]; those of duplicates agree."""
    units = units_of(predictions["duplicate_group"])
    decided = np.random.default_rng(0).random((bootstrap.RESAMPLES, units.max() + 1))[:, units]
    female = decided < predictions["p_female"].to_numpy()
    return (female if of == "p_female" else female == predicted_gender(predictions)).astype(np.float64)
