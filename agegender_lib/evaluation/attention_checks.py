"""Whether maps show what was learned, single faces to look at, and what a report says of both."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.evaluation.attention import Maps, attention_of
from agegender_lib.evaluation.attention_faces import faces_of
from agegender_lib.evaluation.bootstrap import bootstrap, interval, mean_of

_CHECKED = ("model", "task", "n", "blank", "average", "average_low", "average_high", "seeds", "face", "face_low",
            "face_high")  # fmt: skip


def randomisation_check(
    maps: Maps,
    random_maps: Sequence[Maps],
    looked_at: pd.DataFrame,
    resamples: int = 2000,
) -> pd.DataFrame:
    """How alike the maps are to those of the same networks without what they learned (Adebayo et al. 2018).

    The average map is one thing that faces' maps can share with random ones, because some places of an aligned face
    have more edges than others. What is particular to a face is another: it is compared after the average is removed.

    Parameters
    ----------
    maps, random_maps
        As ``models.grad_cams`` returns them for the faces of ``looked_at``; the random ones of networks whose weights
        were drawn anew (``models.randomised``), one for each seed.
    looked_at
        As ``faces_to_look_at`` returns it.
    resamples
        Number of the bootstrap's draws, which keep duplicates together.

    Returns
    -------
    DataFrame
        A row per model and task. All are Pearson correlations over pixels: ``average``, of the average maps, the mean
        over seeds, with the least and the largest as ``_low`` and ``_high``; ``seeds``, between the average maps of
        random networks (NaN for a single seed); ``face``, of each face's map less the average map, the mean over seeds
        and faces with its 95 % interval as ``_low`` and ``_high``; n (faces) and blank (left out because a map is
        empty). The maps have only about six places in a row, so that two unrelated average maps are easily alike by
        0.2 or 0.3.

    Raises
    ------
    InputError
        Without random maps, or where their faces are not those of ``maps``.
    """
    if len(random_maps) == 0:
        raise InputError("There are no maps of random networks to compare with: give one for each seed.")
    noise, rows = [attention_of(one) for one in random_maps], []
    for (model, task), each in attention_of(maps).items():
        others = [one[model, task] for one in noise]
        if any(other.shape != each.shape for other in others):
            raise InputError(
                f"The random maps of {model} are not of its {len(each)} faces: compute them again."
            )
        full = ~np.isnan([one[:, 0, 0] for one in (each, *others)]).any(axis=0)
        if not full.any():
            rows.append({"model": model, "task": task, "n": 0, "blank": len(full)})
            continue
        groups = faces_of(looked_at, model, each)["duplicate_group"].to_numpy()[full]
        mean, own = _mean_and_rest(each[full])
        randoms = [_mean_and_rest(other[full]) for other in others]
        average = [_alike(mean[None], other[None])[0] for other, _ in randoms]
        between = [_alike(a[None], b[None])[0] for (a, _), (b, _) in combinations(randoms, 2)]
        face = np.mean([_alike(own, other) for _, other in randoms], axis=0)
        low, high = interval(bootstrap({"face": mean_of(face)}, groups, resamples)["face"])
        rows.append(
            dict(
                model=model, task=task, n=int(full.sum()), blank=int((~full).sum()), average=np.mean(average),
                average_low=np.min(average), average_high=np.max(average),
                seeds=np.mean(between) if between else np.nan, face=face.mean(), face_low=low, face_high=high,
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=_CHECKED)


def attention_examples(looked_at: pd.DataFrame, count: int = 6) -> pd.DataFrame:
    """Single faces to show: half that all models answer best, half that they answer worst, of different ages.

    Parameters
    ----------
    looked_at
        As ``faces_to_look_at`` returns it.
    count
        How many, at most one of an age band in either half.

    Returns
    -------
    DataFrame
        face (as in ``looked_at``) and wrong (how many answers of all models are: a wrong gender, or an age error in
        the largest third of its age band), the best first, each half in the order of age.
    """
    wrong = (looked_at["gender_answer"] == "wrong") * 1.0 + (looked_at["age_answer"] == "far")
    # between faces with as many wrong answers, the age tells
    error = (looked_at["age_predicted"] - looked_at["age"]).abs()
    table = looked_at.assign(wrong=wrong, error=error, gender_wrong=looked_at["gender_answer"] == "wrong")
    table = table.groupby("face").agg(
        wrong=("wrong", "sum"), gender_wrong=("gender_wrong", "sum"), error=("error", "mean"), age=("age", "first"),
        age_band=("age_band", "first"),
    )  # fmt: skip
    worst = table.sort_values(["gender_wrong", "wrong", "error"], ascending=False, kind="stable")
    best = table.sort_values(["wrong", "error"], kind="stable")
    halves, taken = [], []
    for order, size in ((best, count - count // 2), (worst, count // 2)):
        order = order.drop(index=taken)
        half = order[~order["age_band"].duplicated()].head(size)
        taken += half.index.tolist()
        halves.append(half.sort_values("age", kind="stable"))
    return pd.concat(halves).reset_index()[["face", "wrong"]].astype({"wrong": int})


def _mean_and_rest(each: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = each.reshape(len(each), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    return mean, flat - mean


def _alike(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson correlation of each pair of rows; 0 where a row is constant."""
    one, other = (rows - rows.mean(axis=1, keepdims=True) for rows in (one, other))
    above = (one * other).sum(axis=1)
    below = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
