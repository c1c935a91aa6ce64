"""Read a run folder, the only thing notebooks and the report know of a training."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.runs.folder import (
    CONFIG,
    HISTORY,
    HOW_TO_MAKE,
    METRICS,
    PREDICTIONS,
    PROVENANCE,
    existing,
    read_json,
)
from agegender_lib.runs.settings import with_present_names
from agegender_lib.runs.tables import HISTORY_COLUMNS, PREDICTION_COLUMNS, check_columns, check_predictions


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
        raise InputError(f"There is no run folder {folder}: {HOW_TO_MAKE}.")
    config, provenance, metrics = (read_json(folder / name) for name in (CONFIG, PROVENANCE, METRICS))
    data = provenance.get("data")
    if not isinstance(data, dict) or "rendered" not in data:
        raise InputError(f"{folder / PROVENANCE} does not say which data the run used: {HOW_TO_MAKE}.")
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
        raise InputError(f"{path} is not a readable CSV table ({str(error).strip()}): {HOW_TO_MAKE}.") from error
    check_columns(table, columns, str(path))
    for column in columns:
        if column not in texts and not pd.api.types.is_numeric_dtype(table[column]):
            raise InputError(f"{path} holds text in the column {column}, which is for numbers: {HOW_TO_MAKE}.")
    return table
