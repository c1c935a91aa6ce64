"""The faces that a command or a notebook names in one text: drawn ones, one source, or several as one set."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib.data.cache import FaceSet, find_entry, save_entry, work_folder
from agegender_lib.data.decode import SIZE
from agegender_lib.data.duplicates import duplicate_groups
from agegender_lib.data.importer import load_faces
from agegender_lib.data.label_values import race_names
from agegender_lib.data.labels import expanded
from agegender_lib.data.synthetic import render_faces
from agegender_lib.errors import InputError
from agegender_lib.files import read_rows, write_array
from agegender_lib.folders import CACHE

SYNTHETIC_FACES = 1200
SEED = 0  #: of the drawn faces; one set for everybody
#: Between a source and its table of labels, and between two sources, where all are one text.
WITH, AND = " with ", " + "
_BLOCK = 1024  # faces copied at a time


def load_dataset(source: str | Path = "", synthetic_faces: int = SYNTHETIC_FACES, cache: str | Path = CACHE) -> FaceSet:
    """Load faces to train on, or draw stand-ins when there are none to load.

    Parameters
    ----------
    source : str or Path
        As for `load_sources`; empty for drawn faces.
    synthetic_faces : int
        How many faces to draw; of no effect with a source.
    cache : str or Path
        Where decoded and drawn faces are kept.

    Raises
    ------
    InputError
        As `load_faces`, and where the labels do not tell genders.
    """
    if not str(source):
        source = render_faces(Path(cache) / f"rendered-{synthetic_faces}", synthetic_faces, SEED)
    faces = load_sources(source, cache)
    if (faces.table["gender"] < 0).any():
        raise InputError(
            f"the labels of {source} tell no genders, which training and the report need: give a table that does with "
            "--labels (agegender evaluate does without)"
        )
    return faces


def load_sources(source: str | Path, cache: str | Path = CACHE, allow_rejected: bool = False) -> FaceSet:
    """Load a folder, an archive or a table, see `load_faces`, or several as one set.

    Its table of labels may follow a source, and further sources: "faces.tar with labels.csv + other.zip".
    """
    parts = [
        load_faces(path, cache, labels=labels, allow_rejected=allow_rejected)
        for path, labels in split_source(str(source))
    ]
    return parts[0] if len(parts) == 1 else concatenate(parts, Path(cache).expanduser())


def split_source(source: str) -> list[tuple[str, str]]:
    """Sources and their tables of labels, or "", from one text.

    >>> split_source("faces.tar with labels.csv + other.zip")
    [('faces.tar', 'labels.csv'), ('other.zip', '')]
    """
    if not (AND in source or WITH in source) or Path(source).exists():
        return [(source, "")]
    parts = [part.partition(WITH) for part in source.split(AND)]
    return [(path.strip(), labels.strip()) for path, _, labels in parts]


def resolved(source: str) -> str:
    """The same text for who works in another folder: every source and table by its full path."""
    parts = [[str(expanded(path).resolve()) for path in part if path] for part in split_source(source)]
    return AND.join(WITH.join(part) for part in parts)


def concatenate(parts: Sequence[FaceSet], cache: Path) -> FaceSet:
    """Several sets as one, kept in the cache like a source of its own.

    Its table has a column ``source``, the name of each face's set; races are names in all of it as soon as they are in
    one part, and so are ranges of ages. Near-duplicates are found across the sets. File names that two sets share get
    their set's name before them.
    """
    names = [part.name for part in parts]
    prints = [part.fingerprint for part in parts]
    if len({*prints}) < len(parts):
        raise InputError(f"the same faces are given twice ({AND.join(names)}): give each source once")
    fingerprint = hashlib.sha256("\n".join(prints).encode()).hexdigest()
    key = fingerprint[:16]
    if found := find_entry(cache, key):
        return found
    with work_folder(cache) as work:
        if found := find_entry(cache, key):
            return found
        _write_pixels(parts, work / "images.npy")
        table = _one_table(parts)
        table["duplicate_group"] = duplicate_groups(np.load(work / "images.npy", mmap_mode="r"))
        rejected = [part.rejected.assign(file=part.name + "/" + part.rejected["file"]) for part in parts]
        meta = {
            "name": "+".join(names),
            "fingerprint": fingerprint,
            "rendered": any(part.synthetic for part in parts),
            "notes": [f"{part.name}: {note}" for part in parts for note in part.notes],
            "outside": {},
        }
        return save_entry(cache, key, work, table, pd.concat(rejected, ignore_index=True), meta)


def _one_table(parts: Sequence[FaceSet]) -> pd.DataFrame:
    tables = [part.table.assign(source=part.name) for part in parts]
    common = ["timestamp"] if all("timestamp" in table for table in tables) else []
    common += ["split"] if any("split" in table for table in tables) else []
    named = any(not pd.api.types.is_numeric_dtype(table["race"]) for table in tables)
    ranges = any("age_low" in table for table in tables)
    shared = pd.concat([table["file"] for table in tables])
    shared = set(shared[shared.duplicated()])
    for table in tables:
        table["file"] = [f"{table['source'].iloc[0]}/{file}" if file in shared else file for file in table["file"]]
        if named:
            table["race"] = race_names(table["race"]).astype(str)
        if ranges and "age_low" not in table:
            table["age_low"] = table["age_high"] = table["age"]
        if "split" in common and "split" not in table:
            table["split"] = ""
    ages = ["age", "age_low", "age_high"] if ranges else ["age"]
    columns = ["file", *ages, "gender", "race", *common, "source"]
    return pd.concat([table[columns] for table in tables], ignore_index=True)


def _write_pixels(parts: Sequence[FaceSet], file: Path) -> None:
    blocks = (
        read_rows(part.images, slice(start, start + _BLOCK)) for part in parts for start in range(0, len(part), _BLOCK)
    )
    write_array(file, "uint8", (sum(len(part) for part in parts), SIZE, SIZE, 3), blocks)
