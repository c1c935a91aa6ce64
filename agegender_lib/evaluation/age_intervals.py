"""Whether a model knows how wrong its ages may be: intervals, how often they hold, and what makes them hold."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from agegender_lib.data.bands import AGE_BANDS, age_band
from agegender_lib.errors import InputError
from agegender_lib.evaluation.age_distributions import aligned, quantiles
from agegender_lib.evaluation.bootstrap import estimates
from agegender_lib.evaluation.conformal import CORRECTIONS, Bounds, corrected
from agegender_lib.evaluation.grouped_folds import grouped_folds
from agegender_lib.evaluation.groups import SMALL
from agegender_lib.runs.tables import check_predictions

LEVELS = (0.5, 0.8, 0.95)
PREDICTED = "predicted"


def age_coverage(
    predictions: pd.DataFrame,
    distributions: pd.DataFrame | None = None,
    levels: Sequence[float] = LEVELS,
    splits: int = 20,
    resamples: int = 2000,
) -> pd.DataFrame:
    """How often central intervals of the predicted distribution hold the labelled age, as they are and corrected.

    A correction is fitted on a random half of the faces and measured on the other, both ways round, over ``splits``
    halvings. It makes the intervals hold on average, not for every group of people. Where a distribution is as narrow
    as a year, as small children's are, an interval of whole years cannot hold as little as half.

    Parameters
    ----------
    predictions
        Rows of one split, see ``tables.PREDICTION_COLUMNS``.
    distributions
        As ``training.age_distributions`` returns them; None where the model has none: then there are only the
        intervals of constant width.
    levels
        What share the intervals are to hold, each above 0 and below 1.
    splits
        How many random halvings, duplicates on one side.
    resamples
        Number of the bootstrap's draws.

    Returns
    -------
    DataFrame
        A row per interval ("predicted", and those of ``conformal.CORRECTIONS``), level and group of faces: ``by``
        ("all", "age", "age_predicted") and ``group`` (the age band; "all"); ``n``; ``coverage`` (0 to 1) and ``width``
        (mean, years), each with its 95 % interval as ``_low`` and ``_high``, in which the halvings' chance is averaged
        out; ``change``: the correction, a factor ("stretched") or years at each end; ``small``, true below 30 faces.

    Raises
    ------
    InputError
        For a level outside, fewer than one halving; or see ``tables.check_predictions`` and
        ``age_distributions.aligned``.
    """
    if not levels or not all(0 < level < 1 for level in levels):
        raise InputError(
            f"intervals were asked for with the levels {list(levels)}: give shares between 0 and 1"
        )
    if isinstance(splits, bool) or not isinstance(splits, int) or splits < 1:
        raise InputError(f"a correction was asked for with {splits!r} halvings: give a whole number from 1")
    check_predictions(predictions)
    group = predictions["duplicate_group"].to_numpy()
    measured = _measured(predictions, distributions, levels, splits)
    rows = []
    for by, name, own in _groups(predictions):
        values = {
            (key, measure): each[own]
            for key, (held, width, _) in measured.items()
            for measure, each in (("coverage", held), ("width", width))
        }
        found = estimates(values, group[own], resamples)
        for key, (*_, change) in measured.items():
            row = {"interval": key[0], "level": key[1], "by": by, "group": name, "n": int(own.sum())}
            for measure in ("coverage", "width"):
                row |= found[key, measure].columns(measure)
            rows.append(row | {"change": change, "small": row["n"] < SMALL})
    return pd.DataFrame(rows)


def _measured(predictions, distributions, levels, splits):
    """(interval, level) to, by face, the share of times it held and its width, and the change made to it."""
    age, group = predictions["age"].to_numpy(np.float64), predictions["duplicate_group"].to_numpy()
    middle = predictions["age_predicted"].to_numpy(np.float64)
    found = {}
    if distributions is None:
        plain = {level: Bounds(middle, middle, middle) for level in levels}
    else:
        values, ages = aligned(distributions, predictions)
        shares = np.array([[(1 - level) / 2, 0.5, (1 + level) / 2] for level in levels])
        ends = quantiles(values, ages, shares.ravel()).reshape(len(age), *shares.shape)
        plain = {level: Bounds(*ends[:, number].T) for number, level in enumerate(levels)}
        for level, bounds in plain.items():
            held = (bounds.low <= age) & (age <= bounds.high)
            width = bounds.high - np.maximum(bounds.low, 0)
            found[PREDICTED, level] = held.astype(np.float64), width, np.nan
    halves = np.stack([grouped_folds(group, 2, split) for split in range(splits)])
    for correction in CORRECTIONS if distributions is not None else CORRECTIONS[-1:]:
        for level, bounds in plain.items():
            start = Bounds(middle, middle, middle) if correction == "constant" else bounds
            found[correction, level] = corrected(correction, start, age, level, halves)
    return found


def _groups(predictions):
    """All faces, then each age band of the labelled and of the predicted age that occurs."""
    yield "all", "all", np.ones(len(predictions), dtype=bool)
    for by in ("age", "age_predicted"):
        bands = age_band(predictions[by].clip(lower=0))
        for name in AGE_BANDS:
            own = np.asarray(bands == name)
            if own.any():
                yield by, name, own
