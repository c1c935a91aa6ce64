"""A trained model's age distributions of its validation faces, computed once and kept in its run folder."""

from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.files import replacing
from agegender_lib.models import age_distribution, load_model
from agegender_lib.models.predict import as_floats, in_batches
from agegender_lib.runs import DISTRIBUTIONS, MODEL, held_out_rows, read_distributions

# Years between an age kept in predictions.csv and the distribution's mean: rounding and another machine's arithmetic.
_TOLERANCE = 0.05


def age_distributions(run_folder: str | Path, faces: FaceSet) -> pd.DataFrame | None:
    """The distributions over ages from which a run's answers to its validation faces are the means.

    They are kept in the run folder as ``age_distributions.npz``, which a later call reads.

    Returns
    -------
    DataFrame or None
        float32; a row per validation face in the order of predictions.csv, its index the file; a column per age in
        years (int: 0, 1, ...). None where the model's age head is a regression, which has no distribution.

    Raises
    ------
    InputError
        If the folder lacks a file, the run was made with other faces, or its files do not belong together.
    """
    folder = Path(run_folder)
    held_out, rows = held_out_rows(folder, faces)
    kept = folder / DISTRIBUTIONS
    table = read_distributions(folder)
    if table is None:
        model = age_distribution(load_model(folder / MODEL))
        if model is None:
            return None
        (values,) = in_batches(
            lambda batch: [model.predict_on_batch(as_floats(batch))],
            faces.images,
            rows=rows,
            doing="age distributions",
        )
        table = pd.DataFrame(values, index=pd.Index(held_out["file"], name="file"))
    _check(table, held_out, folder)
    if not kept.is_file():
        with replacing(kept) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, files=table.index.to_numpy(str), distribution=table.to_numpy())
    return table


def _check(table: pd.DataFrame, held_out: pd.DataFrame, folder: Path) -> None:
    if table.index.tolist() != held_out["file"].tolist():
        raise InputError(
            f"{folder / DISTRIBUTIONS} does not hold the validation faces of predictions.csv: delete it to compute it "
            "again"
        )
    means = table.to_numpy(np.float64) @ table.columns.to_numpy(np.float64)
    apart = float(np.abs(means - held_out["age_predicted"]).max())
    if not apart <= _TOLERANCE:
        raise InputError(
            f"in {folder} the age distributions' means are up to {apart:.2f} years from the ages in predictions.csv: "
            f"delete {DISTRIBUTIONS} if it is there; else model.keras is not the model that made predictions.csv, so "
            "train again"
        )
