"""Runs of networks that nobody trained, and the settings of those that train in a moment."""

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


def run_with(predictions, name="run", config=None, metrics=None):
    """A finished run that gave these predictions."""
    provenance = {"data": {"rendered": True, "images": len(predictions)}}
    return Run(name, config or {}, provenance, pd.DataFrame(), predictions, metrics or {})
