"""The columns of a predictions table, and the checks every metric makes before it counts anything."""

import numpy as np
import pandas as pd

from agegender_lib.errors import InputError

PREDICTION_COLUMNS = (
    "file",
    "split",
    "age",
    "gender",
    "race",
    "duplicate_group",
    "age_predicted",
    "p_female",
)
# A single column of history.csv per quantity, and the same with "val_" before it for the validation images.
CURVES = ("loss", "gender_loss", "gender_accuracy", "age_loss", "age_mae")
HISTORY_COLUMNS = (
    "epoch",
    "stage",
    "seconds",
    "learning_rate",
    *CURVES,
    *(f"val_{curve}" for curve in CURVES),
)


def check_columns(table: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    """Raise InputError when ``table`` is empty or lacks one of ``columns``; ``what`` names it in the message."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(
            f"{what} lacks the column(s) {', '.join(missing)}: train that model again to rewrite it."
        )
    if table.empty:
        raise InputError(f"{what} has no rows: give it at least one image.")


def check_predictions(predictions: pd.DataFrame, one_split: bool = True) -> None:
    """Check that metrics may be computed from a predictions table.

    Parameters
    ----------
    predictions
        One row per image with the columns of ``PREDICTION_COLUMNS``.
    one_split
        Refuse training and validation images in one table: an error averaged over both means nothing.

    Raises
    ------
    InputError
        When a column is missing, there are no rows, a prediction is not a finite number, a file occurs twice,
        or (with ``one_split``) both splits are present.
    """
    check_columns(predictions, PREDICTION_COLUMNS, "The predictions table")
    for column in ("age_predicted", "p_female"):
        broken = int((~np.isfinite(predictions[column].to_numpy(dtype=float))).sum())
        if broken:
            raise InputError(
                f"{broken} of {len(predictions)} values of {column} are not finite numbers: the training has "
                "diverged, so train again with a lower learning rate."
            )
    if predictions["file"].duplicated().any():
        twice = predictions.loc[predictions["file"].duplicated(), "file"].iloc[0]
        raise InputError(f"The predictions table holds {twice!r} more than once: keep one row per image.")
    if one_split and predictions["split"].nunique() > 1:
        names = " and ".join(sorted(predictions["split"].unique()))
        raise InputError(
            f"The predictions table mixes the splits {names}: choose one, for example run.validation."
        )


def predicted_gender(predictions: pd.DataFrame) -> np.ndarray:
    """Gender codes read from P(female): 1 (female) from 0.5 upwards, 0 (male) below; int64 [n]."""
    return (predictions["p_female"].to_numpy() >= 0.5).astype(np.int64)
