"""The same people on both sides of a split? Pairs of faces that a face network finds alike, and what they change."""

import numpy as np
import pandas as pd

from agegender_lib.data.age_bins import age_band
from agegender_lib.evaluation.statistics.bootstrap import Statistic, estimates, mean_of
from agegender_lib.evaluation.tables import MEASURES, scores

#: How many pairs may be alike by chance: an absolute number, or a fraction of those found.
_RULES = {"less than one pair by chance": (1, 0.0), "a tenth of the pairs by chance": (0, 0.1)}


def lookalikes(features: np.ndarray, table: pd.DataFrame, held_out: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs of a held-out and a training face that are as alike as photographs of one person may be.

    Similarity is the cosine of their features, less what the labels explain of these (age band; gender and race
    together; least squares), so that two faces are not alike for being of one age. Pairs of two genders or two races
    are not one person, as far as labels are right: they are the null distribution of pairs of one gender and race. A
    threshold is the lowest above which the null explains few enough of them (a tenth: the false discovery rate of
    Benjamini and Hochberg 1995). The null is too narrow: people of one gender and race look more alike than others.

    Parameters
    ----------
    features : float [n, f]
        Of a network that tells people apart, of the n faces of ``table`` (``file, age, gender, race``).
    held_out : Series
        Files; the others train.

    Returns
    -------
    DataFrame, DataFrame
        The pairs above the lower threshold, most similar first: ``held_out`` and ``training`` (files), ``similarity``,
        ``age_gap`` (years). By ``rule`` the ``threshold``, how many ``pairs`` are above it and how many ``expected`` by
        chance, and how many held-out ``faces`` are in such a pair.
    """
    unit, mine = _without_labels(features, table), table["file"].isin(held_out).to_numpy()
    one, other = np.flatnonzero(mine), np.flatnonzero(~mine)
    similarity = unit[one] @ unit[other].T
    gender, race, age, file = (table[name].to_numpy() for name in ("gender", "race", "age", "file"))
    possible = (gender[one][:, None] == gender[other]) & (race[one][:, None] == race[other])
    levels = np.arange(0.2, 1.01, 0.01).round(2)
    pairs, null = (_count_from(similarity[which], levels) for which in (possible, ~possible))
    expected = null * possible.sum() / (~possible).sum()
    rows = []
    for rule, (most, fraction) in _RULES.items():
        # the last level holds no pair
        level = np.flatnonzero(~(expected <= most + fraction * pairs)).max(initial=-1) + 1
        faces = (possible & (similarity >= levels[level])).any(axis=1).sum()
        rows.append((rule, levels[level], pairs[level], expected[level], faces))
    thresholds = pd.DataFrame(rows, columns=["rule", "threshold", "pairs", "expected", "faces"])
    left, right = np.nonzero(possible & (similarity >= thresholds["threshold"].min()))
    i, j = one[left], other[right]
    found = {
        "held_out": file[i],
        "training": file[j],
        "similarity": similarity[left, right],
        "age_gap": np.abs(age[i] - age[j]),
    }
    return pd.DataFrame(found).sort_values("similarity", ascending=False, ignore_index=True), thresholds


def lookalike_errors(predictions: pd.DataFrame, pairs: pd.DataFrame, thresholds: pd.DataFrame) -> pd.DataFrame:
    """One model's errors on held-out faces with and without a lookalike in training, as :func:`lookalikes` finds them.

    Returns
    -------
    DataFrame
        A row per ``rule`` and ``measure`` (``age_mae``, years; ``gender_accuracy``): ``n_with, n_without``; ``with``,
        ``without``, ``difference`` (without minus with) and ``change`` (without minus all: what holding out no face
        that has a lookalike would change), each with its 95 % interval as ``_low`` and ``_high``.
    """
    rows = []
    for rule, threshold in zip(thresholds["rule"], thresholds["threshold"], strict=True):
        has = predictions["file"].isin(pairs.loc[pairs["similarity"] >= threshold, "held_out"]).to_numpy()
        for measure in MEASURES:
            score = scores(predictions)[measure].to_numpy()
            some, none, everyone = mean_of(score, has), mean_of(score, ~has), mean_of(score)
            quantities: dict[str, Statistic] = {
                "with": some,
                "without": none,
                "difference": _minus(none, some),
                "change": _minus(none, everyone),
            }
            row = {"rule": rule, "measure": measure, "n_with": has.sum(), "n_without": (~has).sum()}
            for name, each in estimates(quantities, predictions["duplicate_group"]).items():
                row |= each.columns(name)
            rows.append(row)
    return pd.DataFrame(rows)


def _minus(one: Statistic, other: Statistic) -> Statistic:
    return lambda weights: one(weights) - other(weights)


def _count_from(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """How many values are at least each of the levels."""
    return len(values) - np.searchsorted(np.sort(values), levels)


def _without_labels(features: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """Features less what age band, gender and race explain of them, each of length one; float64 [n, f]."""
    people = table["gender"].astype(str) + " " + table["race"].astype(str)
    labels = pd.DataFrame({"age": age_band(table["age"]).codes, "people": people})
    design = pd.get_dummies(labels.astype("category"), dtype=float).to_numpy()
    features = np.asarray(features, dtype=np.float64)
    left = features - design @ np.linalg.lstsq(design, features, rcond=None)[0]
    return left / np.linalg.norm(left, axis=1, keepdims=True)
