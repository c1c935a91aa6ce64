"""What makes a training the one it is, the name that follows from it, and whether a run folder holds that one."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.files import sha256_of
from agegender_lib.models.model_b import BACKBONE
from agegender_lib.models.published_weights import published_identity, seen_by_published
from agegender_lib.models.weights import weights_file
from agegender_lib.runs import CONFIG, check_same_faces
from agegender_lib.runs.settings import with_former_names
from agegender_lib.training.config import TrainingConfig


def identity_of(config: TrainingConfig, faces: FaceSet, weights: str | Path) -> dict[str, Any]:
    """Settings, faces and weights of a training, as its config.json holds them."""
    if config.model == "model_a":
        weights = "none"
    elif str(weights) == "published":
        weights = f"published {published_identity(config.architecture.get('backbone', BACKBONE))}"
    elif path := weights_file(weights):
        # the file's content counts, not where it lies
        weights = f"{path.name} sha256 {sha256_of(path)}"
    data = {"name": faces.name, "fingerprint": faces.fingerprint}
    return json.loads(json.dumps({"training": asdict(config), "data": data, "weights": str(weights)}))


def origin_of(
    network: keras.Model, config: TrainingConfig, weights: str | Path, faces: FaceSet, split: pd.Series
) -> str:
    """In words, where the weights come from that a training begins with, and whether they know these faces already."""
    origin = getattr(network, "weights_origin", "random weights, trained from scratch")
    if config.model == "model_a" or str(weights) != "published":
        return origin
    backbone = config.architecture.get("backbone", BACKBONE)
    return f"{origin}; {seen_by_published(backbone, faces.table['file'], split == 'validation')}"


def name_of(config: TrainingConfig, identity: dict[str, Any]) -> str:
    """The model and a hash that a new setting does not change as long as it has its default."""
    parts = [with_former_names(config.differing()), identity["data"]["fingerprint"], identity["weights"]]
    return f"{config.model}-{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]}"


def run_name(config: TrainingConfig, faces: FaceSet, weights: str | Path = "none") -> str:
    """The run folder's name that :func:`train` gives by default."""
    return name_of(config, identity_of(config, faces, weights))


def refuse_another(folder: Path, identity: dict[str, Any], faces: FaceSet) -> None:
    """Refuse a run folder that holds another training, or cannot be read; the message names what differs."""
    path = folder / CONFIG
    if not path.exists():
        return
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        then = json.loads(json.dumps(asdict(TrainingConfig.from_dict(kept["training"]))))
        kept_weights, _ = kept["weights"], kept["data"]["fingerprint"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error}): delete the folder {folder} to start over") from error
    check_same_faces(folder, faces, "give another run name")
    now = identity["training"]
    differing = [f"{key} is {then[key]!r} there and {now[key]!r} here" for key in now if now[key] != then[key]]
    if kept_weights != identity["weights"]:
        differing.append(f"weights are {kept_weights!r} there and {identity['weights']!r} here")
    if differing:
        raise InputError(
            f"{folder} holds a training with other settings ({'; '.join(differing)}): give another run name"
        )
