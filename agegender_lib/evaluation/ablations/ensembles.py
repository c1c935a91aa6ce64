"""Would several trained networks do better together? From their saved predictions, before one pays for it."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from agegender_lib.evaluation.comparison import compare
from agegender_lib.evaluation.tables import MEASURES, check_same_images, scores
from agegender_lib.runs import Run

_ANSWERS = ["age_predicted", "p_female"]


def averaged(predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The predictions of a model that answers with the mean of several models' answers, each in any order of rows."""
    first = predictions[0].set_index("file")
    others = [table.set_index("file") for table in predictions[1:]]
    for other in others:
        check_same_images(first, other)
    answers = np.mean([table.loc[first.index, _ANSWERS].to_numpy() for table in (first, *others)], axis=0)
    return first.assign(**dict(zip(_ANSWERS, answers.T, strict=True))).reset_index()


def compare_averages(predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every combination of models averaged, against the best of its members on the same images.

    Returns
    -------
    DataFrame
        :func:`compare`'s rows, ``a`` being the best member by age error and ``b`` the mean of all, with the columns
        ``members`` (names) and ``best`` (that member's name) before them.
    """
    tables = {}
    for count in range(2, len(predictions) + 1):
        for names in combinations(predictions, count):
            best = min(names, key=lambda name: scores(predictions[name])["age_mae"].mean())
            together = averaged([predictions[name] for name in names])
            tables[" + ".join(names), best] = compare(predictions[best], together)
    table = pd.concat(tables, names=["members", "best"])
    return table.reset_index(["members", "best"]).reset_index(drop=True)


def average_seeds(trainings: pd.DataFrame, runs: Mapping[str, Run]) -> pd.DataFrame:
    """What the mean of several seeds' answers gains on a single training, for every choice of a study.

    Returns
    -------
    DataFrame
        A row per group and choice with at least two seeds: group, choice, seeds; ``age_mae`` (years) and
        ``gender_accuracy`` (0 to 1), means of the single trainings; ``age_mae_averaged`` and
        ``gender_accuracy_averaged``, of the mean of their answers.
    """
    rows = []
    for (group, choice), members in trainings.groupby(["group", "choice"], sort=False):
        tables = [runs[name].validation for name in members["run"] if name in runs]
        if len(tables) < 2:
            continue
        alone = np.mean([scores(table)[[*MEASURES]].mean() for table in tables], axis=0)
        together = scores(averaged(tables))[[*MEASURES]].mean()
        rows.append((group, choice, len(tables), *np.ravel([*zip(alone, together, strict=True)])))
    columns = [f"{measure}{end}" for measure in MEASURES for end in ("", "_averaged")]
    return pd.DataFrame(rows, columns=["group", "choice", "seeds", *columns])
