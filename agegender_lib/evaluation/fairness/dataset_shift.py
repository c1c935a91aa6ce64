"""Dataset shift: what models lose on faces of another set, and how much labels, pictures and composition explain."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from agegender_lib.data.age_bins import AGE_BAND_EDGES
from agegender_lib.data.label_values import OLDEST_LABEL, race_names
from agegender_lib.evaluation.fairness.disparities import gaps
from agegender_lib.evaluation.fairness.subgroups import metrics_by_group
from agegender_lib.evaluation.statistics.bootstrap import LEVEL, Estimate, Statistic, estimates, interval, mean_of
from agegender_lib.evaluation.tables import scores

#: How faces are shown to a model: as they are, or in UTKFace's frame by a detector.
GIVEN, ALIGNED = "given", "aligned"
#: The first step of :func:`shift_steps`, to which others are compared.
AS_THEY_ARE = "as they are"
_MEASURES = ("gender_accuracy", "age_in_range")
_GROUPINGS = ("gender", "race", "age_band", ("race", "gender"))
# FairFace's nine ranges of ages, of which the last has no end
_FIRST_AGES = np.array(AGE_BAND_EDGES[:9])
# UTKFace's "Others" are "like Hispanic, Latino, Middle Eastern"
_BROADER = {"East Asian": "Asian", "Southeast Asian": "Asian", "Latino_Hispanic": "Others", "Middle Eastern": "Others"}
_FROM_10, _SHARPNESS_STRATA = 10, 10


def with_age_ranges(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions whose labels are FairFace's ranges of ages: 0-2, 3-9, 10-19, ..., 60-69, and from 70 on.

    >>> from agegender_lib.runs import predictions_table
    >>> with_age_ranges(predictions_table([2.5, 35, 71], [4, 30, 60]))[["age_low", "age_high"]].to_numpy().tolist()
    [[0.0, 2.0], [30.0, 39.0], [70.0, 120.0]]
    """
    code = _age_range(predictions)
    last_ages = np.append(_FIRST_AGES[1:] - 1, OLDEST_LABEL)
    return predictions.assign(age_low=_FIRST_AGES[code].astype(float), age_high=last_ages[code].astype(float))


def shift_steps(source: Mapping[str, pd.DataFrame], target: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How much worse one model does on the target set, and how much still where it is made more like the source.

    Each step by itself, and the last one several: children under 10 left out; all faces aligned by one detector; those
    left out that are not frontal; the source's faces weighted to the target's sharpness, or to its joint distribution
    of age range, gender and race by UTKFace's names (direct standardisation: the mean of each stratum counts by its
    share of the target; Keiding and Clayton 2014, Statistical Science 29(4)).

    Parameters
    ----------
    source, target : mapping
        By "given" and "aligned", predictions of the same faces in the same order, all labelled with a
        gender, and with ``sharpness`` and ``frontal`` (bool). The source is held out of the set that trained the model.

    Returns
    -------
    DataFrame
        A row per ``step`` and ``measure`` (``gender_accuracy``; ``age_in_range``, where labels of both are FairFace's
        ranges): ``source`` and ``target`` (0 to 1); ``gap``, source minus target; ``closed``, by how much the gap
        is smaller than that of the first step; each with its 95 % bootstrap interval as ``_low`` and ``_high``;
        ``covered``, the fraction of the target in strata that the source has: of the rest nothing is known.
    """
    sides, size = (source, target), len(source[GIVEN])
    people = pd.factorize(pd.concat([_stratum(side[GIVEN]) for side in sides]))[0]
    edges = np.quantile(target[GIVEN]["sharpness"], np.arange(1, _SHARPNESS_STRATA) / _SHARPNESS_STRATA)
    sharpness = np.concatenate([np.searchsorted(edges, side[GIVEN]["sharpness"]) for side in sides])
    one = np.zeros(len(people), dtype=int)
    everybody, frontal = (
        [np.ones(len(side[GIVEN]), dtype=bool) for side in sides],
        [side[GIVEN]["frontal"] for side in sides],
    )
    from_10 = [side[GIVEN]["age"] >= _FROM_10 for side in sides]
    most = [a & b for a, b in zip(from_10, frontal, strict=True)]
    # version, the faces that count, and within which strata the source is weighted
    steps = {
        AS_THEY_ARE: (GIVEN, everybody, one),
        "without children under 10": (GIVEN, from_10, one),
        "aligned alike": (ALIGNED, everybody, one),
        "frontal faces": (GIVEN, frontal, one),
        "weighted to one sharpness": (GIVEN, everybody, sharpness),
        "weighted to one composition": (GIVEN, everybody, people),
        "from 10, frontal, aligned, one composition": (ALIGNED, most, people),
    }
    found: tuple[dict, dict] = ({}, {})
    covered = {}
    for step, (version, among, strata) in steps.items():
        ours, theirs = np.where(among[0], strata[:size], -1), strata[size:][among[1]]
        covered[step] = np.isin(theirs, ours).mean()
        score = [scores(with_age_ranges(side[version])) for side in sides]
        for measure in _MEASURES:
            shares = np.bincount(theirs) / len(theirs)
            found[0][step, measure] = standardised(score[0][measure], ours, shares)
            found[1][step, measure] = mean_of(score[1][measure], among[1])
    at_home, away = (estimates(each, side[GIVEN]["duplicate_group"]) for each, side in zip(found, sides, strict=True))
    return _beside(at_home, away).assign(covered=lambda table: table["step"].map(covered))


def _beside(source: Mapping, target: Mapping) -> pd.DataFrame:
    """Estimates by step and measure, and what lies between the two sets' ones."""
    # resamples of different faces are independent: none may meet its like by the seed that they share
    gap = {key: _difference(source[key], target[key]._replace(draws=target[key].draws[::-1])) for key in source}
    rows = []
    for step, measure in gap:
        key = step, measure
        closed = _difference(gap[AS_THEY_ARE, measure], gap[key])
        row = {"step": step, "measure": measure}
        for name, one in {"source": source[key], "target": target[key], "gap": gap[key], "closed": closed}.items():
            row |= one.columns(name)
        rows.append(row)
    return pd.DataFrame(rows)


def _difference(one: Estimate, other: Estimate) -> Estimate:
    draws = one.draws - other.draws
    return Estimate(one.value - other.value, *interval(draws), draws)


def standardised(score: np.ndarray, strata: np.ndarray, shares: np.ndarray) -> Statistic:
    """The statistic "mean over strata of each one's mean ``score``, by ``shares``"; strata that are not drawn left out.

    ``score`` is float [images], ``strata`` int [images], -1 for images that do not count, ``shares`` float [strata].

    >>> mean = standardised([1, 0, 0, 0], [0, 1, 1, -1], [0.75, 0.25])
    >>> mean(np.array([[1.0, 1, 1, 1], [0, 1, 1, 1]]))
    array([0.75, 0.  ])
    """
    member = (np.asarray(strata)[:, None] == np.arange(len(shares))).astype(float)
    total = member * np.asarray(score, dtype=float)[:, None]

    def mean(weights: np.ndarray) -> np.ndarray:
        drawn = weights @ member
        means = np.divide(weights @ total, drawn, out=np.zeros(drawn.shape), where=drawn > 0)
        counted = (drawn > 0) * np.asarray(shares)
        return (means * counted).sum(axis=1) / counted.sum(axis=1)

    return mean


def groups_beside(predictions: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One model's metrics by group of people, and the gaps between groups, on several sets of faces by their names.

    Returns
    -------
    DataFrame, DataFrame
        ``evaluation.metrics_by_group`` of every ``grouping`` (gender, race, age_band, race x gender), and
        ``evaluation.gaps`` of them, each with a column ``faces``, the set's name. Ages of all are FairFace's ranges.
    """
    groups, between = [], []
    for name, table in predictions.items():
        table = with_age_ranges(table)
        for by in _GROUPINGS:
            grouping = by if isinstance(by, str) else " x ".join(by)
            groups.append(metrics_by_group(table, by).assign(faces=name, grouping=grouping))
        between.append(gaps(table, _GROUPINGS).assign(faces=name))
    return pd.concat(groups, ignore_index=True), pd.concat(between, ignore_index=True)


def race_gap_power(source: pd.DataFrame, target: pd.DataFrame) -> pd.DataFrame:
    """Could the source's faces have shown the target's gap in gender accuracy between UTKFace's five races?

    Returns
    -------
    DataFrame
        Two rows: ``errors``, "as on the target" (each race has the accuracy that it has there) and "as on the source"
        (the same differences of log-odds, at the source's accuracy); ``lowest`` and ``highest`` race with
        ``gap`` (0 to 1); ``power``, see :func:`power_of_gap`, with as many faces of each race as the source has.
    """
    right = scores(target)["gender_accuracy"].groupby(_broad_races(target).to_numpy()).mean()
    counts = _broad_races(source).value_counts().reindex(right.index, fill_value=0)
    right, counts = right[counts > 0], counts[counts > 0]
    odds, overall = np.log(right / (1 - right)), scores(source)["gender_accuracy"].mean()
    shift = np.linspace(-10, 10, 20001)
    accuracy = 1 / (1 + np.exp(-(odds.to_numpy() + shift[:, None]))) @ (counts / counts.sum()).to_numpy()
    at_home = 1 / (1 + np.exp(-(odds + shift[np.abs(accuracy - overall).argmin()])))
    rows = []
    for errors, each in {"as on the target": right, "as on the source": at_home}.items():
        row = {"errors": errors, "lowest": each.idxmin(), "highest": each.idxmax(), "gap": each.max() - each.min()}
        rows.append(row | {"power": power_of_gap(each, counts)})
    return pd.DataFrame(rows)


def power_of_gap(accuracies: np.ndarray, counts: np.ndarray, samples: int = 1000, seed: int = 0) -> float:
    """How often a permutation test (5 % level) would find that groups of ``counts`` faces differ in their accuracy.

    Faces of each group are drawn right or wrong, with the groups' true ``accuracies`` (0 to 1), ``samples`` times. The
    gap, highest minus lowest group, is compared with those after shuffling the groups' names, as ``evaluation.gaps``
    does; of right and wrong answers shuffles are draws from the multivariate hypergeometric distribution.

    >>> power_of_gap([0.9, 0.6], [500, 500], samples=200), power_of_gap([0.9, 0.9], [500, 500], samples=200) < 0.15
    (1.0, True)
    """
    rng, counts, found = np.random.default_rng(seed), np.asarray(counts), 0
    for right in rng.binomial(counts, accuracies, size=(samples, len(counts))):
        shuffled = rng.multivariate_hypergeometric(counts, right.sum(), size=samples, method="marginals")
        reached = np.ptp(shuffled / counts, axis=1) >= np.ptp(right / counts) - 1e-9
        found += (reached.sum() + 1) / (samples + 1) < 1 - LEVEL
    return float(found / samples)


def _age_range(predictions: pd.DataFrame) -> np.ndarray:
    return np.searchsorted(_FIRST_AGES, predictions["age"], side="right") - 1


def _broad_races(predictions: pd.DataFrame) -> pd.Series:
    return pd.Series(race_names(predictions["race"]).astype(str)).replace(_BROADER)


def _stratum(predictions: pd.DataFrame) -> pd.Series:
    """Who each face shows, by age range, gender and UTKFace's five races."""
    words = predictions["gender"].astype(str).to_numpy() + _age_range(predictions).astype(str)
    return _broad_races(predictions) + words
