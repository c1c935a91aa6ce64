"""From a configuration to a run folder: losses, schedules, checkpoints, saving."""

import agegender_lib.quiet  # before Keras
from agegender_lib.training.config import Stage, TrainingConfig, configure
from agegender_lib.training.network import build_network
from agegender_lib.training.published import train_or_restore
from agegender_lib.training.train import train
