"""What the way through a photograph costs: faces put into larger pictures, found again and read."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.evaluation.bootstrap import bootstrap, interval, mean_of

from .framing import SIDE, inverse
from .reader import PhotoReader

#: Pixels of the photo per pixel of the crop: from half to two and a half times its size; even in the logarithm.
SCALES = (0.5, 2.5)
#: Degrees to either side, even.
ROTATION = 30.0
SIZES = ((640, 480), (480, 640), (800, 600))
_SCALE_RANGES = ((0.5, 0.75), (0.75, 1.0), (1.0, 1.5), (1.5, 2.5))
_ROTATION_RANGES = ((0, 10), (10, 20), (20, 30))


def place_face(image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Put a framed face into a larger picture: random size, place and rotation, whole, before a noisy gradient.

    Parameters
    ----------
    image : uint8 [128, 128, 3]
    rng
        Decides everything.

    Returns
    -------
    tuple
        The picture, uint8 [h, w, 3], and the similarity from the crop's pixels to the picture's, float64 [2, 3].
    """
    width, height = SIZES[rng.integers(len(SIZES))]
    scale = math.exp(rng.uniform(*np.log(SCALES)))
    turn = math.radians(rng.uniform(-ROTATION, ROTATION))
    half = SIDE / 2 * scale * (abs(math.cos(turn)) + abs(math.sin(turn)))
    # the largest ones, rotated, hardly fit
    fit = min(1.0, (min(width, height) / 2 - 1) / half)
    scale, half = scale * fit, half * fit
    centre = rng.uniform(half, width - half), rng.uniform(half, height - half)
    rotation = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    placed = np.column_stack([rotation, np.array(centre) - rotation @ [SIDE / 2, SIDE / 2]])
    background = _background(width, height, rng)
    face, cover = (
        _drawn(picture, placed, (width, height)).astype(np.float64)
        for picture in (image, np.full_like(image, 255))
    )
    cover /= 255
    # outside of the face both are black, so that the face's own edge fades into the background
    canvas = background * (1 - cover) + face
    return np.clip(canvas, 0, 255).round().astype(np.uint8), placed


def detour(
    faces: FaceSet, files: list[str], reader: PhotoReader, seed: int = 0, progress: bool = False
) -> pd.DataFrame:
    """Read faces as they are and from photographs that they were put into.

    Parameters
    ----------
    faces : FaceSet
    files : list of str
        Which of them, by file name: faces that the reader's model did not learn from.
    reader : PhotoReader
    seed : int
        Of size, place, rotation and background; every face has its own, whichever others there are.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    DataFrame
        A row per face: ``file, age, gender, duplicate_group``; ``scale`` (pixels of the photo per pixel of the crop),
        ``rotation`` (degrees, clockwise); ``found`` (bool: a face whose box holds the placed face's centre), ``others``
        (finds elsewhere); ``age_crop, p_female_crop`` and, NaN where not found, ``age_photo, p_female_photo``;
        ``error_crop, error_photo`` (absolute, years); ``shift`` (pixels of 128: the root mean square by which the
        frame's corners lie elsewhere than the original crop's); ``warnings``.

    Raises
    ------
    InputError
        If a file is not among the faces, or none is given.
    """
    place = pd.Series(np.arange(len(faces)), index=faces.table["file"])
    strangers = [file for file in files if file not in place.index]
    if strangers or not len(files):
        what = f"{strangers[0]!r} is not among them" if strangers else "none was chosen"
        raise InputError(
            f"{faces.name} holds {len(faces):,} faces, and {what}: give file names of its held-out faces"
        )
    rows = []
    for file in tqdm(files, desc="photographs", unit="face", disable=not progress or None, mininterval=1):
        number = int(place[file])
        image = np.asarray(faces.images[number])
        canvas, placed = place_face(image, np.random.default_rng([seed, number]))
        photo, crop = reader.read(canvas), reader.read(image, framed=True).faces.iloc[0]
        known = faces.table.iloc[number]
        row = known[["file", "age", "gender", "duplicate_group"]].to_dict()
        row["scale"] = float(np.hypot(*placed[:, 0]))
        row["rotation"] = math.degrees(math.atan2(placed[1, 0], placed[0, 0]))
        row["age_crop"], row["p_female_crop"] = crop["age"], crop["p_female"]
        row |= _found(photo, placed)
        rows.append(row)
    table = pd.DataFrame(rows)
    for way in ("crop", "photo"):
        table[f"error_{way}"] = (table[f"age_{way}"] - table["age"]).abs()
    return table


def detour_summary(table: pd.DataFrame, seed: int = 0, resamples: int = 2000) -> pd.DataFrame:
    """What the way through a photograph costs, over all faces and by size and rotation.

    Errors are those of the faces that were found, so that both ways are compared on the same ones.

    Parameters
    ----------
    table
        As :func:`detour` returns it.
    seed, resamples
        Of the bootstrap, in which near-duplicates are drawn together: see ``evaluation.bootstrap``.

    Returns
    -------
    DataFrame
        A row per group, the first one "all": ``group, n, found`` (share), ``others`` (finds that are no face, per
        photo), ``mae_crop, mae_photo`` (years), ``difference, difference_low, difference_high`` (photo less crop,
        years, with its 95 % interval), ``gender_crop, gender_photo`` (accuracies), ``shift`` (median, pixels of 128).
    """
    rows = []
    for name, own in _groups(table).items():
        group, seen = table[own], table[own & table["found"]]
        if group.empty:
            continue
        row: dict[str, object] = {"group": name, "n": len(group)}
        row |= {"found": group["found"].mean(), "others": group["others"].mean()}
        more = (seen["error_photo"] - seen["error_crop"]).to_numpy()
        for way in ("crop", "photo"):
            row[f"mae_{way}"] = seen[f"error_{way}"].mean()
        low = high = np.nan
        if len(seen):
            draws = bootstrap({"more": mean_of(more)}, seen["duplicate_group"].to_numpy(), resamples, seed)
            low, high = interval(draws["more"])
        row |= {"difference": more.mean() if len(more) else np.nan}
        row |= {"difference_low": low, "difference_high": high}
        for way in ("crop", "photo"):
            row[f"gender_{way}"] = ((seen[f"p_female_{way}"] >= 0.5) == seen["gender"]).mean()
        rows.append(row | {"shift": seen["shift"].median()})
    return pd.DataFrame(rows)


def quote_detour(summary: pd.DataFrame) -> dict[str, Any]:
    """What a report says about the way through a photograph.

    Parameters
    ----------
    summary
        As :func:`detour_summary` returns it.

    Returns
    -------
    dict
        The columns of the row of all faces by name, with `most`: the ``group`` and its ``difference`` where the way
        costs the most years.
    """
    rows = summary.set_index("group")
    parts = rows["difference"].drop("all").dropna()
    most = {} if parts.empty else {"group": parts.idxmax(), "difference": float(parts.max())}
    return rows.loc["all"].to_dict() | {"most": most}


def _groups(table: pd.DataFrame) -> Mapping[str, pd.Series]:
    groups = {"all": pd.Series(True, index=table.index)}
    for low, high in _SCALE_RANGES:
        groups[f"scale {low:g} to {high:g}"] = table["scale"].between(low, high, inclusive="left")
    for low, high in _ROTATION_RANGES:
        groups[f"rotation {low} to {high} degrees"] = table["rotation"].abs().between(low, high, "left")
    return groups


def _found(photo, placed: np.ndarray) -> dict:
    """What was read of the placed face, and how many other faces were found."""
    x, y = placed[:, :2] @ [SIDE / 2, SIDE / 2] + placed[:, 2]
    boxes = photo.faces
    holds = boxes["left"].le(x) & boxes["top"].le(y)
    holds &= (boxes["left"] + boxes["width"]).ge(x) & (boxes["top"] + boxes["height"]).ge(y)
    which = np.flatnonzero(holds)
    row = {"found": bool(len(which)), "others": len(boxes) - min(1, len(which))}
    if not len(which):
        return row | {"age_photo": np.nan, "p_female_photo": np.nan, "shift": np.nan, "warnings": ""}
    face = boxes.iloc[which[0]]
    square = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]])
    back = inverse(placed)
    there = photo.frames[which[0]] @ back[:, :2].T + back[:, 2]
    shift = float(np.sqrt(((there - square) ** 2).sum(axis=1).mean()))
    return row | {
        "age_photo": face["age"], "p_female_photo": face["p_female"], "shift": shift, "warnings": face["warnings"]
    }  # fmt: skip


def _background(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """A gradient between four colours with the noise of a camera; float64 [h, w, 3]."""
    colours = rng.uniform(40, 215, (2, 2, 3))
    across, down = np.linspace(0, 1, width)[None, :, None], np.linspace(0, 1, height)[:, None, None]
    upper, lower = (row[0] * (1 - across) + row[1] * across for row in colours)
    return upper * (1 - down) + lower * down + rng.normal(0, 6, (height, width, 3))


def _drawn(image: np.ndarray, placed: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The face alone in a black picture of that size, antialiased where it is shrunk."""
    finer = max(1, math.ceil(1 / np.hypot(*placed[:, 0]) - 1e-6))
    steps = inverse(placed) / [finer, finer, 1]
    large = size[0] * finer, size[1] * finer
    drawn = Image.fromarray(image).transform(
        large, Image.Transform.AFFINE, steps.ravel(), Image.Resampling.BICUBIC
    )
    return np.asarray(drawn.resize(size, Image.Resampling.BICUBIC))
