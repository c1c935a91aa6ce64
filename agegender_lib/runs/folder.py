"""What lies in a run folder, when it is finished, and which faces it was made from."""

import json
from pathlib import Path

from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError

CONFIG = "config.json"  #: settings, faces and weights: what makes it this training; written first
PROVENANCE = "provenance.json"  #: faces, versions, commit and machine
HISTORY = "history.csv"  #: a row per epoch
PREDICTIONS = "predictions.csv"  #: a row per face, of the saved model
METRICS = "metrics.json"  #: written last
MODEL = "model.keras"
DISTRIBUTIONS = "age_distributions.npz"  #: of the held-out faces, where somebody asked for them
_ANSWERS = ("robustness_*.csv.gz", "end_to_end_*.csv.gz")
#: What is small enough to keep beside a report.
TABLES = (CONFIG, PROVENANCE, HISTORY, METRICS, PREDICTIONS)

CURE = "train that model first (notebooks 02_model_a and 03_pretrained write run folders)"


def kept_predictions(folder: str | Path) -> list[Path]:
    """The predictions of altered faces that a run folder keeps, because they take many minutes."""
    return [path for pattern in _ANSWERS for path in sorted(Path(folder).glob(pattern))]


def finished(folder: str | Path) -> bool:
    """Whether the training that has this folder is done."""
    return (Path(folder) / METRICS).is_file()


def check_run(folder: str | Path, faces: FaceSet, cure: str = CURE) -> Path:
    """The folder, if it holds a finished training of these very faces; ``cure`` says what to do if not."""
    if not finished(folder):
        raise InputError(f"{folder} holds no finished training: {cure}")
    return check_same_faces(folder, faces, cure)


def check_same_faces(folder: str | Path, faces: FaceSet, cure: str = "give the data that it was trained with") -> Path:
    """The folder, if what is in it was made from these very faces; ``cure`` says what to do if not."""
    data = read_json(Path(folder) / CONFIG).get("data")
    data = data if isinstance(data, dict) else {}
    if data.get("fingerprint") != faces.fingerprint:
        raise InputError(f"{folder} was trained on other faces ({data.get('name')}) than these ({faces.name}): {cure}")
    return Path(folder)


def read_json(path: Path) -> dict:
    """What a JSON file of a run folder holds; an InputError if it is missing, no JSON, or no mapping."""
    try:
        content = json.loads(existing(path).read_text(encoding="utf-8"))
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not valid JSON ({error}): {CURE}.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}, not a JSON object: {CURE}.")
    return content


def existing(path: Path) -> Path:
    """The path of a run folder's file; an InputError if there is none."""
    if not path.is_file():
        raise InputError(f"The run folder {path.parent} is incomplete, it has no {path.name}: {CURE}.")
    return path
