"""Intervals that hold the age as often as they say, whatever the model: split-conformal correction."""

from dataclasses import dataclass

import numpy as np

# stretched: each interval is widened or narrowed by one factor from its median outwards (CQR-m; Kivaranovic et al.
# 2020, arXiv 1905.10634); constant: the predicted age plus and minus the same years for everybody (Vovk et al. 2005),
# which needs no distribution.
CORRECTIONS = ("stretched", "constant")


@dataclass(frozen=True)
class Bounds:
    """An interval per face: its ends and its middle in years, float64 [n] each."""

    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray


def scores(correction: str, bounds: Bounds, age: np.ndarray) -> np.ndarray:
    """By how much each interval must be changed to just hold the age; float64 [n], a factor or years."""
    below, above = bounds.middle - age, age - bounds.middle
    if correction == "constant":
        return np.maximum(below, above)
    # a median at an end leaves a half of no width, which no factor makes wider
    widths = np.maximum(np.where(below > 0, bounds.middle - bounds.low, bounds.high - bounds.middle), 1e-6)
    return np.maximum(below, above) / widths


def changed(correction: str, bounds: Bounds, by: float) -> Bounds:
    """The intervals changed by that much; ages below 0 are left out, for nobody has them."""
    if correction == "constant":
        low, high = bounds.middle - by, bounds.middle + by
    else:
        low = bounds.middle - by * (bounds.middle - bounds.low)
        high = bounds.middle + by * (bounds.high - bounds.middle)
    return Bounds(np.maximum(low, 0.0), bounds.middle, np.maximum(high, 0.0))


def needed(scores: np.ndarray, level: float) -> float:
    """The change after which a new face's interval holds its age with probability ``level`` at least.

    The ceil((n + 1) level)-th smallest score, infinite where there are too few (Romano et al. 2019, arXiv 1905.03222,
    theorem 1).
    """
    rank = int(np.ceil((len(scores) + 1) * level - 1e-9))
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else np.inf


def corrected(
    correction: str,
    bounds: Bounds,
    age: np.ndarray,
    level: float,
    halves: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Each face's interval, changed by what the other half of the faces needs, over many random halvings.

    Parameters
    ----------
    correction
        One of ``CORRECTIONS``.
    bounds, age
        The intervals and the labelled ages.
    level
        The probability with which intervals are to hold the age.
    halves
        0 or 1, int [halvings, n]: the half of each face; see ``folds.grouped_folds``.

    Returns
    -------
    tuple
        By face, float64 [n], the share of halvings in which its interval held its age, and the interval's mean width
        in years; and the mean change, a factor or years.
    """
    need = scores(correction, bounds, age)
    held, width, changes = np.zeros(len(age)), np.zeros(len(age)), []
    for half in halves:
        for side in (0, 1):
            own = half == side
            by = needed(need[~own], level)
            found = changed(correction, bounds, by)
            held[own] += need[own] <= by
            width[own] += np.maximum(found.high - found.low, 0)[own]
            changes.append(by)
    return held / len(halves), width / len(halves), float(np.mean(changes))
