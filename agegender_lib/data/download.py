"""UTKFace from its public homes."""

import gzip
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from agegender_lib import folders
from agegender_lib.data.fetch import fetch
from agegender_lib.data.filenames import parse_name
from agegender_lib.data.kaggle import kaggle_dataset
from agegender_lib.data.web import fetch_json
from agegender_lib.errors import InputError

HUGGING_FACE = "py97/UTKFace-Cropped"
KAGGLE = "jangedoo/utkface-new"
ARCHIVE = "UTKFace.tar.gz"
FACES = "UTKFace"  # the folder in both
ALL = 23_708  # images; the names of a few of them cannot be read
FEWEST = 23_000
JPEG = b"\xff\xd8\xff"

LICENCE = """\
UTKFace (https://susanqq.github.io/UTKFace/) is for non-commercial research only.
The copyright of each image stays with its owner: do not redistribute the faces.
If you use them, cite Zhang, Song and Qi, "Age Progression/Regression by Conditional
Adversarial Autoencoder", CVPR 2017 (arXiv:1702.08423)."""


def download_faces(source: str = "huggingface", folder: str | Path = folders.CACHE / "utkface") -> Path:
    """Fetch the aligned and cropped faces of UTKFace: 23,708 JPEGs of 200 x 200, about 107 MB.

    What is in `folder` already is counted again, which reads it to its end, and not fetched. That holds as
    well for an archive put there by hand as `UTKFace.tar.gz`, the way out for a machine without network.

    Parameters
    ----------
    source : "huggingface" or "kaggle"
        Dataset `py97/UTKFace-Cropped`, of which the environment variable HF_ENDPOINT names a mirror, or
        `jangedoo/utkface-new`, through kagglehub.
    folder : where to put it; a folder that git ignores.

    Returns
    -------
    Path
        `folder/UTKFace.tar.gz` from Hugging Face, the folder `folder/UTKFace` from Kaggle.

    Raises
    ------
    InputError
        The faces could not be had, or what came is not UTKFace; nothing is left under the final name.

    References
    ----------
    Zhang, Song and Qi, "Age Progression/Regression by Conditional Adversarial Autoencoder", CVPR 2017.
    """
    homes = {"huggingface": (ARCHIVE, _from_hugging_face), "kaggle": (FACES, _from_kaggle)}
    if source not in homes:
        raise InputError(f"UTKFace has no source {source!r}; choose one of {', '.join(homes)}")
    name, bring = homes[source]
    path = Path(folder) / name
    if not path.exists():
        print(LICENCE, flush=True)
        bring(path)
    print(f"{path}: {require_faces(path):,} faces")
    return path


def require_faces(source: Path) -> int:
    """Number of UTKFace-named JPEGs in a folder or a `.tar.gz`, which is read to its end.

    Raises
    ------
    InputError
        The archive is damaged, or there are far fewer faces than UTKFace has.
    """
    heads = _folder_heads(source) if source.is_dir() else _archive_heads(source)
    try:
        count = sum(head == JPEG and _is_face(name) for name, head in heads)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"{source} cannot be read to its end ({error}); remove it and try again") from error
    if count < FEWEST:
        raise InputError(
            f"{source} holds {count:,} JPEGs with UTKFace names where about {ALL:,} are expected; "
            "remove it and try another source"
        )
    return count


def _is_face(name: str) -> bool:
    try:
        parse_name(name)
    except InputError:
        return False
    return True


def _folder_heads(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.iterdir():
        if path.is_file():
            with open(path, "rb") as file:
                yield path.name, file.read(len(JPEG))


def _archive_heads(archive: Path) -> Iterator[tuple[str, bytes]]:
    with gzip.open(archive) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if member.isfile():
                    yield member.name.rpartition("/")[2], tar.extractfile(member).read(len(JPEG))
        # gzip compares its checksum at the very end, which tar need not have reached
        while stream.read(2**20):
            pass


def _from_hugging_face(archive: Path) -> None:
    base = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    listing = f"{base}/api/datasets/{HUGGING_FACE}/tree/main"
    remote, size, sha256 = _announced(fetch_json(listing), listing)
    url = f"{base}/datasets/{HUGGING_FACE}/resolve/main/{quote(remote)}"
    fetch(url, archive, sha256=sha256, size=size, check=require_faces)


def _announced(entries: object, listing: str) -> tuple[str, int, str]:
    """Path, size in bytes and sha256 of the one archive in a dataset's listing."""
    try:
        (entry,) = (entry for entry in entries if entry["path"].endswith(".tar.gz"))
        path, size, sha256 = entry["path"], entry["lfs"]["size"], entry["lfs"]["oid"]
        if not (isinstance(size, int) and re.fullmatch("[0-9a-fA-F]{64}", sha256)):
            raise ValueError(f"{size} {sha256}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{listing} does not announce one .tar.gz with its size and sha256; try source 'kaggle'"
        ) from error
    return path, size, sha256


def _from_kaggle(folder: Path) -> None:
    cached = kaggle_dataset(KAGGLE)
    faces = cached / FACES  # beside it lie copies of the same faces, which need not come along
    if not faces.is_dir():
        raise InputError(f"Kaggle's {KAGGLE} in {cached} holds no folder {FACES}; try source 'huggingface'")
    require_faces(faces)
    partial = folder.with_name(f"{folder.name}.part")
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        for face in faces.iterdir():
            shutil.copyfile(face, partial / face.name)  # without its permissions: on Kaggle all is read-only
        os.replace(partial, folder)
    except KeyboardInterrupt as stop:
        stop.args = (f"copying {faces} to {folder} was interrupted; run the same again",)
        raise
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{faces} cannot be copied to {folder}: {reason}; make room, then try again"
        ) from error
