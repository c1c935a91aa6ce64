"""Ensembles: would several trained networks do better together? From their saved predictions, before one pays."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from agegender_lib.evaluation.comparison import paired_comparison
from agegender_lib.evaluation.tables import MEASURES, check_same_images, scores
from agegender_lib.runs import Run

_PREDICTED = ["age_predicted", "p_female"]


def ensemble_predictions(predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of several models' predictions of the same images, each in any order of rows.

    >>> from agegender_lib.runs import predictions_table
    >>> a, b = predictions_table([30], [28], p_female=0.4), predictions_table([30], [33], p_female=0.8)
    >>> ensemble_predictions([a, b])[["age_predicted", "p_female"]].round(2).values.tolist()
    [[30.5, 0.6]]
    """
    first = predictions[0].set_index("file")
    others = [table.set_index("file") for table in predictions[1:]]
    for other in others:
        check_same_images(first, other)
    means = np.mean([table.loc[first.index, _PREDICTED].to_numpy() for table in (first, *others)], axis=0)
    return first.assign(**dict(zip(_PREDICTED, means.T, strict=True))).reset_index()


def compare_ensembles(predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The ensemble of every combination of models against the best of its members, on the same images.

    Returns
    -------
    DataFrame
        :func:`paired_comparison`'s rows, ``a`` being the best member by age error and ``b`` the ensemble, with the
        columns ``members`` (names) and ``best`` (that member's name) before them.
    """
    tables = {}
    for count in range(2, len(predictions) + 1):
        for names in combinations(predictions, count):
            best = min(names, key=lambda name: scores(predictions[name])["age_mae"].mean())
            together = ensemble_predictions([predictions[name] for name in names])
            tables[" + ".join(names), best] = paired_comparison(predictions[best], together)
    table = pd.concat(tables, names=["members", "best"])
    return table.reset_index(["members", "best"]).reset_index(drop=True)


def seed_ensembles(study: pd.DataFrame, runs: Mapping[str, Run]) -> pd.DataFrame:
    """What an ensemble of seeds gains on a single run, for every variant of a study.

    Returns
    -------
    DataFrame
        A row per factor and variant with at least two seeds: factor, variant, seeds; ``age_mae`` (years) and
        ``gender_accuracy`` (0 to 1), means of the single runs, each with the ensemble's as ``_ensemble``.
    """
    rows = []
    for (factor, variant), members in study.groupby(["factor", "variant"], sort=False):
        tables = [runs[name].validation for name in members["run"] if name in runs]
        if len(tables) < 2:
            continue
        alone = np.mean([scores(table)[[*MEASURES]].mean() for table in tables], axis=0)
        together = scores(ensemble_predictions(tables))[[*MEASURES]].mean()
        rows.append((factor, variant, len(tables), *np.ravel([*zip(alone, together, strict=True)])))
    columns = [f"{measure}{end}" for measure in MEASURES for end in ("", "_ensemble")]
    return pd.DataFrame(rows, columns=["factor", "variant", "seeds", *columns])
