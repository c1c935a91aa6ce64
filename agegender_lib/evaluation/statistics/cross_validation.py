"""Cross-validation: out-of-fold predictions of every face, and how far one split can mislead."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.evaluation.statistics.bootstrap import estimates
from agegender_lib.evaluation.tables import MEASURES, scores
from agegender_lib.runs import Run
from agegender_lib.runs.tables import PREDICTION_COLUMNS

ALL, SINGLE = "all folds", "single split"
_ENDS = ("", "_low", "_high", "_se")


def out_of_fold_predictions(runs: Iterable[Run]) -> pd.DataFrame:
    """Every face exactly once, as predicted by the network that did not train on it.

    ``runs`` are those with the setting ``fold``, one per fold; others, such as a single split's, are passed over.

    Returns
    -------
    DataFrame
        A predictions table with the column ``fold`` (from 1). No rows where no run has a fold.
    """
    runs = sorted((run for run in runs if _fold(run)[0]), key=_fold)
    if not runs:
        return pd.DataFrame(columns=[*PREDICTION_COLUMNS, "fold"])
    for run in runs:
        _check_alike(runs[0], run)
    numbers, folds = [_fold(run)[0] for run in runs], _fold(runs[0])[1]
    if numbers != list(range(1, folds + 1)):
        raise InputError(
            f"Of {folds} folds there are the numbers {', '.join(map(str, numbers))}: give one run of each."
        )
    table = pd.concat([run.validation.assign(fold=_fold(run)[0]) for run in runs], ignore_index=True)
    images = runs[0].provenance["data"].get("images", len(table))
    if not table["file"].nunique() == len(table) == images:
        raise InputError("The folds do not hold out every face exactly once: train all of them with one split_seed.")
    return table


def cross_validation_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Age error and gender accuracy per fold, of all folds together, and of the single split beside them.

    ``runs`` are as :func:`out_of_fold_predictions` takes them; at most one without fold, the single split.

    Returns
    -------
    DataFrame
        A row per part ("fold 1" ..., "all folds", "single split"): part, images, and for ``age_mae`` (years) and
        ``gender_accuracy`` (0 to 1) the value, ``_low``, ``_high`` (95 %, bootstrap that keeps duplicates together)
        and ``_se`` (its standard deviation). "all folds" counts every face once. No rows where no run has a fold.
    """
    runs = list(runs)
    table = out_of_fold_predictions(runs)
    columns = ["part", "images", *(f"{measure}{end}" for measure in MEASURES for end in _ENDS)]
    if table.empty:
        return pd.DataFrame(columns=columns)
    parts = {f"fold {number}": rows for number, rows in table.groupby("fold")} | {ALL: table}
    single = [run for run in runs if not _fold(run)[0]]
    if len(single) > 1:
        raise InputError(f"{len(single)} runs have no fold: give one single split at most.")
    if single:
        _check_alike(next(run for run in runs if _fold(run)[0]), single[0])
        parts[SINGLE] = single[0].validation
    rows = [{"part": part, "images": len(rows)} | _reached(rows) for part, rows in parts.items()]
    return pd.DataFrame(rows)[columns]


def fold_variance(table: pd.DataFrame) -> pd.DataFrame:
    """How far the folds lie apart, and whether their images explain it.

    The folds' networks share most of their training faces, so that no estimate from them of what another training set
    would change is free of bias (Bengio and Grandvalet 2004, JMLR 5).

    Returns
    -------
    DataFrame
        A row per measure: measure; folds; mean (over folds), low, high (95 %, of all faces); between_fold_sd;
        sampling_sd (expected from the images alone: root mean square of the folds' bootstrap standard errors), min and
        max; single, single_low, single_high and single_difference (single minus mean; missing without single split).
    """
    columns = "measure folds mean low high between_fold_sd sampling_sd min max single single_low single_high"
    by_part, rows = table.set_index("part"), []
    folds = by_part[by_part.index.astype(str).str.startswith("fold ")]
    for measure in MEASURES if len(table) else ():
        reached, ends = folds[measure], [f"{measure}_low", f"{measure}_high"]
        of_images = np.sqrt((folds[f"{measure}_se"] ** 2).mean())
        spread = reached.std(ddof=1), of_images, reached.min(), reached.max()
        single = by_part.reindex([SINGLE]).iloc[0][[measure, *ends]]
        rows.append((measure, len(folds), reached.mean(), *by_part.loc[ALL, ends], *spread, *single))
    found = pd.DataFrame(rows, columns=columns.split())
    return found.assign(single_difference=found["single"] - found["mean"])


def _fold(run: Run) -> tuple[int, int]:
    """Which of how many folds a run held out; (0, 0) for a single split."""
    fold = run.config["training"].get("fold")
    if fold is None:
        return 0, 0
    number, folds = map(int, fold.split("/"))
    return number, folds


def _check_alike(first: Run, run: Run) -> None:
    if first.config["data"]["fingerprint"] != run.config["data"]["fingerprint"]:
        raise InputError(f"{first.name} and {run.name} were trained on other faces: train both on the same.")
    here, there = (each.config["training"] for each in (first, run))
    # what is held out is what may differ; a run of an older version lacks settings that have their defaults
    compared = sorted(here.keys() & there.keys() - {"fold", "validation_size"})
    differing = [key for key in compared if here[key] != there[key]]
    if _fold(run)[0] and _fold(run)[1] != _fold(first)[1]:
        differing.append("the number of folds")
    if first.config.get("weights") != run.config.get("weights"):
        differing.append("weights")
    if differing:
        raise InputError(f"{first.name} and {run.name} differ in {', '.join(differing)}: folds need the same settings.")


def _reached(rows: pd.DataFrame) -> dict[str, float]:
    reached: dict[str, float] = {}
    for name, found in estimates(scores(rows)[[*MEASURES]], rows["duplicate_group"]).items():
        reached |= found.columns(name) | {f"{name}_se": float(found.draws.std(ddof=1))}
    return reached
