"""The faces that a finished training held out."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.runs.folder import DISTRIBUTIONS, PREDICTIONS, check_same_faces, existing


def validation_rows(run_folder: str | Path, faces: FaceSet) -> tuple[pd.DataFrame, np.ndarray]:
    """A run's validation rows of predictions.csv, and the rows of ``faces.images`` with their pixels, int64 [n]."""
    folder = check_same_faces(run_folder, faces)
    predictions = pd.read_csv(existing(folder / PREDICTIONS), dtype={"file": str, "split": str})
    held_out = predictions[predictions["split"] == "validation"].reset_index(drop=True)
    place = pd.Series(np.arange(len(faces)), index=faces.table["file"])
    return held_out, place[held_out["file"]].to_numpy()


def read_distributions(folder: str | Path) -> pd.DataFrame | None:
    """A run's age distributions of its validation faces, if they are kept: a row per file, a column per year."""
    path = Path(folder) / DISTRIBUTIONS
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            return pd.DataFrame(kept["distribution"], index=pd.Index(kept["files"].astype(str), name="file"))
    except Exception as error:
        raise InputError(f"{path} cannot be read ({error}): delete it to compute it again") from error


def sampled_validation_rows(
    run_folder: str | Path, faces: FaceSet, count: int, seed: int, purpose: str
) -> tuple[pd.DataFrame, np.ndarray]:
    """Some of :func:`validation_rows`, drawn by a hash of seed, purpose and file name; all where there are fewer.

    The faces of a smaller count are among those of a larger one, and all runs of one split get the same.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError(f"{purpose} was asked for with {count!r} faces: give a whole number from 1")
    held_out, place = validation_rows(run_folder, faces)
    draw = held_out["file"].map(lambda file: hashlib.sha256(f"{seed}:{purpose}:{file}".encode()).hexdigest())
    rows = draw.sort_values().index[:count]
    return held_out.loc[rows].reset_index(drop=True), place[rows]
