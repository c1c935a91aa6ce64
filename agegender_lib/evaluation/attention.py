"""Where models look: what their Grad-CAM maps have in common."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from agegender_lib.data.bands import AGE_BANDS
from agegender_lib.data.regions import region_masks
from agegender_lib.evaluation.attention_faces import ANSWERS, faces_of
from agegender_lib.evaluation.bootstrap import bootstrap, interval, mean_of

Maps = Mapping[tuple[str, str], np.ndarray]
ALL = "all"


def attention_of(maps: Maps) -> dict[tuple[str, str], np.ndarray]:
    """Every map divided by its own mean: 1 is a pixel's fair share, whatever the model's units.

    A map without anything in it (nothing speaks for the answer) has no shares and becomes NaN, which the tables made
    of it count as ``blank``.

    Parameters
    ----------
    maps
        (model, task) to float [n, h, w] from 0, as ``models.grad_cams`` returns them.
    """
    found = {}
    for key, each in maps.items():
        mean = each.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
        found[key] = np.divide(each, mean, out=np.full(each.shape, np.nan, np.float32), where=mean > 0)
    return found


def mean_maps(maps: Maps, looked_at: pd.DataFrame, random_maps: Sequence[Maps] = ()) -> pd.DataFrame:
    """Attention averaged over faces that are aligned: per model, task, age band and kind of answer.

    Parameters
    ----------
    maps, random_maps
        As ``models.grad_cams`` returns them for the faces of ``looked_at``; the random ones of networks whose weights
        were drawn anew (``models.randomised``), one for each seed.
    looked_at
        As :func:`faces_to_look_at` returns it.

    Returns
    -------
    DataFrame
        model, task, weights ("trained", or "random": the mean over seeds), age_band (or "all"), answers ("all", or see
        ``ANSWERS``), n (faces), blank (faces left out because their map is empty), map (float32 [h, w], mean 1). Only
        what occurs has a row.
    """
    rows = []
    for weights, several in (("trained", [maps]), ("random", list(random_maps))):
        for number, one in enumerate(several):
            for (model, task), each in attention_of(one).items():
                faces = faces_of(looked_at, model, each)
                for band, answers, chosen in _subsets(faces, task):
                    full = chosen & ~np.isnan(each[:, 0, 0])
                    if full.any():
                        rows.append(
                            dict(
                                model=model, task=task, weights=weights, age_band=band, answers=answers, seed=number,
                                n=int(full.sum()), blank=int(chosen.sum() - full.sum()), map=each[full].mean(axis=0),
                            )
                        )  # fmt: skip
    if len(random_maps) == 0:
        return pd.DataFrame(rows).drop(columns="seed")
    keys = ["model", "task", "weights", "age_band", "answers"]
    groups = pd.DataFrame(rows).groupby(keys, sort=False)
    means = []
    for key, group in groups:
        # the faces that a mean over seeds can be sure of
        counts = dict(n=group["n"].min(), blank=group["blank"].max())
        means.append(dict(zip(keys, key, strict=True), **counts, map=np.mean(list(group["map"]), axis=0)))
    return pd.DataFrame(means)


def mean_faces(images: np.ndarray, looked_at: pd.DataFrame) -> dict[str, np.ndarray]:
    """The average face of every age band and of all: name to uint8 [h, w, 3].

    Parameters
    ----------
    images
        uint8 [n, h, w, 3], the faces of ``looked_at`` in its order.
    """
    faces = faces_of(looked_at, looked_at["model"].iloc[0], images)
    groups = {ALL: images} | {
        band: images[(faces["age_band"] == band).to_numpy()]
        for band in AGE_BANDS
        if (faces["age_band"] == band).any()
    }
    return {name: np.rint(group.mean(axis=0)).astype(np.uint8) for name, group in groups.items()}


def region_shares(
    maps: Maps,
    looked_at: pd.DataFrame,
    random_maps: Sequence[Maps] = (),
    resamples: int = 2000,
) -> pd.DataFrame:
    """How much attention each part of the face gets, relative to its area.

    Parameters
    ----------
    maps, looked_at, random_maps
        As for :func:`mean_maps`.
    resamples
        Number of the bootstrap's draws, which keep duplicates together.

    Returns
    -------
    DataFrame
        A row per model, task, kind of answer ("all" first) and region (those of ``data.REGIONS`` and "elsewhere"): n
        and blank as in :func:`mean_maps`; area and share (of the picture and of the attention, 0 to 1); ratio (share /
        area: 1 is even attention) with its 95 % interval as ``_low`` and ``_high``; random, the same ratio without
        what was learned: the mean over seeds, and their least and largest as ``_low`` and ``_high`` (NaN without
        ``random_maps``).
    """
    masks, rows = region_masks(), []
    noise = [attention_of(one) for one in random_maps]
    for (model, task), each in attention_of(maps).items():
        faces = faces_of(looked_at, model, each)
        groups = faces["duplicate_group"].to_numpy()
        ratios = {name: each[:, mask].mean(axis=1, dtype=np.float64) for name, mask in masks.items()}
        for band, answers, chosen in _subsets(faces, task):
            full = chosen & ~np.isnan(each[:, 0, 0])
            # of all faces there is a row even where every map is empty, which then says so
            if band != ALL or not (full.any() or answers == ALL):
                continue
            draws = dict.fromkeys(masks, np.array([]))
            if full.any():
                statistics = {name: mean_of(values[full]) for name, values in ratios.items()}
                draws = bootstrap(statistics, groups[full], resamples)
            for name, mask in masks.items():
                ratio = float(ratios[name][full].mean()) if full.any() else np.nan
                low, high = interval(draws[name])
                other = [_of_full(one[model, task][chosen], mask) for one in noise] or [np.nan]
                rows.append(
                    dict(
                        model=model, task=task, answers=answers, region=name, n=int(full.sum()),
                        blank=int(chosen.sum() - full.sum()), area=mask.mean(), share=ratio * mask.mean(), ratio=ratio,
                        ratio_low=low, ratio_high=high, random=np.mean(other), random_low=np.min(other),
                        random_high=np.max(other),
                    )
                )  # fmt: skip
    return pd.DataFrame(rows)


def _of_full(each, mask):
    full = each[~np.isnan(each[:, 0, 0])]
    return float(full[:, mask].mean(dtype=np.float64)) if len(full) else np.nan


def _subsets(faces, task):
    """(age band, kind of answer, bool [n]) of everything a mean is wanted of."""
    bands = [(ALL, np.ones(len(faces), bool))] + [
        (band, (faces["age_band"] == band).to_numpy()) for band in AGE_BANDS
    ]
    kinds = [(ALL, np.ones(len(faces), bool))] + [
        (kind, (faces[f"{task}_answer"] == kind).to_numpy()) for kind in ANSWERS[task]
    ]
    return [(band, kind, of & by) for band, of in bands for kind, by in kinds if (of & by).any()]
