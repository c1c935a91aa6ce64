"""The optimizer of a stage: its learning-rate schedule, weight decay and averaging of weights."""

import keras
from keras import ops

from .config import Stage, TrainingConfig


def build_optimizer(config: TrainingConfig, stage: Stage, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """A fresh optimizer whose learning rate warms up and falls along a cosine over the stage.

    Biases and normalisation are left out of the weight decay. Weights are averaged over time where ``config``
    has an ``ema_momentum``.

    Parameters
    ----------
    config : TrainingConfig
    stage : Stage
    steps_per_epoch : int
    """
    total = max(1, stage.epochs * steps_per_epoch)
    warmup = min(total - 1, round(stage.warmup_epochs * steps_per_epoch))
    schedule = keras.optimizers.schedules.CosineDecay(
        stage.learning_rate / 100 if warmup else stage.learning_rate,
        decay_steps=total - warmup,
        warmup_target=stage.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    averaging = {"use_ema": config.ema_momentum is not None, "ema_momentum": config.ema_momentum or 0.99}
    if config.optimizer == "adam":
        return keras.optimizers.Adam(schedule, **averaging)
    decay = config.weight_decay
    if config.optimizer == "muon":
        optimizer = KernelMuon(schedule, weight_decay=decay, adam_weight_decay=decay, **averaging)
    else:
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=decay, **averaging)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


class KernelMuon(keras.optimizers.Muon):
    """Muon on convolution kernels too; AdamW on everything else.

    Muon replaces a weight matrix's momentum by the nearest orthogonal matrix, so that all directions of the
    matrix learn at one rate (Jordan et al. 2024; Liu et al. 2025, arXiv 2502.16982, whose scaling lets AdamW's
    learning rate serve both). Keras's own Muon takes matrices only; a kernel [h, w, in, out] is the matrix
    [h w in, out]. Dense layers here are heads and excitations, which stay with AdamW.
    """

    def _should_use_adamw(self, variable):
        return len(variable.shape) != 4

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, gradient + m * (self.momentum - 1))
        update = gradient + self.momentum * m if self.nesterov else m
        matrix = ops.reshape(update, (-1, variable.shape[-1]))
        orthogonal = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.cast(lr, variable.dtype) * ops.reshape(orthogonal, variable.shape))
