"""Labelled face images to one table and one array.

Every file of a source ends either in the table or among the rejected ones, with its reason. A face counts once:
downloads of UTKFace carry some faces again in further folders, and a file name, which holds labels and the moment of
collection, names one face. Of several readable files with one name the one with the first path is kept; the others are
rejected even when their content differs, because it is the same photograph in another size or compression. The same
content under different names is kept: that is one photograph labelled twice, and the common duplicate_group says so.
"""

import hashlib
import os
import warnings
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from tqdm import tqdm

from agegender_lib.data.archives import check_source, list_folder, read_files, source_name
from agegender_lib.data.cache import FaceSet, find_entry, save_entry, source_key, work_folder
from agegender_lib.data.decode import SIZE, NotAFace, decode_face
from agegender_lib.data.duplicates import duplicate_groups
from agegender_lib.data.filenames import FaceName, base_name, name_problem, parse_name, printable
from agegender_lib.data.synthetic import render_faces
from agegender_lib.errors import InputError
from agegender_lib.folders import CACHE

SYNTHETIC_FACES = 1200
SEED = 0  #: of the drawn faces; one set for everybody
_BATCH = 256
_LABELS = ["file", *FaceName._fields]
_FOUND = [*_LABELS, "path", "sha256", "slot", "synthetic"]  # the slot counts pixels in the order of arrival


def load_dataset(source: str | Path = "", synthetic_faces: int = SYNTHETIC_FACES, cache: str | Path = CACHE) -> FaceSet:
    """Load labelled faces, or draw stand-ins when there are none to load.

    Parameters
    ----------
    source : str or Path
        A folder or an archive, see `load_faces`; empty for drawn faces.
    synthetic_faces : int
        How many faces to draw; of no effect with a source.
    cache : str or Path
        Where decoded and drawn faces are kept.
    """
    if not str(source):
        source = render_faces(Path(cache) / f"rendered-{synthetic_faces}", synthetic_faces, SEED)
    return load_faces(source, cache)


def load_faces(source: str | Path, cache: str | Path = CACHE) -> FaceSet:
    """Read labelled faces; decode them the first time, open the cached array from then on.

    Parameters
    ----------
    source : str or Path
        A folder (searched recursively) or a .tar, .tar.gz, .tgz or .zip of it, with JPEGs of 128 x 128 or
        200 x 200 pixels named like UTKFace's. Archives are read in place, never unpacked.
    cache : str or Path
        Folder for the decoded faces, 49 KB each.

    Returns
    -------
    FaceSet
        Sorted by file name. The same faces give the same table, images and fingerprint (a SHA-256 over the sorted file
        names and the SHA-256 of each file's bytes) whether they come as a folder, a tar or a zip.

    Raises
    ------
    InputError
        When the source does not exist, is of no supported kind, is damaged, holds a member that leads outside
        of it, or holds no usable face at all; when the cache cannot be written.
    """
    try:
        source, cache = Path(source).expanduser(), Path(cache).expanduser()
    except RuntimeError:
        raise InputError(f"{source} begins in the home of somebody unknown here; write the whole path") from None
    check_source(source)
    key = source_key(source)
    return find_entry(cache, key) or _import(source, cache, key)


def _import(source: Path, cache: Path, key: str) -> FaceSet:
    with work_folder(cache) as work:
        if imported := find_entry(cache, key):  # by another process meanwhile
            return imported
        arrived = work / "arrived"  # pixels as they come; their order in the array is known only at the end
        with open(arrived, "wb") as pixels, ThreadPoolExecutor(os.cpu_count()) as pool, warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")  # of metadata, which nobody reads here
            found, rejected = _read(source, pool, pixels)
        if not found:
            raise InputError(_nothing_found(source, sorted(rejected)))
        readable = pd.DataFrame(found, columns=_FOUND).sort_values(["file", "path"])
        first, again = readable.groupby("file")[["path", "sha256"]].transform("first"), readable["file"].duplicated()
        version = np.where(readable["sha256"] == first["sha256"], "duplicate of ", "another version of ")
        rejected += zip(readable["path"][again], (version + first["path"])[again], strict=True)
        faces = readable[~again].reset_index(drop=True)
        _sort_pixels(arrived, work / "images.npy", faces["slot"].tolist())
        arrived.unlink()
        table = faces[_LABELS]
        # The array is not kept in a variable: Windows renames no folder of which a file is mapped.
        table["duplicate_group"] = duplicate_groups(np.load(work / "images.npy", mmap_mode="r"))
        lines = "".join(f"{file}\0{sha256}\n" for file, sha256 in zip(faces["file"], faces["sha256"], strict=True))
        meta = {
            "name": source_name(source),
            "fingerprint": hashlib.sha256(lines.encode()).hexdigest(),
            "rendered": bool(faces["synthetic"].any()),
        }
        unused = pd.DataFrame(sorted(rejected), columns=["file", "reason"], dtype=str)
        return save_entry(cache, key, work, table, unused, meta)


def _read(source: Path, pool: Executor, pixels: BinaryIO) -> tuple[list[tuple], list[tuple[str, str]]]:
    found, rejected = [], []
    decoded: dict[str, tuple[int, bool] | str] = {}  # by SHA-256: where the pixels are, or why there are none
    slots = 0
    # Short imports show no bar.
    total = len(list_folder(source)) if source.is_dir() else None  # an archive tells at its end
    bar = tqdm(read_files(source, _objection), "reading faces", total, unit="file", mininterval=0.5, delay=2)
    files = iter(bar)
    while batch := list(islice(files, _BATCH)):
        hashes = [hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else "" for _, data in batch]
        new = {key: data for key, (_, data) in zip(hashes, batch, strict=True) if key and key not in decoded}
        for key, face in zip(new, pool.map(_decode, new.values()), strict=True):
            if isinstance(face, str):
                decoded[key] = face
            else:
                pixels.write(face[0].tobytes())
                decoded[key] = slots, face[1]
                slots += 1
        for key, (path, data) in zip(hashes, batch, strict=True):
            outcome = decoded[key] if key else data
            if isinstance(outcome, str):
                rejected.append((printable(path), outcome))
            else:
                name = base_name(path)
                found.append((name, *parse_name(name), printable(path), key, *outcome))
    return found, rejected


def _objection(path: str) -> str | None:
    """Why a file is not worth reading, from its path alone."""
    name = base_name(path)
    if name.startswith("._") or "__MACOSX" in path.split("/"):
        return "not a JPEG: metadata of macOS"
    if not name.lower().rstrip().endswith(("jpg", "jpeg")):
        return "not a JPEG"
    return name_problem(path)


def _decode(data: bytes) -> tuple[np.ndarray, bool] | str:
    try:
        return decode_face(data)
    except NotAFace as reason:
        return str(reason)


def _sort_pixels(arrived: Path, file: Path, slots: list[int]) -> None:
    by_arrival = np.memmap(arrived, np.uint8, "r").reshape(-1, SIZE, SIZE, 3)
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(slots), SIZE, SIZE, 3)}
    # Not a mapped file: where the disk is full, writing to one ends the process without a word.
    with open(file, "wb") as images:
        np.lib.format.write_array_header_1_0(images, header)
        for start in range(0, len(slots), _BATCH):
            images.write(by_arrival[slots[start : start + _BATCH]].tobytes())


def _nothing_found(source: Path, rejected: list[tuple[str, str]]) -> str:
    if not rejected:
        return f"{source} holds no files; give a folder or an archive of labelled faces"
    first = "; ".join(f"{file}: {reason}" for file, reason in rejected[:3])
    return f"{source} holds no usable face among its {len(rejected)} files ({first})"
