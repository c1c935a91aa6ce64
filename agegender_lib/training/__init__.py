"""From a configuration to a run folder: losses, schedules, checkpoints, saving."""

import agegender_lib.quiet  # before Keras

from .config import Stage, TrainingConfig, configure
from .network import build_network
from .published import train_or_restore
from .robustness import corrupted_predictions
from .spread import age_distributions
from .train import train
