"""Faces, their labels and what every model says of them, joined once so that filters are quick."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib.data import FaceSet
from agegender_lib.evaluation import surprising_labels
from agegender_lib.evaluation.age_distributions import aligned, quantiles
from agegender_lib.evaluation.tables import scores
from agegender_lib.runs import check_same_faces, read_distributions, read_run

LEVEL = 0.8  # of the intervals of the age


def of(column: str, model: str) -> str:
    """The name of a model's column in :func:`face_table`."""
    return f"{column} {model}"


def face_table(faces: FaceSet, runs: Mapping[str, str | Path] | None = None) -> pd.DataFrame:
    """A row per face, in the order of ``faces.images``.

    Parameters
    ----------
    faces : FaceSet
    runs : mapping of str to path, optional
        Model name to the folder of a finished training of these faces.

    Returns
    -------
    DataFrame
        The columns of ``faces.table`` and conflict (bool: a near-duplicate whose ages or genders disagree), then of
        every model, each followed by a space and its name: split ("train", "validation" or "unused"), age_predicted
        (years), p_female, age_error (predicted less labelled, years), gender_wrong (bool), and of the validation faces
        age_surprise and gender_surprise (``evaluation.surprising_labels``) and, where the run has kept its age
        distributions, age_low and age_high (the central 80 % interval, years). NaN where there is nothing to say.

    Raises
    ------
    InputError
        When a run cannot be read, or was made with other faces.
    """
    groups = faces.table.groupby("duplicate_group")
    differ = groups[["age", "gender"]].transform("nunique").gt(1).any(axis=1)
    table = faces.table.assign(conflict=differ & (faces.table["duplicate_group"] >= 0)).reset_index(drop=True)
    parts = [_answers(faces, name, Path(folder)) for name, folder in (runs or {}).items()]
    return pd.concat([table, *parts], axis=1)


def _answers(faces: FaceSet, name: str, folder: Path) -> pd.DataFrame:
    run = read_run(check_same_faces(folder, faces))
    said = run.predictions.set_index("file")
    scored = scores(said)
    found = said[["split", "age_predicted", "p_female"]].assign(
        age_error=scored["age_bias"], gender_wrong=scored["gender_accuracy"] == 0
    )
    # of a face that the network has learnt by heart, an answer near the label says nothing about the label
    held_out = surprising_labels(run.validation).set_index("file")
    found = found.join(held_out[["age_surprise", "gender_surprise"]])
    distributions = read_distributions(folder)
    if distributions is not None:
        found = found.join(_intervals(distributions, run.validation))
    found = found.reindex(faces.table["file"]).reset_index(drop=True)
    found["gender_wrong"] = found["gender_wrong"].fillna(False).astype(bool)
    return found.rename(columns=lambda column: of(column, name))


def _intervals(distributions: pd.DataFrame, validation: pd.DataFrame) -> pd.DataFrame:
    ends = quantiles(*aligned(distributions, validation), np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return pd.DataFrame(ends.clip(min=0), index=validation["file"], columns=["age_low", "age_high"])
