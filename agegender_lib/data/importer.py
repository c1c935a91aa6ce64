"""Labelled face images to one table and one array.

Every file of a source, and every row of its table of labels, ends either in the table or among the rejected ones, with
its reason. A face counts once:
downloads of UTKFace carry some faces again in further folders, and a file name, which holds labels and the moment of
collection, names one face. Of several readable files with one name the one with the first path is kept; the others are
rejected even when their content differs, because it is the same photograph in another size or compression. The same
content under different names is kept: that is one photograph labelled twice, and the common duplicate_group says so.
A table of labels may name one file name in several folders: its faces are told apart by their paths there.
"""

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from tqdm import tqdm

from agegender_lib.data.archives import list_folder, source_name
from agegender_lib.data.cache import FaceSet, find_entry, save_entry, source_key, work_folder
from agegender_lib.data.decode import NO_SQUARE, SIZE, Decoded, NotAFace, decode_face
from agegender_lib.data.duplicates import duplicate_groups
from agegender_lib.data.filenames import printable
from agegender_lib.data.labels import UTKFACE, Labels, expanded, find_labels, given_paths, read_labelled
from agegender_lib.errors import InputError
from agegender_lib.files import read_rows, write_array
from agegender_lib.folders import CACHE

#: Above this share of a table's rows, what cannot be used is no exception, and the table, or the source, is wrong.
MOST_UNUSABLE = 0.05
_BATCH = 256
_BATCH_BYTES = 32 * 1024**2
_FOUND = ["path", "sha256", "slot", "synthetic", "notes"]  # the slot counts pixels in the order of arrival


def load_faces(
    source: str | Path, cache: str | Path = CACHE, *, labels: str | Path = "", allow_rejected: bool = False
) -> FaceSet:
    """Read labelled faces; decode them the first time, open the cached array from then on.

    Parameters
    ----------
    source : str or Path
        A folder (searched recursively) or a .tar, .tar.gz, .tgz or .zip of it, with pictures (JPEG, PNG, WebP) that are
        squares of 48 pixels and more, each a face; or a table that holds the pictures itself. Archives are read in
        place, never unpacked. The labels stand in the names (of UTKFace, AgeDB, FG-NET) or in a table: see
        :mod:`agegender_lib.data.labels`.
    cache : str or Path
        Folder for the decoded faces, 49 KB each.
    labels : str or Path
        A .csv, .tsv or .parquet with a row per face: file, age (or a range), and maybe gender, race and split;
        left out: found by itself.
    allow_rejected : bool
        Go on where more than 5 % of the rows cannot be used. Once allowed, the same source is not asked about again.

    Returns
    -------
    FaceSet
        Sorted by file name. The same faces give the same table, images and fingerprint (a SHA-256 over the sorted file
        names and the SHA-256 of each file's bytes, and over labels that are not in the names) whether they come as a
        folder, a tar or a zip.

    Raises
    ------
    InputError
        When the source does not exist, is of no supported kind, is damaged, holds a member that leads outside
        of it, or holds no usable face at all; when a table of labels cannot be used; when the cache cannot be written.
    """
    source, given, cache = *given_paths(source, labels), expanded(cache)
    key = source_key(source, given)
    return find_entry(cache, key) or _import(source, cache, key, given, allow_rejected)


def _import(source: Path, cache: Path, key: str, given: Path | None, allow_rejected: bool) -> FaceSet:
    with work_folder(cache) as work:
        if imported := find_entry(cache, key):  # by another process meanwhile
            return imported
        labels = find_labels(source, given)
        arrived = work / "arrived"  # pixels as they come; their order in the array is known only at the end
        with open(arrived, "wb") as pixels, ThreadPoolExecutor(os.cpu_count()) as pool, warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")  # of metadata, which nobody reads here
            found, rejected = _read(source, labels, pool, pixels)
        if not found:
            raise InputError(_nothing_found(source, sorted(rejected)))
        readable = pd.DataFrame(found, columns=[*labels.columns, *_FOUND]).sort_values(["file", "path"])
        first, again = readable.groupby("file")[["path", "sha256"]].transform("first"), readable["file"].duplicated()
        version = np.where(readable["sha256"] == first["sha256"], "duplicate of ", "another version of ")
        rejected += zip(readable["path"][again], (version + first["path"])[again], strict=True)
        faces = readable[~again].reset_index(drop=True)
        if not allow_rejected:
            _refuse_many(source, labels, len(faces), rejected)
        _sort_pixels(arrived, work / "images.npy", faces["slot"].to_numpy())
        arrived.unlink()
        table = faces[labels.columns]
        # The array is not kept in a variable: Windows renames no folder of which a file is mapped.
        table["duplicate_group"] = duplicate_groups(np.load(work / "images.npy", mmap_mode="r"))
        meta = {
            "name": source_name(source),
            "fingerprint": _fingerprint(faces, labels),
            "rendered": bool(faces["synthetic"].any()),
            "notes": [*labels.notes, *_resized(faces["notes"])],
            "outside": {str(path.resolve()): source_key(path) for path in labels.outside},
        }
        unused = pd.DataFrame(sorted(rejected + labels.unusable), columns=["file", "reason"], dtype=str)
        return save_entry(cache, key, work, table, unused, meta)


def _fingerprint(faces: pd.DataFrame, labels: Labels) -> str:
    columns = ["file", "sha256"]
    if labels.columns != UTKFACE.columns:  # whose names are the labels
        columns += labels.columns[1:]
    rows = faces[columns].astype(str).itertuples(index=False, name=None)
    return hashlib.sha256("".join("\0".join(row) + "\n" for row in rows).encode()).hexdigest()


def _resized(notes: pd.Series) -> list[str]:
    """In words, how many faces were not what the coursework has."""
    counts = Counter(note for each in notes for note in each)
    words = [f"{count:,} {note}" for note, count in counts.most_common(6)]
    more = f" and {len(counts) - 6} other kinds" if len(counts) > 6 else ""
    return [f"made {SIZE} x {SIZE} colours: {', '.join(words)}{more}"] if words else []


def _read(source: Path, labels: Labels, pool: Executor, pixels: BinaryIO) -> tuple[list[tuple], list[tuple[str, str]]]:
    found, rejected = [], []
    decoded: dict[str, tuple | str] = {}  # by SHA-256: where the pixels are, or why there are none
    slots = 0
    # Short imports show no bar.
    total = len(list_folder(source)) if source.is_dir() else None  # an archive tells at its end
    bar = tqdm(read_labelled(source, labels), "reading faces", total, unit="file", mininterval=0.5, delay=2)
    for batch in _batches(bar):
        hashes = [hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else "" for _, data in batch]
        new = {key: data for key, (_, data) in zip(hashes, batch, strict=True) if key and key not in decoded}
        for key, face in zip(new, pool.map(_decode, new.values()), strict=True):
            if isinstance(face, str):
                decoded[key] = face
            else:
                pixels.write(face.pixels.tobytes())
                decoded[key] = slots, face.synthetic, face.notes
                slots += 1
        for key, (path, data) in zip(hashes, batch, strict=True):
            outcome = decoded[key] if key else data
            if isinstance(outcome, str):
                rejected.append((printable(path), outcome))
            else:
                found.append((*labels.of[path], printable(path), key, *outcome))
    return found, rejected


def _batches(files: Iterable[tuple[str, bytes | str]]) -> Iterator[list[tuple[str, bytes | str]]]:
    """So many files that all processors have some, but not more than memory holds, however large they are."""
    batch, size = [], 0
    for file in files:
        batch.append(file)
        size += len(file[1])
        if len(batch) == _BATCH or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _decode(data: bytes) -> Decoded | str:
    try:
        return decode_face(data)
    except NotAFace as reason:
        return str(reason)


def _sort_pixels(arrived: Path, file: Path, slots: np.ndarray) -> None:
    by_arrival = np.memmap(arrived, np.uint8, "r").reshape(-1, SIZE, SIZE, 3)
    blocks = (read_rows(by_arrival, slots[start : start + _BATCH]) for start in range(0, len(slots), _BATCH))
    write_array(file, "uint8", (len(slots), SIZE, SIZE, 3), blocks)


def _nothing_found(source: Path, rejected: list[tuple[str, str]]) -> str:
    if not rejected:
        return f"{source} holds no files; give a folder or an archive of labelled faces"
    first = "; ".join(f"{file}: {reason}" for file, reason in rejected[:3])
    return f"{source} holds no usable face among its {len(rejected)} files ({first}){_cure(source, rejected)}"


def _refuse_many(source: Path, labels: Labels, used: int, rejected: list[tuple[str, str]]) -> None:
    """Refuse a table too many rows of which cannot be used, and photographs that are no crops of faces."""
    photographs = sum(reason.startswith(NO_SQUARE) for _, reason in rejected)
    rows = labels.rows or used + photographs
    unusable = rows - used if labels.rows else photographs
    if unusable <= MOST_UNUSABLE * rows:
        return
    reasons: dict[str, list[str]] = {}
    files = ((path, reason) for path, reason in rejected if path in labels.places or reason.startswith(NO_SQUARE))
    of_files = [(labels.places.get(path, path), reason) for path, reason in files]
    for place, reason in sorted(labels.unusable + of_files, key=lambda found: (len(found[0]), found)):
        reasons.setdefault(reason.partition(" (")[0], []).append(place.rpartition(", ")[2])
    told = (f"{reason} ({_some(places)})" for reason, places in list(reasons.items())[:5])
    what, cure = "rows" if labels.rows else "faces", _cure(source, rejected) or ": correct them"
    raise InputError(
        f"{unusable:,} of the {rows:,} {what} of {source} cannot be used: {'; '.join(told)}{cure}, or go on without "
        "them by --allow-rejected"
    )


def _some(places: list[str]) -> str:
    return ", ".join(places[:4]) + (f" and {len(places) - 4:,} more" if len(places) > 4 else "")


def _cure(source: Path, rejected: list[tuple[str, str]]) -> str:
    """What to do about photographs, if most are."""
    photographs = sum(reason.startswith(NO_SQUARE) for _, reason in rejected)
    if 2 * photographs < len(rejected):
        return ""
    return f": find the faces of photographs by agegender data align {source} FOLDER, and give that folder"
