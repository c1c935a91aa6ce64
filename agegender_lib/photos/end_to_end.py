"""End-to-end test: faces put into larger pictures, detected, aligned and predicted again."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from agegender_lib.data import FaceSet
from agegender_lib.data.age_bins import nearest_age
from agegender_lib.files import write_csv
from agegender_lib.photos.alignment import SIDE, corners, crop, inverse
from agegender_lib.photos.reader import PhotoReader
from agegender_lib.runs import MODEL, labels_of, sampled_validation_rows

#: Width and height of the photos; pixels of them per pixel of a face, even in the logarithm; degrees, even.
SIZES, SCALES, ROTATION = ((640, 480), (480, 640), (800, 600)), (0.5, 2.5), 30.0


def place_face(image: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Put a face, uint8 [128, 128, 3], whole and anywhere into a larger picture, before a noisy gradient.

    Returned are the picture, uint8 [h, w, 3], and the similarity from the face's pixels to its own, float64 [2, 3].
    """
    width, height = SIZES[rng.integers(len(SIZES))]
    scale = math.exp(rng.uniform(*np.log(SCALES)))
    turn = math.radians(rng.uniform(-ROTATION, ROTATION))
    half = SIDE / 2 * scale * (abs(math.cos(turn)) + abs(math.sin(turn)))
    fit = min(1.0, (min(width, height) / 2 - 1) / half)  # the largest ones, rotated, hardly fit
    scale, half = scale * fit, half * fit
    centre = rng.uniform(half, width - half), rng.uniform(half, height - half)
    rotation = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    placed = np.column_stack([rotation, np.array(centre) - rotation @ [SIDE / 2, SIDE / 2]])
    colours = rng.uniform(40, 215, (2, 2, 3))
    across, down = np.linspace(0, 1, width)[None, :, None], np.linspace(0, 1, height)[:, None, None]
    upper, lower = (row[0] * (1 - across) + row[1] * across for row in colours)
    background = upper * (1 - down) + lower * down + rng.normal(0, 6, (height, width, 3))
    # outside of the face both are black, so that the face's own edge fades into the background
    face, cover = (crop(Image.fromarray(each), placed, (width, height)) for each in (image, np.full_like(image, 255)))
    return np.clip(background * (1 - cover / 255) + face, 0, 255).round().astype(np.uint8), placed


def end_to_end_predictions(run_folder: str | Path, faces: FaceSet, count: int) -> pd.DataFrame:
    """Read some of a run's validation faces as they are and from photographs that they were put into.

    See ``runs.sampled_validation_rows`` for which. A later call reads ``end_to_end_<count>.csv.gz`` in the run folder.

    Returns
    -------
    DataFrame
        A row per face: its labels but the race; ``scale`` (pixels of the photo per pixel of the face), ``rotation``
        (degrees, clockwise); ``age_crop, p_female_crop`` of the face as it is; ``detected`` (bool: a box holds the
        placed face's centre), ``false_positives`` (elsewhere) and, NaN where not detected, ``age_photo,
        p_female_photo`` and ``alignment_error`` (pixels of 128: root mean square by which the crop's corners lie off).
    """
    kept = Path(run_folder) / f"end_to_end_{count}.csv.gz"
    if not kept.is_file():
        _, rows = sampled_validation_rows(run_folder, faces, count, 0, "detour")  # its former name: the same faces
        write_csv(kept, predict_composited(faces, rows, PhotoReader(Path(run_folder) / MODEL)), float_format="%.5f")
    # the same digits at the first call as at every later one
    return pd.read_csv(kept, dtype={"file": str})


def predict_composited(faces: FaceSet, rows: np.ndarray, reader: PhotoReader) -> pd.DataFrame:
    """The table of :func:`end_to_end_predictions` for these rows of the faces."""
    table = []
    for number in tqdm(rows, desc="photographs", unit="face", disable=None, mininterval=1):
        image = np.asarray(faces.images[number])
        canvas, placed = place_face(image, np.random.default_rng([0, number]))
        crop_read, photo = reader.read(image, aligned=True).faces.iloc[0], reader.read(canvas)
        row = labels_of(faces.table).drop(columns="race").iloc[number].to_dict()
        row |= {"scale": math.hypot(*placed[:, 0]), "rotation": math.degrees(math.atan2(*placed[::-1, 0]))}
        row |= {"age_crop": crop_read["age"], "p_female_crop": crop_read["p_female"]}
        x, y = placed[:, :2] @ [SIDE / 2, SIDE / 2] + placed[:, 2]
        # a photo that was turned is one in which nothing was found where it is
        boxes, back = photo.faces[: 0 if photo.notes else None], inverse(placed)
        right, down = x - boxes["left"], y - boxes["top"]
        holds = right.between(0, boxes["width"]) & down.between(0, boxes["height"])
        row |= {"detected": holds.any(), "false_positives": len(boxes) - holds.any()}
        row |= dict.fromkeys(("age_photo", "p_female_photo", "alignment_error"), np.nan)
        for which in np.flatnonzero(holds)[:1]:
            apart = photo.frames[which] @ back[:, :2].T + back[:, 2] - corners(np.eye(2, 3))
            row |= {"age_photo": boxes["age"][which], "p_female_photo": boxes["p_female"][which]}
            row["alignment_error"] = np.sqrt((apart**2).sum(axis=1).mean())
        table.append(row)
    return pd.DataFrame(table)


def end_to_end_summary(table: pd.DataFrame) -> pd.DataFrame:
    """What the way through a photograph costs, over all faces and by size and rotation.

    Returns
    -------
    DataFrame
        A row per group, the first one "all": ``group, n, detection_rate``, ``false_positives`` (per photo)
        and, of the faces that were detected, ``mae_crop, mae_photo`` (years), ``difference, difference_low,
        difference_high`` (photo less crop, years, with its 95 % interval), ``gender_crop, gender_photo`` (accuracies),
        ``alignment_error`` (median, pixels of 128).
    """
    # a photograph is read without the second that statistics take to import
    from agegender_lib.evaluation.statistics.bootstrap import estimates

    groups = {"all": table["scale"] > 0}
    for low, high in pairwise((0.5, 0.75, 1.0, 1.5, 2.5)):
        groups[f"scale {low:g} to {high:g}"] = table["scale"].between(low, high, "left")
    for low, high in pairwise((0, 10, 20, 30)):
        groups[f"rotation {low} to {high} degrees"] = table["rotation"].abs().between(low, high, "left")
    costs = []
    for name, own in groups.items():
        group, seen = table[own], table[own & table["detected"]]
        cost = {"group": name, "n": len(group), "detection_rate": group["detected"].mean()}
        cost["false_positives"] = group["false_positives"].mean()
        ages = {way: seen[f"age_{way}"] for way in ("crop", "photo")}
        errors = {way: (age - nearest_age(seen, age)).abs() for way, age in ages.items()}
        cost |= {f"mae_{way}": error.mean() for way, error in errors.items()}
        cost |= dict.fromkeys(("difference", "difference_low", "difference_high"), np.nan)
        if len(seen):
            more = {"difference": (errors["photo"] - errors["crop"]).to_numpy()}
            cost |= estimates(more, seen["duplicate_group"].to_numpy())["difference"].columns("difference")
        for way in errors:
            cost[f"gender_{way}"] = ((seen[f"p_female_{way}"] >= 0.5) == seen["gender"]).mean()
        costs.append(cost | {"alignment_error": seen["alignment_error"].median()})
    return pd.DataFrame(costs)[lambda costs: costs["n"] > 0]
