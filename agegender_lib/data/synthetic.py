"""Rendered stand-in faces: a labelled folder like UTKFace's for those who do not have UTKFace.

The pictures are drawn, so that every notebook runs without a download and without a licence; numbers measured on
them say nothing about people. Ages, genders and race codes come in about the proportions of the coursework's data.
A few faces are planted twice, some of them with two different ages, because real face data has such pairs too.
"""

import io
import math
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from agegender_lib.data.drawing.face import draw_face
from agegender_lib.data.filenames import OLDEST
from agegender_lib.errors import InputError
from agegender_lib.files import replacing_folder
from agegender_lib.lock import alone

#: The JPEG comment of every rendered face, by which the importer knows it from a photograph.
COMMENT = b"agegender rendered face"
# as in the coursework's 5,000 files; within a bin all ages are alike, above 80 they thin out
_AGE_BINS = [(0, 2), (3, 9), *((age, age + 9) for age in range(10, 80, 10)), (80, OLDEST)]
_IN_BIN = np.array([341, 318, 318, 1570, 951, 458, 480, 272, 158, 134]) / 5000
_RACES = np.array([2100, 967, 731, 850, 352]) / 5000
_DUPLICATES = 0.01
_LABELS, _DRAWING, _COPY = range(3)  # one random stream each, so that none disturbs another


def plan_faces(count: int, seed: int = 0) -> pd.DataFrame:
    """What `render_faces` writes for the same arguments, without drawing anything.

    Parameters
    ----------
    count
        Number of files. One in a hundred repeats an earlier picture; of four such, two carry another age.
    seed
        Any whole number from 0. The first k rows do not depend on `count`.

    Returns
    -------
    pandas.DataFrame
        file, age, gender, race, original (of a planted duplicate the row that it repeats, else -1) and reencoded
        (the JPEG was compressed again; otherwise its bytes are identical).
    """
    if not (count >= 1 and seed >= 0):
        raise InputError(f"{count} faces of seed {seed} cannot be drawn; give a count from 1 and a seed from 0")
    rows: list[dict] = []
    for index in range(count):
        rng = np.random.default_rng([seed, index, _LABELS])
        low, high = _AGE_BINS[rng.choice(len(_AGE_BINS), p=_IN_BIN)]
        age = int(rng.integers(low, high + 1)) if high < OLDEST else min(high, low + int(rng.exponential(6)))
        row = {"file": "", "age": age, "gender": int(rng.integers(2)), "race": int(rng.choice(5, p=_RACES))}
        row |= {"original": -1, "reencoded": False}
        number = int((index + 1) * _DUPLICATES + 1e-9)
        if index and number > int(index * _DUPLICATES + 1e-9):
            original = int(rng.integers(index))
            original -= rows[original]["original"] >= 0  # two in a row are never planted
            row = rows[original] | {"original": original, "reencoded": number % 2 == 0}
            if number % 4 in (1, 2):
                row["age"] = _other_age(row["age"], rng)
        taken = datetime(2017, 1, 10, 12) + timedelta(seconds=37 * index, milliseconds=int(rng.integers(37_000)))
        name = f"{row['age']}_{row['gender']}_{row['race']}_{taken:%Y%m%d%H%M%S%f}"[:-3]
        rows.append(row | {"file": f"{name}.jpg.chip.jpg"})
    return pd.DataFrame(rows)


def render_faces(folder: str | Path, count: int = 1500, seed: int = 0) -> Path:
    """Fill a folder with UTKFace-named JPEGs of drawn faces, unless it already holds exactly these.

    They appear all at once: an interrupted call leaves no half-filled folder. Of two processes that draw the same one
    waits. For the parameters see `plan_faces`. An InputError when the folder exists and holds anything else.
    """
    folder = Path(folder)
    plan = plan_faces(count, seed)
    if _holds(folder, plan):
        return folder
    with alone(folder.with_name(f".{folder.name}.lock"), f"drawing faces into {folder}", math.inf):
        if _holds(folder, plan):
            return folder
        with replacing_folder(folder) as drawn:
            for row in tqdm(plan.itertuples(), "drawing faces", count, unit="face", mininterval=0.5, delay=2):
                (drawn / row.file).write_bytes(_jpeg(plan, row.Index, seed))
    return folder


def _holds(folder: Path, plan: pd.DataFrame) -> bool:
    """Whether the folder is filled as planned; False when it is missing or empty."""
    if not folder.exists():
        return False
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    # a file browser may have left its hidden files there
    if names and {name for name in names if not name.startswith(".")} != set(plan["file"]):
        raise InputError(
            f"{folder} already holds something other than the {len(plan)} rendered faces asked for "
            "(other files, another count or another seed); name a new folder or delete this one."
        )
    return bool(names)


def _other_age(age: int, rng: np.random.Generator) -> int:
    """An age that disagrees, by up to a third and at most 22 years, the largest conflict in the real data."""
    step = int(rng.integers(1, min(22, max(2, age // 3)) + 1))
    return age - step if (rng.random() < 0.5 and age >= step) or age + step > OLDEST else age + step


def _jpeg(plan: pd.DataFrame, index: int, seed: int) -> bytes:
    row, buffer = plan.iloc[index], io.BytesIO()
    if row["original"] < 0:
        rng = np.random.default_rng([seed, index, _DRAWING])
        image, quality = draw_face(row["age"], row["gender"], row["race"], rng), 75
    elif row["reencoded"]:
        image = Image.open(io.BytesIO(_jpeg(plan, row["original"], seed)))
        quality = int(np.random.default_rng([seed, index, _COPY]).integers(55, 70))
    else:
        return _jpeg(plan, row["original"], seed)
    image.save(buffer, "JPEG", quality=quality, comment=COMMENT)
    return buffer.getvalue()
