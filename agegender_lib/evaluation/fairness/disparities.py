"""Disparities: the gaps between groups of people, and the gaps that chance alone would make (permutation test)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from agegender_lib.data.age_bins import age_band
from agegender_lib.evaluation.fairness.subgroups import GENDER_FROM, LOW_SUPPORT, group_labels
from agegender_lib.evaluation.statistics.bootstrap import LEVEL, Statistic, bootstrap, shuffled_blocks
from agegender_lib.evaluation.tables import scores
from agegender_lib.runs.tables import check_predictions

Grouping = str | tuple[str, ...]
GAP_GROUPINGS = ("age_band", "gender", "race", ("race", "gender"), ("age_band", "gender"))
_COLUMNS = ("grouping", "measure", "lowest", "lowest_value", "highest", "highest_value", "gap", "low", "high",
            "critical_value", "p", "critical_value_within_ages", "p_within_ages", "groups", "left_out")  # fmt: skip


def gaps(predictions: pd.DataFrame, groupings: Sequence[Grouping] = GAP_GROUPINGS) -> pd.DataFrame:
    """The gap between the highest and the lowest group, for every grouping and measure of one model.

    The largest of several noisy means minus the smallest is above zero even where all groups are alike. So each gap
    stands beside what chance makes of it: the groups' names are shuffled among the images (a permutation test),
    near-duplicates together, and once more within the age bands: a gap below ``critical_value_within_ages`` is no
    larger than the groups' ages alone would make it.

    Returns
    -------
    DataFrame
        A row per grouping and measure: ``grouping`` (the names joined by " x "); ``measure``: ``age_mae`` and
        ``age_bias`` (years), ``gender_accuracy`` and ``gender_accuracy_from_3`` (0 to 1; the latter of images from 3
        years on); ``lowest`` and ``highest`` (groups) with ``lowest_value`` and ``highest_value``; ``gap``; ``low`` and
        ``high``, its 95 % interval; ``critical_value``, which 5 % of the shuffles exceed, and ``p``; both with
        ``_within_ages``, missing where the grouping is one of ages; ``groups``, how many are compared; ``left_out``,
        the groups of fewer than 30 images with their counts. Fewer than two groups have no gap (NaN).

    Notes
    -----
    The interval holds all differences between groups at once, as Tukey's does: gap ± the bootstrap's 95 % quantile of
    the range of (resampled minus observed) group means, cut at 0. It is wider than need be for many groups; the gap's
    percentile interval misses the truth far too often, because resamples spread groups further apart.

    Shuffling tests whether the groups are alike altogether, in spread too. Where groups are of very unequal spread and
    size, p can be too large or too small for a difference of means; the interval does not suppose equal spreads.
    """
    check_predictions(predictions)
    measured, bands = scores(predictions), age_band(predictions["age"]).codes
    measured["gender_accuracy_from_3"] = measured["gender_accuracy"].where(predictions["age"] >= GENDER_FROM)
    measured = {measure: values.to_numpy() for measure, values in measured.items()}
    duplicate_group = predictions["duplicate_group"].to_numpy()
    rows, deviations = {}, {}
    for grouping in groupings:
        keys = group_labels(predictions, [grouping] if isinstance(grouping, str) else list(grouping))
        groups = keys.groupby(list(keys), observed=True, sort=True)
        names, codes = [" ".join(name) for name, _ in groups], groups.ngroup().to_numpy()
        kept = {"": None}
        if not {"age_band", "under_3"} & set(keys):
            kept["_within_ages"] = bands
        dealt: dict[tuple[str, str], list[np.ndarray]] = {(name, end): [] for name in measured for end in kept}
        for end, strata in kept.items():
            for block in shuffled_blocks(codes, duplicate_group, strata):
                for measure, score in measured.items():
                    dealt[measure, end].append(_means(score, block, len(names)))
        for measure, score in measured.items():
            row = {"grouping": " x ".join(keys), "measure": measure}
            means = {end: np.concatenate(dealt[measure, end]) for end in kept}
            large, found = _gap(score, codes, names, means)
            rows[row["grouping"], measure] = row | found
            if len(large) > 1:
                deviations[row["grouping"], measure] = _deviation_of(score, codes, large)
    for name, draws in bootstrap(deviations, duplicate_group).items():
        margin, gap = np.nanquantile(draws, LEVEL), rows[name]["gap"]
        rows[name] |= {"low": max(gap - margin, 0.0), "high": gap + margin}
    return pd.DataFrame(rows.values(), columns=_COLUMNS)


def gaps_of(predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """:func:`gaps` of several models (name to predictions of one split) below each other, after a column ``model``."""
    tables = [gaps(table).assign(model=name) for name, table in predictions.items()]
    return pd.concat(tables, ignore_index=True)[["model", *_COLUMNS]]


def _gap(score, codes, names, dealt):
    """The codes of the groups that are large enough, and what is known of their gap without a bootstrap.

    ``dealt`` are the means of each group under every shuffle, float [shuffles, groups].
    """
    counts = np.bincount(codes[np.isfinite(score)], minlength=len(names))
    large = np.flatnonzero(counts >= LOW_SUPPORT)
    # one that the measure leaves out altogether is not among the measure's groups
    few = np.flatnonzero((counts > 0) & (counts < LOW_SUPPORT))
    found = {"groups": len(large), "left_out": ", ".join(f"{names[code]} ({counts[code]})" for code in few)}
    if len(large) < 2:
        return large, found
    means = _means(score, codes[None], len(names))[0, large]
    low, high = means.argmin(), means.argmax()
    found |= {"lowest": names[large[low]], "lowest_value": means[low]}
    found |= {"highest": names[large[high]], "highest_value": means[high], "gap": np.ptp(means)}
    for end, by_shuffle in dealt.items():
        null = np.ptp(by_shuffle[:, large], axis=1)
        # sums in another order differ in their last bits
        reached = (null >= found["gap"] - 1e-9).sum()
        found[f"critical_value{end}"] = np.nanquantile(null, LEVEL)
        found[f"p{end}"] = (reached + 1) / (len(null) + 1)
    return large, found


def _deviation_of(score: np.ndarray, codes: np.ndarray, large: np.ndarray) -> Statistic:
    """The statistic "range of the resampled minus the observed mean of ``score`` over the groups ``large``"."""
    member = ((codes[:, None] == large) & np.isfinite(score)[:, None]).astype(float)
    # minus the group's mean, so that a resample's mean is the deviation itself
    centred = member * (np.nan_to_num(score)[:, None] - np.nan_to_num(score) @ member / member.sum(axis=0))

    def deviation(weights: np.ndarray) -> np.ndarray:
        drawn = weights @ member
        means = np.divide(weights @ centred, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
        return np.nanmax(means, axis=1) - np.nanmin(means, axis=1)

    return deviation


def _means(score: np.ndarray, codes: np.ndarray, groups: int) -> np.ndarray:
    """Mean of ``score`` [images] in each group for every row of ``codes`` [rows, images]; float [rows, groups]."""
    place = (codes + groups * np.arange(len(codes))[:, None]).ravel()
    total, drawn = (
        np.bincount(place, np.broadcast_to(values, codes.shape).ravel(), groups * len(codes))
        for values in (np.nan_to_num(score), np.isfinite(score).astype(float))
    )
    means = np.divide(total, drawn, out=np.full(len(total), np.nan), where=drawn > 0)
    return means.reshape(len(codes), groups)
