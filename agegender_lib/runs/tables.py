"""A run folder as notebooks and the report read it: its tables, and the checks before anybody counts anything."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from agegender_lib.data.filenames import GENDERS, RACES
from agegender_lib.errors import InputError
from agegender_lib.runs.folder import CONFIG, CURE, HISTORY, METRICS, PREDICTIONS, PROVENANCE, existing, read_json
from agegender_lib.runs.settings import with_present_names

PREDICTION_COLUMNS = ("file", "split", "age", "gender", "race", "duplicate_group", "age_predicted", "p_female")
#: Labels that predictions repeat: of ranges and sources where there are any.
LABELS = ("file", "age", "age_low", "age_high", "gender", "race", "source", "duplicate_group")
_DIVERGED = "the training has diverged, so train again with a lower learning rate"
_REWRITE = "train that model again to rewrite the table"
# What columns may hold, in words and as a test of floats, and what to do where they do not.
_ALLOWED = (
    ("age_predicted", "finite numbers", np.isfinite, _DIVERGED),
    ("p_female", "finite numbers", np.isfinite, _DIVERGED),
    ("age", "ages of 0 years and more", lambda values: values >= 0, _REWRITE),
    ("gender", "codes of a gender, or -1", lambda values: np.isin(values, range(-1, len(GENDERS))), _REWRITE),
    ("race", "codes of a race", lambda values: np.isin(values, range(len(RACES))), _REWRITE),
    ("duplicate_group", "numbers of a group, or -1", lambda values: (values >= -1) & (values % 1 == 0), _REWRITE),
    ("p_female", "probabilities", lambda values: (values >= 0) & (values <= 1), _REWRITE),
)
#: A single column of history.csv per quantity, and the same with "val_" before it for the validation images.
CURVES = ("loss", "gender_loss", "gender_accuracy", "age_loss", "age_mae")
HISTORY_COLUMNS = ("epoch", "stage", "seconds", "learning_rate", *CURVES, *(f"val_{curve}" for curve in CURVES))


@dataclass(frozen=True)
class Run:
    """One training: its settings, where it came from, and what it reached."""

    name: str
    config: dict
    provenance: dict
    history: pd.DataFrame
    predictions: pd.DataFrame
    metrics: dict

    @property
    def validation(self) -> pd.DataFrame:
        """The predictions for validation images."""
        return self.predictions[self.predictions["split"] == "validation"].reset_index(drop=True)

    @property
    def train(self) -> pd.DataFrame:
        """The predictions for training images."""
        return self.predictions[self.predictions["split"] == "train"].reset_index(drop=True)

    @property
    def synthetic(self) -> bool:
        """Whether the faces were drawn, not photographs, which every result must say."""
        return bool(self.provenance["data"]["rendered"])


def read_run(folder: str | Path) -> Run:
    """Read the tables of one run folder; the model itself stays on disk.

    Raises
    ------
    InputError
        When the folder or one of its files is missing, empty or cannot be read, or lacks a column.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"There is no run folder {folder}: {CURE}.")
    config, provenance, metrics = (read_json(folder / name) for name in (CONFIG, PROVENANCE, METRICS))
    data = provenance.get("data")
    if not isinstance(data, dict) or "rendered" not in data:
        raise InputError(f"{folder / PROVENANCE} does not say which data the run used: {CURE}.")
    history = read_table(folder / HISTORY, HISTORY_COLUMNS)
    predictions = read_table(folder / PREDICTIONS, PREDICTION_COLUMNS)
    try:
        check_predictions(predictions, one_split=False)
    except InputError as error:
        raise InputError(f"{folder / PREDICTIONS} cannot be used: {error}") from error
    return Run(folder.name, with_present_names(config), provenance, history, predictions, metrics)


def read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A table of a run folder, or of several, with these columns; an InputError if it is not."""
    existing(path)
    texts = dict.fromkeys(("run", "file", "split", "stage"), str)
    try:
        table = pd.read_csv(path, dtype=texts)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        # pandas ends some of its messages with a new line
        raise InputError(f"{path} is not a readable CSV table ({str(error).strip()}): {CURE}.") from error
    check_columns(table, columns, str(path))
    for column in columns:
        if column not in (*texts, "race") and not pd.api.types.is_numeric_dtype(table[column]):
            raise InputError(f"{path} holds text in the column {column}, which is for numbers: {CURE}.")
    return table


def predictions_table(
    age: ArrayLike,
    age_predicted: ArrayLike,
    gender: ArrayLike = 0,
    p_female: ArrayLike = 0.1,
    race: ArrayLike = 0,
    duplicate_group: ArrayLike = -1,
    split: str | Sequence[str] = "validation",
) -> pd.DataFrame:
    """Predictions of any model as run folders hold them, which is what ``evaluation`` takes.

    Everything but the ages may be one value for all faces: gender 0 (male) or 1 (female), race 0 to 4.

    >>> predictions_table([30, 40], [31.5, 38], p_female=[0.2, 0.7])[["age", "age_predicted", "p_female"]]
       age  age_predicted  p_female
    0   30           31.5       0.2
    1   40           38.0       0.7
    """
    columns = {"split": split, "age": np.asarray(age), "gender": gender, "race": race}
    columns |= {"duplicate_group": duplicate_group, "age_predicted": np.asarray(age_predicted, dtype=float)}
    table = pd.DataFrame(columns | {"p_female": p_female})
    table.insert(0, "file", [f"{number}.jpg" for number in range(len(table))])
    return table


def labels_of(table: pd.DataFrame) -> pd.DataFrame:
    """The labels of faces, or of predictions, as predictions tables repeat them."""
    return table[[column for column in LABELS if column in table]]


def check_columns(table: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    """Refuse a table, called ``what``, that is empty or lacks one of ``columns``."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(f"{what} lacks the column(s) {', '.join(missing)}: train that model again to rewrite it.")
    if table.empty:
        raise InputError(f"{what} has no rows: train that model again to rewrite it.")


def check_predictions(predictions: pd.DataFrame, one_split: bool = True) -> None:
    """Check that metrics may be computed from a predictions table.

    With ``one_split``, training and validation images in one table are refused: an error averaged over both means
    nothing.

    Raises
    ------
    InputError
        When a column is missing, there are no rows, a prediction is not a finite number, a label or probability is
        out of range, a file occurs twice, or both splits are present.
    """
    check_columns(predictions, PREDICTION_COLUMNS, "The predictions table")
    for column, words, allowed, cure in _ALLOWED:
        if column == "race" and not pd.api.types.is_numeric_dtype(predictions[column]):
            continue  # names, of another set than UTKFace
        # NaN where it holds something else
        values = pd.to_numeric(predictions[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        broken = int((~(allowed(values) & np.isfinite(values))).sum())
        if broken:
            raise InputError(f"{broken} of {len(predictions)} values of {column} are not {words}: {cure}.")
    for column in ("file", "split", "race"):
        if predictions[column].isna().any():
            raise InputError(f"The predictions table has rows without {column}: train that model again to rewrite it.")
    if predictions["file"].duplicated().any():
        twice = predictions.loc[predictions["file"].duplicated(), "file"].iloc[0]
        raise InputError(f"The predictions table holds {twice!r} more than once: keep one row per image.")
    splits = sorted(predictions["split"].unique())
    if one_split and len(splits) > 1:
        raise InputError(
            f"The predictions table mixes the splits {' and '.join(splits)}: choose one, for example run.validation."
        )
