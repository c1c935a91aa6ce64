"""Which faces to show, and in which order."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from agegender_lib.data import GENDERS, RACES
from agegender_lib.data.filenames import OLDEST
from agegender_lib.errors import InputError

from .face_table import of

#: In words, as a user chooses them.
DUPLICATES = {
    "all": "all faces",
    "duplicates": "near-duplicates only",
    "conflicts": "near-duplicates with other labels",
}
SPLITS = {"all": "all", "validation": "validation", "train": "training"}
GENDER_ANSWERS = {"all": "all", "right": "right", "wrong": "wrong"}
ORDERS = {
    "file": "file name",
    "age": "age",
    "duplicates": "near-duplicates together",
    "age_error": "age error, largest first",
    "age_surprise": "surprising age, most first",
    "gender_surprise": "surprising gender, most first",
}
#: The orders that need a model's answers.
ORDERS_OF_ANSWERS = ("age_error", "age_surprise", "gender_surprise")


@dataclass(frozen=True)
class Filter:
    """What faces have to be to be shown, and in which order; everything given has to hold.

    Attributes
    ----------
    ages : (int, int)
        Youngest and oldest labelled age, years, both included.
    genders, races : tuple of int
        Codes of the labels, see ``data.GENDERS`` and ``data.RACES``.
    duplicates : str
        "all", "duplicates" (faces with a near-duplicate), or "conflicts" (whose ages or genders disagree).
    model : str
        Name of the model whose split, errors and surprise are meant.
    split : str
        "all", "validation" or "train".
    errors : (float, float), optional
        Smallest and largest error of the model's age, years, whatever its sign; None: any, also none.
    gender_answer : str
        "all", "right" or "wrong", of the model.
    order : str
        One of ``ORDERS``; faces that tie, or have no answer, follow by file name.
    """

    ages: tuple[int, int] = (0, OLDEST)
    genders: tuple[int, ...] = tuple(range(len(GENDERS)))
    races: tuple[int, ...] = tuple(range(len(RACES)))
    duplicates: str = "all"
    model: str = ""
    split: str = "all"
    errors: tuple[float, float] | None = None
    gender_answer: str = "all"
    order: str = "file"

    def __post_init__(self):
        for name, allowed in (
            ("duplicates", DUPLICATES),
            ("split", SPLITS),
            ("gender_answer", GENDER_ANSWERS),
            ("order", ORDERS),
        ):
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is {getattr(self, name)!r}: choose one of {', '.join(allowed)}")
        for name in ("ages", "errors"):
            ends = getattr(self, name)
            if ends is not None and not (len(ends) == 2 and ends[0] <= ends[1]):
                raise InputError(f"{name} is {ends!r}: give the smallest and the largest, in this order")


def select(table: pd.DataFrame, wanted: Filter) -> np.ndarray:
    """The faces that a filter lets through.

    Parameters
    ----------
    table : DataFrame
        As :func:`face_table` returns it.
    wanted : Filter

    Returns
    -------
    numpy.ndarray
        int64: rows of ``table``, and so of ``faces.images``, in the order to show them.

    Raises
    ------
    InputError
        When the filter asks for a model's answers, and names none or one that the table does not have.
    """
    ages, genders, races = table["age"], table["gender"], table["race"]
    keep = ages.between(*wanted.ages) & genders.isin(wanted.genders) & races.isin(wanted.races)
    if wanted.duplicates != "all":
        keep &= (table["duplicate_group"] >= 0) if wanted.duplicates == "duplicates" else table["conflict"]
    if wanted.split != "all":
        keep &= _column(table, "split", wanted) == wanted.split
    if wanted.errors is not None:
        keep &= _column(table, "age_error", wanted).abs().between(*wanted.errors)
    if wanted.gender_answer != "all":
        answered = _column(table, "p_female", wanted).notna()
        wrong = _column(table, "gender_wrong", wanted)
        keep &= answered & (wrong if wanted.gender_answer == "wrong" else ~wrong)
    rows = np.flatnonzero(keep)
    # the table may be in any order, but faces that tie are always shown in the same one
    rows = rows[np.argsort(table["file"].to_numpy()[rows], kind="stable")]
    if wanted.order == "file":
        return rows
    return rows[np.argsort(_sort_key(table, wanted)[rows], kind="stable")]


def _sort_key(table: pd.DataFrame, wanted: Filter) -> np.ndarray:
    """Ascending; NaN comes last."""
    if wanted.order == "age":
        return table["age"].to_numpy(float)
    if wanted.order == "duplicates":
        return table["duplicate_group"].where(table["duplicate_group"] >= 0).to_numpy(float)
    return -_column(table, wanted.order, wanted).abs().to_numpy(float)


def _column(table: pd.DataFrame, column: str, wanted: Filter) -> pd.Series:
    name = of(column, wanted.model)
    if name not in table:
        known = [text.removeprefix(of("split", "")) for text in table if text.startswith(of("split", ""))]
        raise InputError(
            f"the filter needs the answers of a model and names {wanted.model!r}: "
            f"{'give one of ' + ', '.join(known) if known else 'these faces have been read by none yet'}"
        )
    return table[name]
