"""The published models as a start: their backbones, without their heads, for one's own faces."""

import io
import zipfile
from functools import lru_cache
from pathlib import Path

import h5py
import keras
import pandas as pd

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.files import sha256_of
from agegender_lib.models.flat import weights_in_flat
from agegender_lib.models.saving import WEIGHTS
from agegender_lib.runs import finished, read_run

#: The published model that has a backbone.
_FILES = {"inception_v3": "age_gender_B.keras", "mobilenet_vggface2": "age_gender_F.keras"}


def published_file(backbone: str) -> Path:
    """The file of the published model that is built on a backbone; an InputError if there is none."""
    if backbone not in _FILES:
        raise InputError(
            f"no published model is built on {backbone}: choose one of {', '.join(_FILES)}, or other weights "
            "than 'published'"
        )
    path = folders.MODELS / _FILES[backbone]
    if not path.is_file():
        raise InputError(f"there is no published model {path}: restore it, or choose other weights")
    return path


def published_identity(backbone: str) -> str:
    """Name and SHA-256 of that file: another file is another start."""
    path = published_file(backbone)
    return f"{path.name} sha256 {sha256_of(path)}"


def put_published(base: keras.Model, backbone: str) -> str:
    """Copy the published weights into a backbone (a network without its top); returns in words where they came from."""
    path = published_file(backbone)
    sha256 = sha256_of(path)
    stored = _layer_weights(path, sha256)
    for name, layer in weights_in_flat(base).items():
        wanted = [tuple(weight.shape) for weight in layer.weights]
        if [weight.shape for weight in stored.get(f"shared_{name}", ())] != wanted:
            raise InputError(
                f"{path} has no layer shared_{name} of shapes {wanted}: restore it, or choose other weights"
            )
        layer.set_weights(stored[f"shared_{name}"])
    model = f"Model{path.stem.rpartition('_')[2]}"
    return f"the published {model} without its heads ({path.name}, sha256 {sha256[:12]})"


@lru_cache(maxsize=1)
def _layer_weights(path: Path, sha256: str) -> dict[str, list]:
    """The weights of a model file by layer, without building the model; a study begins many runs from one file."""
    try:
        with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read(WEIGHTS))) as file:
            stored = [layer["vars"] for layer in file["layers"].values()]
            return {str(kept.attrs["name"]): [kept[str(k)][()] for k in range(len(kept))] for kept in stored}
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a published model: restore it, or choose other weights") from error


def training_of(model: str | Path) -> Path | None:
    """The run folder with the training of a model file: that it lies in, or of a published model or its copy."""
    path = Path(model)
    if finished(path.parent):
        return path.parent
    same = (file for file in folders.MODELS.glob(f"*{path.suffix}") if sha256_of(file) == sha256_of(path))
    name = next((file.stem.rpartition("_")[2].lower() for file in same), None)
    folder = folders.REPORT / "results" / "runs" / f"model_{name}"
    return folder if finished(folder) else None


def seen_by_published(backbone: str, files: pd.Series, held_out: pd.Series) -> str:
    """In words, how many of these faces have trained a published model already.

    It is the model that is built on ``backbone``. ``files`` are the names of the faces' files, as UTKFace's names tell
    its photographs apart; ``held_out`` says which of them are not to be trained on now.
    """
    model = published_file(backbone).stem.rpartition("_")[2].lower()
    folder = folders.REPORT / "results" / "runs" / f"model_{model}"
    try:
        then = read_run(folder)
    except InputError:
        return "which faces have trained it before is not known here"
    seen = files.isin(then.train["file"])
    trained = f"{len(then.train):,} faces of {then.provenance['data']['name']} have trained it before"
    if not seen.any():
        return f"{trained}, none of them among these"
    return f"{trained}, {int(seen.sum()):,} of them among these, {int((seen & held_out).sum()):,} of them held out here"
