"""Files from the network, known by their checksums and never half there: UTKFace from its public homes."""

import os
import shutil
from pathlib import Path

from agegender_lib import folders
from agegender_lib.data.archives import read_files
from agegender_lib.data.filenames import name_problem
from agegender_lib.errors import InputError
from agegender_lib.files import replacing_folder

#: py97/UTKFace-Cropped of 2023, 106,634,631 bytes.
HUGGING_FACE = "datasets/py97/UTKFace-Cropped/resolve/e80f21fb21fa3631380c3cb634b79be3ac2f4cba/UTKFace.tar.gz"
SHA256 = "2c0655397b498e81b82d685ee74bee8c2e4364a5897caf3afec6ea48929024a7"
KAGGLE = "jangedoo/utkface-new"
ARCHIVE, FACES = "UTKFace.tar.gz", "UTKFace"
ALL = 23_708  #: images; the names of a few of them cannot be read
FEWEST = 23_000

LICENCE = """\
UTKFace (https://susanqq.github.io/UTKFace/) is for non-commercial research only.
The copyright of each image stays with its owner: do not redistribute the faces.
If you use them, cite Zhang, Song and Qi, "Age Progression/Regression by Conditional
Adversarial Autoencoder", CVPR 2017 (arXiv:1702.08423)."""


def download_faces(source: str = "huggingface", folder: str | Path = folders.CACHE / "utkface") -> Path:
    """Fetch the aligned and cropped faces of UTKFace: 23,708 JPEGs of 200 x 200, about 107 MB; returns where they are.

    ``source`` is "huggingface" (`py97/UTKFace-Cropped`, of which the environment variable HF_ENDPOINT names a mirror)
    or "kaggle" (`jangedoo/utkface-new`, through kagglehub). What is in `folder` already is counted again, which reads
    it to its end, and not fetched. That holds as well for an archive put there by hand as `UTKFace.tar.gz`, the way out
    for a machine without network.
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
    """Number of UTKFace-named JPEGs in a folder or an archive, which is read to its end; refused if far too few."""
    contents = read_files(source, name_problem)
    count = sum(isinstance(content, bytes) and content.startswith(b"\xff\xd8\xff") for _, content in contents)
    if count < FEWEST:
        raise InputError(
            f"{source} holds {count:,} JPEGs with UTKFace names where about {ALL:,} are expected; "
            "remove it and try another source"
        )
    return count


def fetch(url: str, path: str | Path, sha256: str) -> Path:
    """Bring a file to `path`, unless it is there already.

    Raises
    ------
    InputError
        No connection, an error status, another checksum, or a disk that cannot be written; nothing is left behind.
    """
    import pooch

    path = Path(path)
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=True, chunk_size=2**16)
    try:
        pooch.retrieve(url, f"sha256:{sha256}", path.name, path.parent, downloader=downloader)
    except KeyboardInterrupt as stop:
        stop.args = (f"the download of {path.name} was interrupted; the same command starts it again",)
        raise
    except OSError as error:  # requests' errors are among them
        answer = getattr(error, "response", None)
        if answer is not None:
            reason = f"it answered {answer.status_code} {answer.reason}; it has moved or is not public"
        elif error.strerror:
            reason = f"{path} cannot be written ({error.strerror}); make room or give another folder"
        else:
            reason = f"no connection, or it was cut ({type(error).__name__}); check the network and the address"
        raise InputError(f"{url} could not be downloaded: {reason}") from error
    except ValueError as error:  # of pooch, about the checksum
        raise InputError(f"{url} sent another file than expected ({error}); try again, or elsewhere") from error
    return path


def _from_hugging_face(archive: Path) -> None:
    base = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    fetch(f"{base}/{HUGGING_FACE}", archive, SHA256)


def _from_kaggle(folder: Path) -> None:
    import kagglehub

    try:
        # into its own cache: inside a Kaggle notebook that is a read-only mount
        cached = Path(kagglehub.dataset_download(KAGGLE)) / FACES  # copies of the same faces lie beside it
    except Exception as error:  # a dozen types without a common ancestor
        reason = f"{type(error).__name__}: {str(error).strip()}".split("\n")[0]
        raise InputError(
            f"Kaggle did not send {KAGGLE} ({reason}); check the network, put a token from "
            "https://www.kaggle.com/settings/api into KAGGLE_API_TOKEN, or choose source 'huggingface'"
        ) from error
    require_faces(cached)
    with replacing_folder(folder) as copy:
        for face in cached.iterdir():
            shutil.copyfile(face, copy / face.name)  # without its permissions: on Kaggle all is read-only
