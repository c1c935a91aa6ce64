"""Which faces saliency maps are computed of, and which of them are shown."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from agegender_lib.data.bands import AGE_BANDS, age_band
from agegender_lib.errors import InputError
from agegender_lib.evaluation.tables import check_same_images, scores
from agegender_lib.runs.tables import check_predictions


def sample_faces(
    predictions: Mapping[str, pd.DataFrame], files: Sequence[str], count: int = 200
) -> pd.DataFrame:
    """Faces to compute maps of, the same for all models: as many of every age band, where there are as many.

    Parameters
    ----------
    predictions
        Model name to its predictions of one split, the same images for all.
    files
        The file names of all faces, in the order of ``faces.images``.
    count
        How many at most, a tenth of them of each of the ten bands, one at least.

    Returns
    -------
    DataFrame
        A row per face, a band after the other, drawn by a hash of the file name: ``row`` (in ``faces.images``),
        ``file``, ``age``, ``gender``, ``duplicate_group``, ``age_band``.

    Raises
    ------
    InputError
        When the models answered different images, a file is not among ``files``, or see ``tables.check_predictions``.
    """
    tables = [table.set_index("file") for table in predictions.values()]
    for given, table in zip(predictions.values(), tables, strict=True):
        check_predictions(given)
        check_same_images(tables[0], table)
    row = pd.Series(np.arange(len(files)), index=files)
    strangers = tables[0].index.difference(row.index)
    if len(strangers):
        raise InputError(
            f"{strangers[0]!r} is not among the {len(files)} faces: use the data the runs were made with."
        )
    table = tables[0].assign(row=row, age_band=age_band(tables[0]["age"])).reset_index()
    draw = table["file"].map(lambda file: hashlib.sha256(f"0:look:{file}".encode()).hexdigest())
    table = table.loc[draw.sort_values().index].sort_values("age_band", kind="stable")
    table = table.groupby("age_band", observed=True).head(max(1, count // len(AGE_BANDS)))
    columns = ["row", "file", "age", "gender", "duplicate_group", "age_band"]
    return table[columns].reset_index(drop=True)


def saliency_examples(
    predictions: Mapping[str, pd.DataFrame], sampled: pd.DataFrame, count: int = 6
) -> pd.DataFrame:
    """Single faces to show: half that all models answer best, half that they answer worst.

    Parameters
    ----------
    predictions, sampled
        As :func:`sample_faces` takes and returns them.
    count
        How many, at most one of an age band in either half.

    Returns
    -------
    DataFrame
        A row per face and model: ``face`` (its row in ``sampled``), ``model``, ``age``, ``gender`` (labels),
        ``age_predicted`` and ``p_female``; the best faces first, each half in the order of age.
    """
    own = [table.set_index("file").loc[sampled["file"]] for table in predictions.values()]
    error, _, right = np.mean([scores(table).to_numpy() for table in own], axis=0).T
    ranked = sampled.assign(error=error, wrong=1 - right).sort_values(["wrong", "error"], kind="stable")
    best = ranked.drop_duplicates("age_band").head(count - count // 2)
    worst = ranked.drop(index=best.index)[::-1].drop_duplicates("age_band").head(count // 2)
    shown = [*best.sort_values("age", kind="stable").index, *worst.sort_values("age", kind="stable").index]
    said = pd.concat(
        [table.iloc[shown].assign(face=shown) for table in own], keys=predictions, names=["model"]
    )
    table = said.reset_index().set_index("face").loc[shown].reset_index()
    return table[["face", "model", "age", "gender", "age_predicted", "p_female"]]
