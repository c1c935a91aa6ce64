"""Runs of networks that nobody trained, and the settings of those that train in a moment."""

import numpy as np
import pandas as pd

from agegender_lib.runs import Run

#: Of ModelA.
TINY = {
    "architecture": {"variant": "original", "filters": [4, 4], "split_after": 2, "features": "global", "dense": 8},
    "stages": [{"epochs": 1, "learning_rate": 0.01}],
    "batch_size": 8,
    "optimizer": "adamw",
    "ensemble_size": 1,
    "precision": "float32",
}


def tiny(**settings):
    """A ModelA that trains on few faces in a moment."""
    from agegender_lib.training import configure  # which imports Keras, and tests of tables need none

    own = {"stages": [{"epochs": 3, "learning_rate": 0.01}], "validation_size": 20}
    return configure("model_a", **{**TINY, **own, **settings})


def numbers(run):
    """What a run came to, without the time it took."""
    # the model file holds the moment it was saved, so its packed size varies by a byte or two
    metrics = {k: value for k, value in run.metrics.items() if "second" not in k and k != "file_bytes"}
    return run.history.drop(columns="seconds"), run.predictions, metrics


def watch(patch, owner, name, note):
    """Let a monkeypatch call ``note`` after every call of a class's method, with what that was called with."""
    real = getattr(owner, name)

    def watched(*given, **named):
        result = real(*given, **named)
        note(*given, **named)
        return result

    patch.setattr(owner, name, watched)


def run_with(predictions, name="run", config=None, metrics=None):
    """A finished run that gave these predictions."""
    provenance = {"data": {"rendered": True, "images": len(predictions)}}
    return Run(name, config or {}, provenance, pd.DataFrame(), predictions, metrics or {})


def cross_entropy(labels, p, smoothing=0.0):
    labels = labels * (1 - smoothing) + smoothing / 2
    return -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))
