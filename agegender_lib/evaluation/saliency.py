"""Where models look: what Grad-CAM maps of many faces have in common, and whether random weights would show it as well.

A saliency map is float [h, w] from 0; ``maps`` holds, for every (model, task), those of the faces of ``sampled``, as
``inference.grad_cams`` returns them, and ``random_maps`` the same of networks whose weights were re-initialised
(``inference.randomised``), once for each seed.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from agegender_lib.data.age_bins import AGE_BANDS, age_band
from agegender_lib.data.face_regions import region_masks
from agegender_lib.evaluation.statistics.bootstrap import estimates, mean_of
from agegender_lib.evaluation.tables import MEASURES, check_same_images, scores
from agegender_lib.runs.tables import check_predictions

Maps = Mapping[tuple[str, str], np.ndarray]
ALL = "all"
# Faces of either kind that are shown by themselves.
_EXAMPLES = 3


def sample_faces(predictions: Mapping[str, pd.DataFrame], files: Sequence[str], count: int = 200) -> pd.DataFrame:
    """Faces to compute maps of, the same for all models: ``count`` at most, a tenth of each of the ten age bands.

    ``files`` are those of all faces, in the order of ``faces.images``.

    Returns
    -------
    DataFrame
        A row per face, a band after the other, drawn by a hash of the file name: ``row`` (in ``faces.images``),
        ``file``, ``age``, ``gender``, ``duplicate_group``, ``age_band``.
    """
    tables = [table.set_index("file") for table in predictions.values()]
    for given, table in zip(predictions.values(), tables, strict=True):
        check_predictions(given)
        check_same_images(tables[0], table)
    row = pd.Series(np.arange(len(files)), index=files)
    table = tables[0].assign(row=row, age_band=age_band(tables[0]["age"])).reset_index()
    draw = table["file"].map(lambda file: hashlib.sha256(f"0:look:{file}".encode()).hexdigest())
    table = table.loc[draw.sort_values().index].sort_values("age_band", kind="stable")
    table = table.groupby("age_band", observed=True).head(max(1, count // len(AGE_BANDS)))
    columns = ["row", "file", "age", "gender", "duplicate_group", "age_band"]
    return table[columns].reset_index(drop=True)


def saliency_examples(predictions: Mapping[str, pd.DataFrame], sampled: pd.DataFrame) -> pd.DataFrame:
    """Single faces to show: three that all models predict best, three that they predict worst, of an age band one each.

    Returns
    -------
    DataFrame
        A row per face and model: ``face`` (its row in ``sampled``), ``model``, ``age``, ``gender`` (labels),
        ``age_predicted`` and ``p_female``; the best faces first, each half in the order of age.
    """
    own = [table.set_index("file").loc[sampled["file"]] for table in predictions.values()]
    error, right = np.mean([scores(table)[[*MEASURES]].to_numpy() for table in own], axis=0).T
    ranked = sampled.assign(error=error, wrong=1 - right).sort_values(["wrong", "error"], kind="stable")
    best = ranked.drop_duplicates("age_band").head(_EXAMPLES)
    worst = ranked.drop(index=best.index)[::-1].drop_duplicates("age_band").head(_EXAMPLES)
    shown = [*best.sort_values("age", kind="stable").index, *worst.sort_values("age", kind="stable").index]
    said = pd.concat([table.iloc[shown].assign(face=shown) for table in own], keys=predictions, names=["model"])
    table = said.reset_index().set_index("face").loc[shown].reset_index()
    return table[["face", "model", "age", "gender", "age_predicted", "p_female"]]


def relative_maps(maps: Maps) -> dict[tuple[str, str], np.ndarray]:
    """Every map divided by its own mean: 1 is a pixel's fair share, whatever the model's units.

    An empty map (nothing speaks for the prediction) has no shares and becomes NaN.
    """
    found = {}
    for key, each in maps.items():
        mean = each.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
        found[key] = np.divide(each, mean, out=np.full(each.shape, np.nan, np.float32), where=mean > 0)
    return found


def mean_maps(maps: Maps, sampled: pd.DataFrame, random_maps: Sequence[Maps] = ()) -> pd.DataFrame:
    """Saliency averaged over aligned faces, per model, task and age band; empty maps are left out.

    Returns
    -------
    DataFrame
        model, task, weights ("trained", or "random": over seeds, of all faces), age_band (or "all"), map (float32).
    """
    noise, rows = [relative_maps(one) for one in random_maps], []
    for (model, task), each in relative_maps(maps).items():
        full = _full(each)
        for band, own in _bands(sampled).items():
            if (own & full).any():
                rows.append((model, task, "trained", band, each[own & full].mean(axis=0)))
        others = [one[model, task] for one in noise]
        means = [other[_full(other)].mean(axis=0) for other in others if _full(other).any()]
        if means:
            rows.append((model, task, "random", ALL, np.mean(means, axis=0)))
    return pd.DataFrame(rows, columns=["model", "task", "weights", "age_band", "map"])


def mean_faces(images: np.ndarray, sampled: pd.DataFrame) -> dict[str, np.ndarray]:
    """The average face of all ``sampled``, whose ``images`` are uint8 [n, h, w, 3], and of every age band, by name."""
    bands = _bands(sampled).items()
    return {name: np.rint(images[own].mean(axis=0)).astype(np.uint8) for name, own in bands}


def region_shares(maps: Maps, sampled: pd.DataFrame, random_maps: Sequence[Maps] = ()) -> pd.DataFrame:
    """How much saliency each part of the face gets, relative to its area (region attribution).

    Returns
    -------
    DataFrame
        A row per model, task and region (those of ``data.REGIONS`` and "elsewhere"): n and blank (faces with a map and
        with an empty one); area and share (of the picture and of the saliency, 0 to 1); ratio (share / area: 1 is even
        saliency) with its 95 % interval as ``_low`` and ``_high``; random, the same ratio without what was learned: the
        mean over seeds, and their least and largest as ``_low`` and ``_high`` (NaN without ``random_maps``).
    """
    masks, noise, rows = region_masks(), [relative_maps(one) for one in random_maps], []
    for (model, task), each in relative_maps(maps).items():
        full = _full(each)
        means = {name: mean_of(each[:, mask].mean(axis=1), among=full) for name, mask in masks.items()}
        for name, ratio in estimates(means, sampled["duplicate_group"]).items():
            area = masks[name].mean()
            row = {"model": model, "task": task, "region": name, "n": full.sum(), "blank": (~full).sum()}
            row |= {"area": area, "share": ratio.value * area} | ratio.columns("ratio")
            ratios = [one[model, task][:, masks[name]].mean(axis=1) for one in noise]
            other = [each[np.isfinite(each)].mean() for each in ratios if np.isfinite(each).any()] or [np.nan]
            row |= {"random": np.mean(other), "random_low": min(other), "random_high": max(other)}
            rows.append(row)
    return pd.DataFrame(rows)


def randomisation_check(maps: Maps, random_maps: Sequence[Maps], sampled: pd.DataFrame) -> pd.DataFrame:
    """How alike the maps are to those of the same networks without what they learned (Adebayo et al. 2018).

    The average map may be like random ones because some places of an aligned face have more edges than others; what is
    particular to a face is compared after the average is removed.

    Returns
    -------
    DataFrame
        A row per model and task with Pearson correlations over pixels, means over seeds: ``mean_map_correlation``,
        of the mean maps, where a few places in a row make unrelated maps easily alike by 0.2 or 0.3;
        ``face_correlation``, of each face's map minus the mean map, with its 95 % interval as ``_low`` and ``_high``; n
        (faces) and blank (left out because a map is empty).
    """
    noise, rows = [relative_maps(one) for one in random_maps], []
    for (model, task), each in relative_maps(maps).items():
        full = np.all([_full(one) for one in (each, *(one[model, task] for one in noise))], axis=0)
        mean, own = _mean_and_rest(each[full])
        randoms = [_mean_and_rest(one[model, task][full]) for one in noise]
        faces = np.full(len(full), np.nan)
        faces[full] = np.mean([_correlation(own, rest) for _, rest in randoms], axis=0)
        average = np.mean([_correlation(mean, other) for other, _ in randoms])
        face = estimates({"": mean_of(faces, among=full)}, sampled["duplicate_group"])[""]
        row = {"model": model, "task": task, "n": full.sum(), "blank": (~full).sum()}
        rows.append(row | {"mean_map_correlation": average} | face.columns("face_correlation"))
    return pd.DataFrame(rows)


def _full(each: np.ndarray) -> np.ndarray:
    """Which relative maps are not empty; bool [n]."""
    return ~np.isnan(each[:, 0, 0])


def _bands(sampled: pd.DataFrame) -> dict[str, np.ndarray]:
    """All faces, and those of every age band that occurs: bool [n] by name."""
    bands = {band: (sampled["age_band"] == band).to_numpy() for band in AGE_BANDS}
    return {ALL: np.ones(len(sampled), bool)} | {band: own for band, own in bands.items() if own.any()}


def _mean_and_rest(each: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The average of some maps, and every map minus it; float64 [pixels] and [n, pixels]."""
    flat = each.reshape(len(each), np.prod(each.shape[1:])).astype(np.float64)
    mean = flat.sum(axis=0) / max(1, len(flat))
    return mean, flat - mean


def _correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson correlation along the last axis; NaN where a map is constant."""
    one, other = (each - each.mean(axis=-1, keepdims=True) for each in (one, other))
    scale = np.sqrt((one**2).sum(axis=-1) * (other**2).sum(axis=-1))
    return (one * other).sum(axis=-1) / np.where(scale > 0, scale, np.nan)
