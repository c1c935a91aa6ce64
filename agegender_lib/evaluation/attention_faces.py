"""Which faces to compute maps of, and how well each model answers them."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from agegender_lib.data.bands import age_band
from agegender_lib.errors import InputError
from agegender_lib.evaluation.tables import check_same_images, predicted_gender
from agegender_lib.runs.tables import check_predictions

# By task: a gender is right or wrong. An age is never exactly right, so its errors are in thirds.
ANSWERS = {"age": ("close", "middle", "far"), "gender": ("right", "wrong")}


def faces_to_look_at(
    predictions: Mapping[str, pd.DataFrame], files: Sequence[str], count: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Faces to compute maps of, the same for all models: as many of every age band as there are.

    Up to half of a band are faces whose gender some model reads wrongly, more than there are of them by chance, so
    that there is something to compare. Within that the draw is by a hash of seed and file name.

    Parameters
    ----------
    predictions
        Model name to its predictions of one split, the same images for all.
    files
        The file names of all faces, in the order of ``faces.images``.
    count
        How many; fewer where there are fewer.
    seed
        Of the draw.

    Returns
    -------
    DataFrame
        A row per model and face: model, face (0, 1, ... in the order of the maps), row (in ``faces.images``), file,
        age, gender, race, duplicate_group, age_band, age_predicted, p_female, gender_answer ("right" or "wrong") and
        age_answer ("close", "middle" or "far": thirds of the model's absolute errors within the age band, because
        errors grow with age).

    Raises
    ------
    InputError
        When the models answered different images, a file is not among ``files``, or see ``tables.check_predictions``.
    """
    if not predictions or count < 1:
        raise InputError(
            f"There are {len(predictions)} models and {count} faces to look at: give at least one of each."
        )
    answers = {name: _answers(table) for name, table in predictions.items()}
    first = next(iter(answers.values()))
    for table in answers.values():
        check_same_images(first, table)
    strangers = first.index.difference(pd.Index(files))
    if len(strangers):
        raise InputError(
            f"{strangers[0]!r} is not among the {len(files)} faces: use the data the runs were made with."
        )
    wrong = np.any([table.loc[first.index, "gender_answer"] == "wrong" for table in answers.values()], axis=0)
    chosen = _balanced(first.assign(wrong=wrong), count, seed)
    place = pd.Series(np.arange(len(files)), index=files)
    tables = [
        table.loc[chosen]
        .reset_index()
        .assign(model=name, face=np.arange(len(chosen)), row=place[chosen].to_numpy())
        for name, table in answers.items()
    ]
    columns = ["model", "face", "row", *tables[0].columns.drop(["model", "face", "row", "split"])]
    return pd.concat(tables, ignore_index=True)[columns]


def _answers(predictions):
    check_predictions(predictions)
    table = predictions.assign(age_band=age_band(predictions["age"])).set_index("file")
    error = (table["age_predicted"] - table["age"]).abs()
    rank = error.groupby(table["age_band"], observed=True).rank(pct=True, method="first")
    table["gender_answer"] = np.where(predicted_gender(table) == table["gender"], "right", "wrong")
    table["age_answer"] = np.select([rank <= 1 / 3, rank <= 2 / 3], ANSWERS["age"][:2], ANSWERS["age"][2])
    return table


def _balanced(table: pd.DataFrame, count: int, seed: int) -> list[str]:
    """File names, a band after the other."""
    draw = [hashlib.sha256(f"{seed}:look:{file}".encode()).hexdigest() for file in table.index]
    table = table.iloc[np.argsort(draw)]
    bands = {band: rows for band, rows in table.groupby("age_band", observed=True)}
    # bands with few faces leave their places to the others
    quota, left = {}, min(count, len(table))
    for number, band in enumerate(sorted(bands, key=lambda band: len(bands[band]))):
        quota[band] = min(len(bands[band]), round(left / (len(bands) - number)))
        left -= quota[band]
    chosen = []
    for band, rows in bands.items():
        wrong = rows.index[rows["wrong"]][: quota[band] // 2]
        others = rows.index.difference(wrong, sort=False)
        # right ones first: a wrong one beyond its half only where nothing else is left
        others = [*others[~rows.loc[others, "wrong"]], *others[rows.loc[others, "wrong"]]]
        chosen += [*wrong, *others[: quota[band] - len(wrong)]]
    return chosen


def faces_of(looked_at: pd.DataFrame, model: str, each: np.ndarray) -> pd.DataFrame:
    """The rows of ``looked_at`` that are one model's, in the order of the maps; checks that there is one for each."""
    faces = looked_at[looked_at["model"] == model].sort_values("face")
    if len(faces) != len(each):
        raise InputError(
            f"There are {len(each)} maps or images and {len(faces)} faces of {model}: compute the maps of "
            "faces.images[looked_at['row'].unique()]."
        )
    return faces
