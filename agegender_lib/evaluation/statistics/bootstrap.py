"""Bootstrap confidence intervals, folds and permutations of images, near-duplicates always together.

Two pictures of one person are not two independent observations, so what is drawn is a whole duplicate group; an image
without duplicates (-1 in ``duplicate_group``, int [images]) is a group of its own.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import NamedTuple, TypeVar

import numpy as np

from agegender_lib.errors import InputError

# Takes how often each image was drawn, float64 [resamples, images]; gives one value per resample.
Statistic = Callable[[np.ndarray], np.ndarray]
LEVEL = 0.95
#: How often images are drawn or shuffled, unless that takes too long.
RESAMPLES = 2000
Key = TypeVar("Key", bound=Hashable)
#: Bounds memory: of all resamples together, or shuffles, this many images (8 bytes each) are held at a time.
CHUNK = 2_000_000


def mean_of(values: np.ndarray, among: np.ndarray | None = None) -> Statistic:
    """The statistic "mean of ``values``", or of those ``among`` (bool [images]) marks; NaN where none is drawn.

    >>> mean_of([10, 20, 30])(np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 3.0]]))  # a sample and one of its resamples
    array([20., 30.])
    """
    chosen = slice(None) if among is None else np.asarray(among, dtype=bool)
    values = np.asarray(values, dtype=np.float64)[chosen]

    def mean(weights: np.ndarray) -> np.ndarray:
        weights = weights[:, chosen]
        drawn = weights.sum(axis=1)
        return np.divide(weights @ values, drawn, out=np.full(len(weights), np.nan), where=drawn > 0)

    return mean


def median_of(values: np.ndarray) -> Statistic:
    """The statistic "median of ``values``", equal to ``np.median`` of each resample; float [images]."""
    order = np.argsort(values, kind="stable")
    ranked = np.asarray(values, dtype=np.float64)[order]

    def median(weights: np.ndarray) -> np.ndarray:
        drawn = weights[:, order].cumsum(axis=1)
        half = drawn[:, -1:] / 2
        return (ranked[(drawn >= half).argmax(axis=1)] + ranked[(drawn > half).argmax(axis=1)]) / 2

    return median


def auc_of(positive: np.ndarray, score: np.ndarray) -> Statistic:
    """The statistic "area under the ROC curve", ties counting a half (Mann and Whitney's U); NaN for one class only.

    A larger ``score``, float [images], means more likely ``positive``, bool [images].
    """
    order = np.argsort(score, kind="stable")
    ranked, positive = np.asarray(score)[order], np.asarray(positive, dtype=bool)[order]
    first, last = np.searchsorted(ranked, ranked, "left"), np.searchsorted(ranked, ranked, "right")

    def auc(weights: np.ndarray) -> np.ndarray:
        weights = weights[:, order]
        negatives = np.pad(np.where(positive, 0.0, weights).cumsum(axis=1), ((0, 0), (1, 0)))
        below = (negatives[:, first[positive]] + negatives[:, last[positive]]) / 2
        wins = (weights[:, positive] * below).sum(axis=1)
        pairs = weights[:, positive].sum(axis=1) * negatives[:, -1]
        return np.divide(wins, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)

    return auc


def units_of(duplicate_group: np.ndarray) -> np.ndarray:
    """Which unit each image belongs to, 0 to units - 1: its duplicate group, or itself where that is -1; int [n].

    >>> units_of(np.array([-1, 5, -1, 5]))
    array([1, 0, 2, 0])
    """
    group = np.asarray(duplicate_group)
    group = np.where(group < 0, group.max(initial=-1) + 1 + np.arange(len(group)), group)
    return np.unique(group, return_inverse=True)[1]


def bootstrap(
    statistics: Mapping[Key, Statistic], duplicate_group: np.ndarray, resamples: int | None = None
) -> dict[Key, np.ndarray]:
    """Values of several statistics, by name, over the same bootstrap resamples; float64 [resamples] each.

    The cluster bootstrap of Field and Welsh (2007): duplicate groups are drawn with replacement.
    """
    unit_of_image = units_of(duplicate_group)
    images, units = len(unit_of_image), int(unit_of_image.max(initial=-1)) + 1
    rng, resamples = np.random.default_rng(0), resamples or RESAMPLES
    drawn: dict[Key, list[np.ndarray]] = {name: [] for name in statistics}
    step = max(1, CHUNK // images)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        picks = rng.integers(units, size=(rows, units)) + np.arange(rows)[:, None] * units
        counts = np.bincount(picks.ravel(), minlength=rows * units).reshape(rows, units)
        weights = counts[:, unit_of_image].astype(np.float64)
        for name, statistic in statistics.items():
            drawn[name].append(statistic(weights))
    return {name: np.concatenate(parts) for name, parts in drawn.items()}


def interval(draws: np.ndarray) -> tuple[float, float]:
    """95 % percentile interval of bootstrap draws, ignoring undefined ones; (NaN, NaN) when all are undefined.

    >>> low, high = interval(np.arange(101.0))
    >>> f"{low:.1f} to {high:.1f}"
    '2.5 to 97.5'
    """
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return np.nan, np.nan
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def bootstrap_p(draws: np.ndarray) -> float:
    """Two-sided p value: twice the fraction of resamples on the other side of zero, never exactly 0.

    >>> bootstrap_p(np.array([-1.0, 1.0, 2.0, 3.0]))
    0.8
    """
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(draws) + 1)))


class Estimate(NamedTuple):
    """A value with its 95 % interval, and the bootstrap's draws that it comes from, float64 [resamples]."""

    value: float
    low: float
    high: float
    draws: np.ndarray

    def columns(self, name: str) -> dict[str, float]:
        """The value as ``name``, its interval as ``name_low`` and ``name_high``."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def estimates(
    quantities: Mapping[Key, np.ndarray | Statistic], duplicate_group: np.ndarray, resamples: int | None = None
) -> dict[Key, Estimate]:
    """Several values of the same images, each with its 95 % interval from the same bootstrap resamples.

    ``quantities`` are by name float [images], whose mean is estimated, or a statistic; or the columns of a table.
    """
    once = np.ones((1, len(duplicate_group)))
    statistics = {name: each if callable(each) else mean_of(each) for name, each in quantities.items()}
    draws = bootstrap(statistics, duplicate_group, resamples)
    found = {}
    for name, each in quantities.items():
        value = each(once)[0] if callable(each) else np.mean(np.asarray(each))
        found[name] = Estimate(float(value), *interval(draws[name]), draws[name])
    return found


def grouped_folds(duplicate_group: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold, 0 to ``folds`` - 1, that each image is drawn into; int [images]."""
    from sklearn.model_selection import GroupKFold  # takes a second to import, and a photo is read without it

    units = units_of(duplicate_group)
    different = len(np.unique(units))
    if different < folds:
        raise InputError(
            f"{len(units)} images with {different} different faces cannot be divided into {folds} "
            "parts: give more validation images"
        )
    found = np.empty(len(units), dtype=np.int64)
    parts = GroupKFold(folds, shuffle=True, random_state=seed).split(units, groups=units)
    for number, (_, chosen) in enumerate(parts):
        found[chosen] = number
    return found


def shuffled_blocks(
    labels: np.ndarray, duplicate_group: np.ndarray, strata: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """The labels shuffled ``RESAMPLES`` times, some at a time: [rows, images]; near-duplicates swap theirs together.

    What may be exchanged under the null hypothesis is a whole duplicate group with another of its size; with
    ``strata``, of the same size and the same strata (Winkler et al. 2015, "multi-level block permutation").
    """
    labels = np.asarray(labels)
    strata = np.zeros(len(labels), dtype=np.int64) if strata is None else np.asarray(strata)
    group = units_of(duplicate_group)
    images = np.lexsort((strata, group))  # a unit's images side by side, in the order of their strata
    _, first, unit, sizes = np.unique(group[images], return_index=True, return_inverse=True, return_counts=True)
    kinds: dict[tuple[int, ...], int] = {}
    kind = np.array(
        [
            kinds.setdefault(tuple(strata[images[start : start + size]]), len(kinds))
            for start, size in zip(first, sizes, strict=True)
        ]
    )
    home = np.argsort(kind, kind="stable")
    place = np.arange(len(images)) - first[unit]
    rng, step = np.random.default_rng(0), max(1, CHUNK // max(1, len(images)))
    for start in range(0, RESAMPLES, step):
        rows = min(step, RESAMPLES - start)
        swapped = np.empty((rows, len(kind)), dtype=np.int64)
        # sorting by the kind plus a random fraction of 1 shuffles every kind in its own places
        swapped[:, home] = np.argsort(kind + rng.random((rows, len(kind))), axis=1)
        dealt = np.empty((rows, len(images)), dtype=labels.dtype)
        dealt[:, images] = labels[images[first[swapped[:, unit]] + place]]
        yield dealt
