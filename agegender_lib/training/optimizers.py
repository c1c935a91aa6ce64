"""The optimizer of a stage: learning-rate schedule, layer-wise learning rates, weight decay, averaged weights."""

import keras
from keras import ops

from agegender_lib.models.backbones import backbone_in, stages_of
from agegender_lib.training.config import Stage, TrainingConfig


def build_optimizer(
    config: TrainingConfig, stage: Stage, steps_per_epoch: int, rates: dict[str, float] | None = None
) -> keras.optimizers.Optimizer:
    """A fresh optimizer whose learning rate warms up and falls along a cosine over the stage.

    Biases and normalisation are left out of the weight decay. Weights are averaged over time where ``config``
    has an ``ema_momentum``. ``rates`` are those of :func:`layer_rates`, for AdamW.
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
        optimizer = LayerwiseAdamW(schedule, weight_decay=decay, rates=rates, **averaging)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def layer_rates(network: keras.Model, decay: float) -> dict[str, float]:
    """Layer-wise learning rates: factors by path of a backbone's variables, smaller the nearer to the input.

    ``decay``, a stage's ``layer_decay``, is of the backbone's top stage against the heads, and of each stage against
    the one above it. Empty without a backbone, or where ``decay`` is 1.
    """
    base = backbone_in(network)
    if base is None or decay == 1:
        return {}
    from_the_top = reversed(stages_of(base).values())
    return {
        variable.path: decay**depth
        for depth, members in enumerate(from_the_top, start=1)
        for layer in members
        for variable in layer.variables
    }


class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW on variables in groups, each with its own multiple of the learning rate."""

    def __init__(self, *args, rates: dict[str, float] | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.rates = rates or {}

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        groups: dict[float, list] = {}
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            groups.setdefault(self.rates.get(variable.path, 1.0), []).append((gradient, variable))
        for rate, pairs in groups.items():
            super()._backend_update_step(*map(list, zip(*pairs, strict=True)), learning_rate * rate)

    def _apply_weight_decay(self, variables):
        # Keras takes the decay times the learning rate, which is not every variable's
        for variable in variables:
            if self._use_weight_decay(variable):
                decay, rate = (ops.cast(v, variable.dtype) for v in (self.weight_decay, self.learning_rate))
                # in Keras's order, so that a rate of 1 gives Keras's very bits
                variable.assign(variable - variable * decay * rate * self.rates.get(variable.path, 1.0))


class KernelMuon(keras.optimizers.Muon):
    """Muon on convolution kernels too; AdamW on everything else.

    Muon replaces a weight matrix's momentum by the nearest orthogonal matrix, so that all directions of the
    matrix learn at one rate (Jordan et al. 2024; Liu et al. 2025, arXiv 2502.16982, whose scaling lets AdamW's
    learning rate serve both). Keras's own Muon takes matrices only; a kernel [h, w, in, out] is the matrix
    [h w in, out]. Dense layers here are heads and excitations, which stay with AdamW.
    """

    def zeropower_via_newtonschulz5(self, x, steps):
        """Keras's Newton-Schulz iteration, computed on the smaller Gram matrix.

        Each step multiplies ``x`` by a polynomial of its Gram matrix, and such polynomials commute: their product
        is gathered first and meets the long side of ``x`` once, not twice a step.
        """
        x = x / (ops.norm(x) + 1e-7)
        wide = x.shape[0] < x.shape[1]
        gram = x @ ops.transpose(x) if wide else ops.transpose(x) @ x
        identity = ops.eye(gram.shape[0], dtype=x.dtype)
        product = identity
        for _ in range(steps):
            factor = self.muon_a * identity + self.muon_b * gram + self.muon_c * gram @ gram
            product = product @ factor
            gram = gram @ factor @ factor
        return product @ x if wide else x @ product

    def _should_use_adamw(self, variable):
        return len(variable.shape) != 4

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, gradient + m * (self.momentum - 1))
        update = gradient + self.momentum * m if self.nesterov else m
        matrix = ops.reshape(update, (-1, variable.shape[-1]))
        orthogonal = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.cast(lr, variable.dtype) * ops.reshape(orthogonal, variable.shape))
