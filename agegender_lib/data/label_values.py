"""What the cells of a table of labels mean: ages and ranges of ages, genders, parts of a split, names of races."""

import math
import re
from collections.abc import Iterable

import pandas as pd
from numpy.typing import ArrayLike

from agegender_lib.data.filenames import RACES, printable

#: Years; labels beyond are taken for mistakes.
OLDEST_LABEL = 120
#: What a range without end, such as "more than 70", is taken to span where a typical age is needed (its middle).
OPEN_YEARS = 20
#: The race of faces without one.
UNLABELLED = "unlabelled"
_N = r"(\d{1,4}(?:\.\d+)?)"
_NUMBER = re.compile(r"(-?\d{1,9}(?:\.\d+)?)(?: ?years?)?")
_RANGE = re.compile(rf"{_N} ?(?:-|–|to) ?{_N}(?: ?years?)?|[(\[] ?{_N} ?[,;] ?{_N} ?[)\]]")
_OPEN = re.compile(
    rf"(?:more than|older than|over|above|>=?|from) ?{_N}|{_N} ?(?:\+|(?:and|or) (?:more|older|over|above))"
)
_MEN, _WOMEN = {"male", "m", "man", "men", "boy"}, {"female", "f", "woman", "women", "girl"}
_YES, _NO = {"1", "true", "yes"}, {"0", "-1", "false", "no"}
_PARTS = {"training": "train", "val": "validation", "valid": "validation", "dev": "validation", "testing": "test"}


def read_age(cell: str) -> tuple[float, float]:
    """The youngest and oldest age, years, that a cell allows; a ValueError says why it is none.

    >>> read_age("26"), read_age("3-9"), read_age("(25, 32)"), read_age("more than 70")
    ((26.0, 26.0), (3.0, 9.0), (25.0, 32.0), (70.0, 120.0))
    """
    text = " ".join(cell.lower().split())
    if found := _NUMBER.fullmatch(text):
        low = high = float(found[1])
    elif found := _RANGE.fullmatch(text):
        low, high = (float(end) for end in found.groups() if end)
    elif found := _OPEN.fullmatch(text):
        low, high = float(found[1] or found[2]), float(OLDEST_LABEL)
    else:
        raise ValueError("the age is no number and no range" if text else "the age is missing")
    if not 0 <= low <= OLDEST_LABEL or high > OLDEST_LABEL:
        raise ValueError(f"the age is below 0 or above {OLDEST_LABEL}")
    if low > high:
        raise ValueError("the age is a range that ends before it begins")
    return low, high


def read_ages(cells: pd.Series) -> pd.DataFrame:
    """Ages, or ranges of ages, as columns.

    Returns
    -------
    DataFrame
        ``age`` (years; of a range the middle, and of one without end the middle of its first ``OPEN_YEARS`` years),
        ``age_low`` and ``age_high``, and ``problem``, the reason why a cell is none of these, or "".
    """
    known: dict[str, tuple[float, float, float, str]] = {}
    for cell in cells.unique():
        try:
            low, high = read_age(cell)
        except ValueError as error:
            known[cell] = math.nan, math.nan, math.nan, str(error)
        else:
            end = min(high, low + OPEN_YEARS - 1) if high == OLDEST_LABEL else high
            known[cell] = (low + end) / 2, low, high, ""
    return pd.DataFrame([known[cell] for cell in cells], cells.index, ["age", "age_low", "age_high", "problem"])


def read_genders(cells: pd.Series, column: str) -> tuple[pd.Series, str]:
    """Codes of genders (0 male, 1 female; -1 what is neither), and in words how the ``column`` was read."""
    words = cells.str.strip().str.lower().str.replace(r"\.0$", "", regex=True)
    there = set(words)
    if column.lower() in ("male", "female"):
        male, female = (_YES, _NO) if column.lower() == "male" else (_NO, _YES)
        said = f"1 is {column.lower()}"
    elif there & (_MEN | _WOMEN):
        male, female, said = _MEN, _WOMEN, "words"
    elif "2" in there and "0" not in there:
        male, female, said = {"1"}, {"2"}, "codes, taken as 1 male and 2 female"
    else:
        male, female, said = {"0"}, {"1"}, "codes, taken as 0 male and 1 female as UTKFace's"
    codes = words.map({**dict.fromkeys(male, 0), **dict.fromkeys(female, 1)}).fillna(-1).astype("int64")
    return codes, said


def read_splits(cells: pd.Series) -> pd.Series:
    """Parts of a split by their usual names: train, validation, test, or as the table has them."""
    words = cells.str.strip().str.lower()
    return words.map(lambda word: _PARTS.get(word, word))


def read_races(cells: pd.Series) -> pd.Series:
    """Names of races as they stand there, each on one short line; ``UNLABELLED`` where there is none.

    Codes of unknown meaning are made names, ``race 3``, or they would be taken for UTKFace's.
    """
    return cells.map({cell: _race(" ".join(cell.split())) for cell in cells.unique()})


def _race(name: str) -> str:
    if name.lower() in ("", "na", "nan", "n/a", "none", "null"):
        return UNLABELLED
    return f"race {name}" if re.fullmatch(r"[-+.\d]+", name) else printable(name)[:40]


def race_names(race: pd.Series | ArrayLike) -> pd.Categorical:
    """The race of every face by name, ordered: UTKFace's five from its codes, those of other sets as they are.

    >>> race_names([0, 2]).tolist(), race_names(["Indian", "Black"]).categories.tolist()
    (['White', 'Asian'], ['Black', 'Indian'])
    """
    race = pd.Series(race)
    if pd.api.types.is_numeric_dtype(race):
        return pd.Categorical.from_codes(race.astype(int), categories=RACES, ordered=True)
    return pd.Categorical(race, categories=_ordered(race), ordered=True)


def _ordered(names: Iterable[str]) -> list[str]:
    """Each once, by the alphabet, the faces without a race last."""
    return sorted({*names}, key=lambda name: (name == UNLABELLED, name))
