"""Labelled photographs to labelled faces in UTKFace's frame: a folder that can be trained on and judged on."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from agegender_lib.data.filenames import GENDERS, base_name, printable
from agegender_lib.data.label_values import OLDEST_LABEL, race_names
from agegender_lib.data.labels import UTKFACE, find_labels, given_paths, read_labelled
from agegender_lib.errors import InputError
from agegender_lib.files import replacing_folder
from agegender_lib.photos.alignment import aligning_transform, crop
from agegender_lib.photos.detector import FaceDetector
from agegender_lib.photos.pictures import open_picture

LABELS = "labels.csv"


def align_faces(
    source: str | Path, folder: str | Path, labels: str | Path = "", detector: FaceDetector | None = None
) -> tuple[int, pd.DataFrame]:
    """Find the largest face of each labelled photograph and write it, aligned like UTKFace's, as PNG.

    Parameters
    ----------
    source, labels : str or Path
        As for ``data.load_faces``, but the pictures may be of any size and shape.
    folder : str or Path
        Is made; UTKFace's names stay the labels, others are written to ``labels.csv`` in it.
    detector : FaceDetector, optional
        Anything with the method ``find``.

    Returns
    -------
    int, DataFrame
        How many faces were written, and of every other file or row, ``file`` and ``reason``.

    Raises
    ------
    InputError
        As ``data.load_faces``; if no face is found at all, or the folder exists and is not empty.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already: name a new folder")
    source, given = given_paths(source, labels)
    found = find_labels(source, given)
    detector, written, left_out = detector or FaceDetector(), [], list(found.unusable)
    files = tqdm(
        read_labelled(source, found), "aligning faces", len(found.of), unit="photo", disable=None, mininterval=0.5
    )
    with replacing_folder(folder) as place:
        for path, content in files:
            face = content if isinstance(content, str) else _aligned(content, detector)
            if isinstance(face, str):
                left_out.append((printable(path), face))
                continue
            name = f"{base_name(path).partition('.')[0]}.png"
            if (place / name).exists():  # of another folder
                name = f"{len(written)}-{name}"
            Image.fromarray(face).save(place / name)
            written.append((name, *found.of[path][1:]))
        if not written:
            first = "; ".join(f"{path}: {reason}" for path, reason in left_out[:3])
            raise InputError(f"no face was found in {source} ({first}): give photographs with faces")
        table = pd.DataFrame(written, columns=["file", *found.columns[1:]])
        if found.columns != UTKFACE.columns:
            _as_read_again(table).to_csv(place / LABELS, index=False)
    return len(written), pd.DataFrame(left_out, columns=["file", "reason"])


def _aligned(content: bytes, detector: FaceDetector) -> np.ndarray | str:
    """The largest face, uint8 [128, 128, 3], or why there is none."""
    try:
        pixels = open_picture(content)
    except InputError as error:
        return str(error)
    found = detector.find(pixels)
    return crop(Image.fromarray(pixels), aligning_transform(found.landmarks[0])) if len(found) else "no face found"


def _as_read_again(table: pd.DataFrame) -> pd.DataFrame:
    """Labels as a table of labels has them: words, and ranges in one column."""
    if "age_low" in table:
        ends = zip(table["age"], table.pop("age_low"), table.pop("age_high"), strict=True)
        table["age"] = [_range(*each) for each in ends]
    table["gender"] = table["gender"].map(dict(enumerate(GENDERS))).fillna("")
    table["race"] = race_names(table["race"])
    return table.drop(columns="gender") if (table["gender"] == "").all() else table


def _range(age: float, low: float, high: float) -> str:
    return f"{age:g}" if low == high else f"{low:g}+" if high == OLDEST_LABEL else f"{low:g}-{high:g}"
