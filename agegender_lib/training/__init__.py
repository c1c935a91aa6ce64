"""From a configuration to a run folder: losses, schedules, checkpoints, saving."""

import agegender_lib.quiet  # noqa: F401  before Keras

from .config import Stage, TrainingConfig, configure
from .network import build_network
from .robustness import corrupted_predictions
from .spread import age_distributions
from .train import train

__all__ = [
    "Stage",
    "TrainingConfig",
    "age_distributions",
    "build_network",
    "configure",
    "corrupted_predictions",
    "train",
]
