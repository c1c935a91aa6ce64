"""Cross-validation: an answer to every face from a network that never saw it, and how far one split can mislead."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.evaluation.bootstrap import estimates
from agegender_lib.evaluation.tables import MEASURES, scores
from agegender_lib.runs import Run
from agegender_lib.runs.tables import PREDICTION_COLUMNS

ALL, SINGLE = "all folds", "single split"
_ENDS = ("", "_low", "_high", "_se")


def held_out(runs: Iterable[Run]) -> pd.DataFrame:
    """Every face exactly once, as answered by the network that did not train on it.

    Parameters
    ----------
    runs
        Trainings with the setting ``fold``, one per fold; others, such as a single split's, are passed over.

    Returns
    -------
    DataFrame
        A predictions table (``tables.PREDICTION_COLUMNS``) of split "validation", with the column ``fold`` (from 1).
        No rows where no run has a fold.

    Raises
    ------
    InputError
        When a fold is missing or there twice, the runs differ in another setting or in their faces, a face is held
        out twice or never, or a duplicate group lies in two folds.
    """
    tables, first = {}, None
    for run in runs:
        number, _ = _fold(run)
        if number is None:
            continue
        first = first or run
        _check_alike(first, run)
        if number in tables:
            raise InputError(f"fold {number} is there twice ({run.name} is one): give one training per fold.")
        tables[number] = run.validation.assign(fold=number)
    if first is None:
        return pd.DataFrame(columns=[*PREDICTION_COLUMNS, "fold"])
    _, folds = _fold(first)
    missing = sorted(set(range(1, folds + 1)) - set(tables))
    if missing:
        raise InputError(
            f"Of {folds} folds there is no number {', '.join(map(str, missing))}: train what is missing first."
        )
    table = pd.concat([tables[number] for number in sorted(tables)], ignore_index=True)
    _check_whole(table, first.provenance["data"].get("images", len(table)))
    return table


def cross_validation_table(runs: Iterable[Run], resamples: int = 2000) -> pd.DataFrame:
    """Age error and gender accuracy per fold, of all folds together, and of the single split beside them.

    Parameters
    ----------
    runs
        As :func:`held_out` takes them; at most one without fold, the single split.
    resamples
        Number of the bootstrap's draws.

    Returns
    -------
    DataFrame
        A row per part ("fold 1" ..., "all folds", "single split"): part, images, and for ``age_mae`` (years) and
        ``gender_accuracy`` (0 to 1) the value, ``_low``, ``_high`` (95 %, bootstrap that keeps duplicates together)
        and ``_se`` (its standard deviation). "all folds" counts every face once. No rows where no run has a fold.

    Raises
    ------
    InputError
        See :func:`held_out`; when there are several runs without fold, or the one has other settings or faces.
    """
    runs = list(runs)
    table = held_out(runs)
    columns = ["part", "images", *(f"{measure}{end}" for measure in MEASURES for end in _ENDS)]
    if table.empty:
        return pd.DataFrame(columns=columns)
    parts = {f"fold {number}": rows for number, rows in table.groupby("fold")} | {ALL: table}
    single = [run for run in runs if _fold(run)[0] is None]
    if len(single) > 1:
        raise InputError(f"{len(single)} runs have no fold: give one single split at most.")
    if single:
        _check_alike(next(run for run in runs if _fold(run)[0]), single[0])
        parts[SINGLE] = single[0].validation
    rows = [{"part": part, "images": len(rows)} | _reached(rows, resamples) for part, rows in parts.items()]
    return pd.DataFrame(rows)[columns]


def fold_spread(table: pd.DataFrame) -> pd.DataFrame:
    """How far the folds lie apart, and whether their images explain it.

    The folds' networks share most of their training faces, so that no estimate from them of what another training set
    would change is free of bias (Bengio and Grandvalet 2004, JMLR 5): ``sd`` is what one sees, ``sd_images`` what the
    choice of validation faces alone would make of it.

    Parameters
    ----------
    table
        As :func:`cross_validation_table` returns it.

    Returns
    -------
    DataFrame
        A row per measure: measure; folds; mean (over folds), low, high (95 %, of all faces); sd (between folds),
        sd_images (expected from the images alone: root mean square of the folds' bootstrap standard errors), least
        and most (of the folds); single, single_low, single_high (missing without single split) and
        single_difference (single minus mean).
    """
    columns = ("measure folds mean low high sd sd_images least most single single_low single_high").split()
    rows = []
    for measure in MEASURES if len(table) else ():
        by_part = table.set_index("part")
        folds = by_part[by_part.index.str.fullmatch(r"fold \d+")]
        whole = by_part.loc[ALL]
        single = by_part.loc[SINGLE] if SINGLE in by_part.index else pd.Series(dtype=float)
        rows.append(
            (
                measure,
                len(folds),
                folds[measure].mean(),
                whole[f"{measure}_low"],
                whole[f"{measure}_high"],
                folds[measure].std(ddof=1),
                np.sqrt((folds[f"{measure}_se"] ** 2).mean()),
                folds[measure].min(),
                folds[measure].max(),
                *(single.get(f"{measure}{end}", np.nan) for end in ("", "_low", "_high")),
            )
        )
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(single_difference=found["single"] - found["mean"])


def _fold(run: Run) -> tuple[int, int] | tuple[None, None]:
    """Which of how many folds a run held out; (None, None) for a single split."""
    fold = run.config["training"].get("fold")
    if fold is None:
        return None, None
    number, folds = map(int, fold.split("/"))
    return number, folds


def _check_alike(first: Run, run: Run) -> None:
    if first.config["data"]["fingerprint"] != run.config["data"]["fingerprint"]:
        raise InputError(f"{first.name} and {run.name} were trained on other faces: train both on the same.")
    here, there = (dict(each.config["training"]) for each in (first, run))
    counts = {_fold(first)[1], _fold(run)[1]} - {None}
    if len(counts) > 1:
        raise InputError(
            f"{first.name} is one of {_fold(first)[1]} folds and {run.name} of {_fold(run)[1]}: choose one number."
        )
    # what is held out is what may differ; a run of an older version lacks settings that have their defaults
    differing = [
        key for key in sorted(here.keys() & there.keys() - {"fold", "validation"}) if here[key] != there[key]
    ]
    if first.config.get("weights") != run.config.get("weights"):
        differing.append("weights")
    if differing:
        raise InputError(
            f"{first.name} and {run.name} differ in {', '.join(differing)}: folds need the same settings."
        )


def _check_whole(table: pd.DataFrame, images: int) -> None:
    if table["file"].duplicated().any():
        twice = table.loc[table["file"].duplicated(), "file"].iloc[0]
        raise InputError(f"{twice!r} is held out by two folds: train all folds with one split_seed.")
    if len(table) != images:
        raise InputError(
            f"The folds hold out {len(table)} of {images} faces: train all folds with one split_seed."
        )
    groups = table[table["duplicate_group"] >= 0].groupby("duplicate_group")["fold"]
    across = groups.min()[groups.min() != groups.max()]
    if len(across):
        raise InputError(
            f"{len(across)} groups of duplicates lie in two folds, such as group {across.index[0]}: a network was "
            "asked for a picture it had seen, so train the folds again."
        )


def _reached(rows: pd.DataFrame, resamples: int) -> dict[str, float]:
    values = {name: scores(rows)[name].to_numpy() for name in MEASURES}
    reached = {}
    for name, found in estimates(values, rows["duplicate_group"].to_numpy(), resamples).items():
        reached |= found.columns(name) | {f"{name}_se": float(found.draws.std(ddof=1))}
    return reached
