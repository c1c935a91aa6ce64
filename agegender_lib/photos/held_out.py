"""The way through photographs of a training's held-out faces, walked once and kept in its run folder."""

from pathlib import Path

import pandas as pd

from agegender_lib.data import FaceSet
from agegender_lib.files import write_csv
from agegender_lib.runs import MODEL, drawn_rows

from .detour import detour
from .reader import PhotoReader


def held_out_detour(run_folder: str | Path, faces: FaceSet, count: int = 300, seed: int = 0) -> pd.DataFrame:
    """What a run's model reads of some of its validation faces, as they are and out of larger pictures.

    A later call with the same arguments reads ``detour_<count>_<seed>.csv`` in the run folder.

    Parameters
    ----------
    run_folder : str or Path
        With config.json, predictions.csv and, where the answers are not kept yet, model.keras.
    faces : FaceSet
        Those that the run was made with.
    count : int
        How many, see ``runs.drawn_rows``.
    seed : int
        Of the draw, and of each picture.

    Returns
    -------
    DataFrame
        See ``detour.detour``.

    Raises
    ------
    InputError
        See ``runs.drawn_rows``.
    """
    kept = Path(run_folder) / f"detour_{count}_{seed}.csv"
    if not kept.is_file():
        held_out, _ = drawn_rows(run_folder, faces, count, seed, "detour")
        reader = PhotoReader(Path(run_folder) / MODEL)
        table = detour(faces, held_out["file"].to_list(), reader, seed, progress=True)
        write_csv(kept, table, float_format="%.5f")
    # the same digits at the first call as at every later one
    return pd.read_csv(kept, dtype={"file": str, "warnings": str}).fillna({"warnings": ""})
