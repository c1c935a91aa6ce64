"""Faces, their labels and what every model says of them, joined once so that filters are quick; and which to show."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib.data import GENDERS, FaceSet
from agegender_lib.data.filenames import OLDEST
from agegender_lib.errors import InputError
from agegender_lib.evaluation import label_error_scores
from agegender_lib.evaluation.tables import scores
from agegender_lib.evaluation.uncertainty.age_distributions import aligned
from agegender_lib.evaluation.uncertainty.prediction_intervals import central_intervals
from agegender_lib.runs import check_same_faces, read_distributions, read_run

LEVEL = 0.8  #: of the intervals of the age
#: In words, as a user chooses them.
DUPLICATES = {
    "all": "all faces",
    "duplicates": "near-duplicates only",
    "conflicts": "near-duplicates with other labels",
}
SPLITS = {"all": "all", "validation": "validation", "train": "training"}
GENDER_PREDICTIONS = {"all": "all", "right": "right", "wrong": "wrong"}
ORDERS = {
    "file": "file name",
    "age": "age",
    "duplicates": "near-duplicates together",
    "age_error": "age error, largest first",
    "age_error_score": "age label error score, highest first",
    "gender_error_score": "gender label error score, highest first",
}
#: The orders that need a model's predictions.
ORDERS_OF_PREDICTIONS = ("age_error", "age_error_score", "gender_error_score")


def of(column: str, model: str) -> str:
    """The name of a model's column in :func:`face_table`."""
    return f"{column} {model}"


def face_table(faces: FaceSet, runs: Mapping[str, str | Path] | None = None) -> pd.DataFrame:
    """A row per face, in the order of ``faces.images``; ``runs`` are the folders of trainings of these faces, by model.

    Returns
    -------
    DataFrame
        The columns of ``faces.table`` and conflict (bool: a near-duplicate whose ages or genders disagree), then of
        every model, each followed by a space and its name: split ("train", "validation" or "unused"), age_predicted
        (years), p_female, age_error (predicted less labelled, years), gender_wrong (bool), and of the validation faces
        age_error_score and gender_error_score (``evaluation.label_error_scores``) and, where the run has kept its age
        distributions, age_low and age_high (the central 80 % interval, years). NaN where there is nothing to say.
    """
    groups = faces.table.groupby("duplicate_group")
    differ = groups[["age", "gender"]].transform("nunique").gt(1).any(axis=1)
    table = faces.table.assign(conflict=differ & (faces.table["duplicate_group"] >= 0)).reset_index(drop=True)
    parts = [_predictions(faces, name, Path(folder)) for name, folder in (runs or {}).items()]
    return pd.concat([table, *parts], axis=1)


def _predictions(faces: FaceSet, name: str, folder: Path) -> pd.DataFrame:
    run = read_run(check_same_faces(folder, faces))
    said = run.predictions.set_index("file")
    scored = scores(said)
    found = said[["split", "age_predicted", "p_female"]].assign(
        age_error=scored["age_bias"], gender_wrong=scored["gender_accuracy"] == 0
    )
    # of a face that the network has memorised, a prediction near the label says nothing about the label
    held_out = label_error_scores(run.validation).set_index("file")
    found = found.join(held_out[["age_error_score", "gender_error_score"]])
    distributions = read_distributions(folder)
    if distributions is not None:
        ends = central_intervals(*aligned(distributions, run.validation), LEVEL)
        ends = {"age_low": ends.low.clip(min=0), "age_high": ends.high.clip(min=0)}
        found = found.join(pd.DataFrame(ends, index=run.validation["file"]))
    found = found.reindex(faces.table["file"]).reset_index(drop=True)
    found["gender_wrong"] = found["gender_wrong"].fillna(False).astype(bool)
    return found.rename(columns=lambda column: of(column, name))


@dataclass(frozen=True)
class Filter:
    """What faces have to be to be shown, and in which order; everything given has to hold."""

    #: Youngest and oldest labelled age, years, both included.
    ages: tuple[int, int] = (0, OLDEST)
    #: Codes of the labels, see ``data.GENDERS``.
    genders: tuple[int, ...] = tuple(range(len(GENDERS)))
    #: Codes of the labels, or names where these are no codes; None: any.
    races: tuple[int | str, ...] | None = None
    #: "all", "duplicates" (faces with a near-duplicate), or "conflicts" (whose ages or genders disagree).
    duplicates: str = "all"
    #: Name of the model whose split, errors and label error scores are meant.
    model: str = ""
    #: "all", "validation" or "train".
    split: str = "all"
    #: Smallest and largest error of the model's age, years, whatever its sign; None: any, also none.
    errors: tuple[float, float] | None = None
    #: "all", "right" or "wrong", of the model.
    gender_prediction: str = "all"
    #: One of ``ORDERS``; faces that tie, or have no prediction, follow by file name.
    order: str = "file"

    def __post_init__(self):
        choices = {"duplicates": DUPLICATES, "split": SPLITS, "gender_prediction": GENDER_PREDICTIONS, "order": ORDERS}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is {getattr(self, name)!r}: choose one of {', '.join(allowed)}")
        for name in ("ages", "errors"):
            ends = getattr(self, name)
            if ends is not None and not (len(ends) == 2 and ends[0] <= ends[1]):
                raise InputError(f"{name} is {ends!r}: give the smallest and the largest, in this order")


def select(table: pd.DataFrame, wanted: Filter) -> np.ndarray:
    """The faces that a filter lets through, in its order: int64 rows of a ``face_table`` and so of ``faces.images``."""
    ages, genders, races = table["age"], table["gender"], table["race"]
    keep = ages.between(*wanted.ages) & genders.isin(wanted.genders)
    if wanted.races is not None:
        keep &= races.isin(wanted.races)
    if wanted.duplicates != "all":
        keep &= (table["duplicate_group"] >= 0) if wanted.duplicates == "duplicates" else table["conflict"]
    if wanted.split != "all":
        keep &= _column(table, "split", wanted) == wanted.split
    if wanted.errors is not None:
        keep &= _column(table, "age_error", wanted).abs().between(*wanted.errors)
    if wanted.gender_prediction != "all":
        answered = _column(table, "p_female", wanted).notna()
        wrong = _column(table, "gender_wrong", wanted)
        keep &= answered & (wrong if wanted.gender_prediction == "wrong" else ~wrong)
    rows = np.flatnonzero(keep)
    # the table may be in any order, but faces that tie are always shown in the same one
    rows = rows[np.argsort(table["file"].to_numpy()[rows], kind="stable")]
    if wanted.order == "file":
        return rows
    if wanted.order == "age":
        key = table["age"]
    elif wanted.order == "duplicates":
        key = table["duplicate_group"].where(table["duplicate_group"] >= 0)
    else:
        key = -_column(table, wanted.order, wanted).abs()
    # NaN comes last
    return rows[np.argsort(key.to_numpy(float)[rows], kind="stable")]


def _column(table: pd.DataFrame, column: str, wanted: Filter) -> pd.Series:
    name = of(column, wanted.model)
    if name not in table:
        known = [text.removeprefix(of("split", "")) for text in table if text.startswith(of("split", ""))]
        raise InputError(
            f"the filter needs the predictions of a model and names {wanted.model!r}: "
            f"{'give one of ' + ', '.join(known) if known else 'these faces have been read by none yet'}"
        )
    return table[name]
