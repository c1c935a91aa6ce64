"""Prediction intervals of the age: their empirical coverage, and the conformal corrections that make them hold."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from agegender_lib.data.age_bins import AGE_BAND_EDGES, AGE_BANDS, age_band, spread_ages
from agegender_lib.evaluation.fairness.subgroups import LOW_SUPPORT
from agegender_lib.evaluation.statistics.bootstrap import estimates, grouped_folds
from agegender_lib.evaluation.uncertainty.age_distributions import aligned, quantiles
from agegender_lib.runs.tables import check_predictions

LEVELS = (0.5, 0.8, 0.95)
# Random halves of the faces.
_SPLITS = 20
PREDICTED = "predicted"
#: cqr_m: each interval is widened or narrowed by one factor from its median outwards (Kivaranovic et al. 2020, arXiv
#: 1905.10634); absolute_residual: the predicted age plus and minus the same years for everybody (split conformal
#: prediction; Vovk et al. 2005), which needs no distribution; label_conditional: an age belongs to the interval if the
#: factor of cqr_m that reaches it suffices for the faces of its own age band (Vovk 2012, arXiv 1209.2673), so that the
#: intervals hold in every band and not on average only.
CQR_M, ABSOLUTE_RESIDUAL, LABEL_CONDITIONAL = CORRECTIONS = ("cqr_m", "absolute_residual", "label_conditional")


@dataclass(frozen=True)
class Bounds:
    """An interval per face: its ends and its middle in years, float64 [n] each."""

    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray


def empirical_coverage(predictions: pd.DataFrame, distributions: pd.DataFrame | None = None) -> pd.DataFrame:
    """How often central intervals of the predicted distribution hold the labelled age, as they are and corrected.

    They are to hold the fractions ``LEVELS``. A correction is fitted on a random half of the faces and measured on the
    other, both ways round, over 20 random splits. It makes the intervals hold on average, or in each age band, not for
    every group of people. Where a distribution is as narrow as a year, an interval of whole years cannot hold as little
    as half. A label that is a range is taken as ages spread evenly over it.

    ``distributions`` are as ``inference.age_distributions`` returns them; without, there are only constant widths.

    Returns
    -------
    DataFrame
        A row per interval ("predicted", and those of ``CORRECTIONS``), level and group of faces: ``by``
        ("all", "age", "age_predicted") and ``group`` (the age band; "all"); ``n``; ``coverage`` (0 to 1) and ``width``
        (mean, years), each with its 95 % interval as ``_low`` and ``_high``, the splits' chance averaged out;
        ``correction``: a factor (CQR-m) or years at each end, NaN where every age band has its own; ``low_support``,
        true below 30 faces.
    """
    check_predictions(predictions)
    measured, rows = _measured(predictions, distributions), []
    for by, name, own in _groups(predictions):
        values = {
            (key, measure): each[own]
            for key, (held, width, _) in measured.items()
            for measure, each in (("coverage", held), ("width", width))
        }
        found = estimates(values, predictions["duplicate_group"][own])
        for key, (*_, change) in measured.items():
            row = {"interval": key[0], "level": key[1], "by": by, "group": name, "n": int(own.sum())}
            for measure in ("coverage", "width"):
                row |= found[key, measure].columns(measure)
            rows.append(row | {"correction": change, "low_support": row["n"] < LOW_SUPPORT})
    return pd.DataFrame(rows)


def central_intervals(values: np.ndarray, ages: np.ndarray, level: float) -> Bounds:
    """The intervals that hold the middle ``level`` of distributions as ``age_distributions.aligned`` returns them."""
    return Bounds(*quantiles(values, ages, np.array([(1 - level) / 2, 0.5, (1 + level) / 2])).T)


def nonconformity(correction: str, bounds: Bounds, age: np.ndarray) -> np.ndarray:
    """By how much each interval must be changed to just hold the age; float64 [n], a factor or years."""
    below, above = bounds.middle - age, age - bounds.middle
    if correction == ABSOLUTE_RESIDUAL:
        return np.maximum(below, above)
    # a median at an end leaves a half of no width, which no factor makes wider
    widths = np.maximum(np.where(below > 0, bounds.middle - bounds.low, bounds.high - bounds.middle), 1e-6)
    return np.maximum(below, above) / widths


def apply_correction(correction: str, bounds: Bounds, by: ArrayLike) -> Bounds:
    """The intervals changed by what :func:`fit_correction` finds; nobody has an age below 0."""
    by = np.atleast_1d(np.asarray(by, np.float64))[:, None]
    down, up = (
        (1.0, 1.0) if correction == ABSOLUTE_RESIDUAL else (bounds.middle - bounds.low, bounds.high - bounds.middle)
    )
    low, high = bounds.middle - by * down, bounds.middle + by * up
    if correction == LABEL_CONDITIONAL:
        edges = np.array(AGE_BAND_EDGES)[:, None]
        low, high = np.maximum(low, edges[:-1]), np.minimum(high, edges[1:])
        reached = low <= high
        low, high = np.where(reached, low, np.inf), np.where(reached, high, 0)
    return Bounds(np.maximum(low.min(axis=0), 0.0), bounds.middle, np.maximum(high.max(axis=0), 0.0))


def conformal_quantile(scores: np.ndarray, level: float, ages: int = 1) -> float:
    """The change after which a new face's interval holds its age with probability ``level`` at least.

    The ceil((n + 1) level)-th smallest score, infinite where there are too few (Romano et al. 2019, arXiv 1905.03222,
    theorem 1). Of a face with so many ``ages`` each counts as a part of it.

    >>> conformal_quantile(np.array([1.0, 2.0, 3.0, 4.0]), level=0.5)
    3.0
    """
    rank = int(np.ceil((len(scores) / ages + 1) * level - 1e-9)) * ages
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else np.inf


def fit_correction(correction: str, bounds: Bounds, age: np.ndarray, level: float) -> np.ndarray:
    """The change after which intervals hold new ages like these with probability ``level``.

    A factor or years, float64 [1]; of ``label_conditional`` a factor for each age band, float64 [bands], which is that
    of all faces where a band has too few. ``age`` is float64 [ages, n], see ``data.age_bins.spread_ages``.
    """
    need = nonconformity(correction, bounds, age)
    change = conformal_quantile(need.ravel(), level, len(age))
    if correction != LABEL_CONDITIONAL:
        return np.array([change])
    own = (conformal_quantile(need[_band(age) == band], level, len(age)) for band in range(len(AGE_BANDS)))
    return np.array([one if np.isfinite(one) else change for one in own])


def split_conformal(
    correction: str, bounds: Bounds, age: np.ndarray, level: float, halves: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Each face's interval, changed by what the other half of the faces needs, over many random splits.

    The half of each face, 0 or 1, is int [splits, n]; intervals are to hold the age with probability ``level``. Ages
    are float64 [ages, n].

    Returns
    -------
    tuple
        By face, float64 [n], the fraction of splits in which its interval held its age, and the interval's mean width
        in years; and the mean change, a factor or years, NaN where there is one for each age band.
    """
    faces = age.shape[1]
    need, band = nonconformity(correction, bounds, age), _band(age)
    held, width, changes = np.zeros(faces), np.zeros(faces), []
    for half in halves:
        for side in (0, 1):
            own = half == side
            by = fit_correction(correction, _of(bounds, ~own), age[:, ~own], level)
            found = apply_correction(correction, _of(bounds, own), by)
            width[own] += np.maximum(found.high - found.low, 0)
            held[own] += (need[:, own] <= (by if len(by) == 1 else by[band[:, own]])).mean(axis=0)
            changes.append(by[0] if len(by) == 1 else np.nan)
    return held / len(halves), width / len(halves), float(np.mean(changes))


def _of(bounds: Bounds, rows: np.ndarray) -> Bounds:
    return Bounds(bounds.low[rows], bounds.middle[rows], bounds.high[rows])


def _band(age: np.ndarray) -> np.ndarray:
    """The number of each age's band in ``AGE_BANDS``."""
    return np.digitize(age, AGE_BAND_EDGES) - 1


def _measured(predictions, distributions):
    """(interval, level) to, by face, the fraction of times it held and its width, and the change made to it."""
    age, middle = spread_ages(predictions), predictions["age_predicted"].to_numpy(np.float64)
    found = {}
    if distributions is None:
        plain = {level: Bounds(middle, middle, middle) for level in LEVELS}
    else:
        said = aligned(distributions, predictions)
        plain = {level: central_intervals(*said, level) for level in LEVELS}
        for level, bounds in plain.items():
            held = ((bounds.low <= age) & (age <= bounds.high)).mean(axis=0)
            width = bounds.high - np.maximum(bounds.low, 0)
            found[PREDICTED, level] = held, width, np.nan
    halves = np.stack([grouped_folds(predictions["duplicate_group"], 2, split) for split in range(_SPLITS)])
    for correction in CORRECTIONS if distributions is not None else (ABSOLUTE_RESIDUAL,):
        for level, bounds in plain.items():
            start = Bounds(middle, middle, middle) if correction == ABSOLUTE_RESIDUAL else bounds
            found[correction, level] = split_conformal(correction, start, age, level, halves)
    return found


def _groups(predictions):
    """All faces, then each age band of the labelled and of the predicted age that occurs."""
    yield "all", "all", np.ones(len(predictions), dtype=bool)
    for by in ("age", "age_predicted"):
        bands = np.asarray(age_band(predictions[by].clip(lower=0)))
        yield from ((by, name, bands == name) for name in AGE_BANDS if (bands == name).any())
