"""80 % intervals of ages, and the correction that travels with a model file.

A model's own interval is too narrow or too wide for faces it did not learn from, and on another machine there are none
to find out by how much. So the correction, found on the held-out faces of the training, lies beside the model.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib.data import FaceSet
from agegender_lib.data.age_bins import AGE_BANDS, spread_ages
from agegender_lib.errors import InputError
from agegender_lib.evaluation.uncertainty import prediction_intervals as conformal
from agegender_lib.evaluation.uncertainty.age_distributions import aligned
from agegender_lib.evaluation.uncertainty.prediction_intervals import (
    ABSOLUTE_RESIDUAL,
    CQR_M,
    LABEL_CONDITIONAL,
    Bounds,
)
from agegender_lib.files import write_json

LEVEL = 0.8
# How many numbers a correction is.
_PARTS = {ABSOLUTE_RESIDUAL: 1, CQR_M: 1, LABEL_CONDITIONAL: len(AGE_BANDS)}


def corrections_file(model_file: str | Path) -> Path:
    """Where a model file's correction lies: ``age_gender_F.intervals.json`` beside ``age_gender_F.keras``."""
    return Path(model_file).with_suffix(".intervals.json")


def write_corrections(model_file: str | Path, run_folder: str | Path, faces: FaceSet) -> Path:
    """Find the correction on a run's held-out faces, and keep it beside the model file that is given away.

    Of a model with distributions over ages it is a factor for each age band (``label_conditional``), of one without the
    years added on both sides of every age: see ``evaluation.uncertainty.prediction_intervals``. It makes intervals hold
    the age of 80 % of faces like the held-out ones, in each age band where there are distributions, not of 80 % in
    every group of people.
    """
    from agegender_lib.inference import age_distributions  # Keras takes seconds to import
    from agegender_lib.models import load_model
    from agegender_lib.runs import read_run

    predictions = read_run(run_folder).validation
    kind, change = correction(predictions, age_distributions(run_folder, faces))
    found = {
        "level": LEVEL,
        "correction": kind,
        "change": [round(one, 4) for one in change],
        "faces": len(predictions),
        "made_from": faces.name,
        "weights": weights_digest(load_model(model_file)),
    }
    write_json(corrections_file(model_file), found)
    return corrections_file(model_file)


def correction(predictions: pd.DataFrame, distributions: pd.DataFrame | None) -> tuple[str, list[float]]:
    """What makes the 80 % intervals of held-out faces hold 80 % of the ages: its kind, and factors or years.

    ``distributions`` are as ``inference.age_distributions`` returns them; None where the model has none.
    """
    if distributions is None:
        kind, middle = ABSOLUTE_RESIDUAL, predictions["age_predicted"].to_numpy(np.float64)
        bounds = Bounds(middle, middle, middle)
    else:
        kind, bounds = LABEL_CONDITIONAL, conformal.central_intervals(*aligned(distributions, predictions), LEVEL)
    change = conformal.fit_correction(kind, bounds, spread_ages(predictions), LEVEL)
    if not np.isfinite(change).all():
        raise InputError(f"{len(predictions)} held-out faces are too few to correct intervals by: hold out 4 at least")
    return kind, change.tolist()


def read_corrections(model_file: str | Path, model) -> dict | None:
    """The correction beside a model file; None where there is none, or it is another model's."""
    path = corrections_file(model_file)
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        fits = found["weights"] == weights_digest(model)
        parts = _PARTS[found["correction"]]
        whole = np.size(found["change"]) == parts and (np.asarray(found["change"], np.float64) >= 0).all()
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error!r}): delete it or make the report again") from None
    if not whole:
        raise InputError(f"{path} holds no correction of intervals: delete it or make the report again")
    return found if fits else None


def intervals(age: np.ndarray, distributions: np.ndarray | None, found: dict | None) -> tuple[np.ndarray, np.ndarray]:
    """The 80 % interval of each age: lower and upper ends in years, float64 [n] each, never beyond the age itself.

    NaN where there is neither a distribution, float [n, ages] over 0, 1, ... years, nor a correction.
    """
    age = np.asarray(age, np.float64)
    if not len(age):
        return age, age
    if distributions is not None:
        values = np.clip(np.asarray(distributions, np.float64), 0, None)
        values = values / values.sum(axis=1, keepdims=True)
        bounds = conformal.central_intervals(values, np.arange(values.shape[1]), LEVEL)
    elif found is not None:
        bounds = Bounds(age, age, age)
    else:
        return np.full(len(age), np.nan), np.full(len(age), np.nan)
    if found is not None and (distributions is None) == (found["correction"] == ABSOLUTE_RESIDUAL):
        bounds = conformal.apply_correction(found["correction"], bounds, found["change"])
    # the age is the distribution's mean and may lie outside a narrow interval around its median
    return np.minimum(np.maximum(bounds.low, 0), age), np.maximum(bounds.high, age)


def weights_digest(model) -> str:
    """A name for a model's weights, the same for its ``.keras`` and its ``.h5`` file."""
    parts = sorted(hashlib.sha256(np.ascontiguousarray(weight)).hexdigest() for weight in model.get_weights())
    return hashlib.sha256("".join(parts).encode()).hexdigest()
