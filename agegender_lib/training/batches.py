"""Batches of faces and targets, in an order that depends on the seed and the epoch only; and balanced sampling."""

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from agegender_lib.data import race_names
from agegender_lib.errors import InputError
from agegender_lib.files import read_rows
from agegender_lib.training.config import TrainingConfig

#: Faces that validate at once. 100 divides the coursework's 1,000, so that a mean over batches is one over faces.
VALIDATION = 100
#: Of one group: its rows, and how many of them an epoch draws.
Quota = tuple[np.ndarray, int]


class Batches(keras.utils.PyDataset):
    """uint8 images [n, h, w, 3] and targets [m, ...] by output name, in batches.

    ``rows`` of the images, which may be memory-mapped, are used in the order of the targets. With a seed they are
    reshuffled each epoch; ``mixup``, see :class:`TrainingConfig`, and ``quotas``, see :func:`balanced_draw`, need one.
    """

    def __init__(
        self,
        images,
        rows,
        targets,
        batch_size: int,
        seed: int | None = None,
        mixup: float = 0.0,
        quotas: Sequence[Quota] = (),
    ):
        super().__init__()
        self.mixup, self.quotas = mixup, quotas
        self.images, self.rows, self.targets = images, np.asarray(rows), targets
        self.batch_size, self.seed = batch_size, seed
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Put the rows into this epoch's order, so that a resumed training continues with the same batches."""
        self.epoch = epoch
        order = np.arange(len(self.rows))
        if self.seed is not None and self.quotas:
            order = balanced_draw(self.quotas, self.seed, epoch)
        elif self.seed is not None:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        self.order = order

    def __len__(self) -> int:
        # a training drops its last, partly filled batch: every step weighs the same
        if self.seed is not None and len(self.rows) >= self.batch_size:
            return len(self.rows) // self.batch_size
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index: int):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        images = read_rows(self.images, self.rows[chosen])
        targets = {name: values[chosen] for name, values in self.targets.items()}
        return self._mixed(images, targets, index) if self.mixup else (images, targets)

    def _mixed(self, images, targets, index):
        random = np.random.default_rng([self.seed, self.epoch, index])
        share = random.beta(self.mixup, self.mixup, size=len(images)).astype("float32")
        partner = random.permutation(len(images))

        def blend(values):
            weight = share.reshape(-1, *[1] * (values.ndim - 1))
            return weight * values + (1 - weight) * values[partner]

        blended = np.rint(blend(images.astype("float32"))).astype("uint8")
        return blended, {name: blend(values) for name, values in targets.items()}


def race_quotas(table: pd.DataFrame) -> list[Quota]:
    """How many faces of every race group an epoch draws: as many as there are, and within a source of each the same
    number, give or take one.

    Sources keep their proportions: names of races mean something else in each, and one that names seven groups would
    weigh more than one that names five. Faces without a race are a group of their own.
    """
    source = table["source"].to_numpy() if "source" in table else np.zeros(len(table), int)
    rows = pd.Series(np.arange(len(table)))
    quotas: list[Quota] = []
    for _, members in rows.groupby(source):
        race = np.asarray(race_names(table["race"].iloc[members]), str)
        groups = [group.to_numpy() for _, group in members.groupby(race)]
        shares = np.array_split(np.arange(len(members)), len(groups))
        quotas += [(group, len(share)) for group, share in zip(groups, shares, strict=True)]
    return quotas


def balanced_draw(quotas: Sequence[Quota], seed: int, epoch: int) -> np.ndarray:
    """The rows of an epoch in an order that depends on nothing but ``seed`` and ``epoch``, int [sum of the quotas].

    A group is gone through in shuffled passes, one after the other, and each epoch takes up where the one before it
    stopped: no face is seen a second time, or a third, before all of its group have been.
    """
    drawn = []
    for number, (rows, quota) in enumerate(quotas):
        first, size = epoch * quota, len(rows)
        passes = range(first // size, (first + quota - 1) // size + 1)
        order = [np.random.default_rng([seed, number, turn, 1]).permutation(rows) for turn in passes]
        drawn.append(np.concatenate([rows[:0], *order])[first % size :][:quota])
    return np.random.default_rng([seed, epoch]).permutation(np.concatenate(drawn))


def check_batches(config: TrainingConfig, training: int, validation: int) -> None:
    """Refuse what so many faces of both parts cannot be split into, before a training starts."""
    there = max(1, training // config.batch_size)
    if config.gradient_batches > there:
        raise InputError(
            f"gradient_batches is {config.gradient_batches}, but {training} training faces make {there} batches of "
            f"{config.batch_size}: give at most {there}"
        )
    sizes = {"training": min(config.batch_size, training), "validation": min(VALIDATION, validation)}
    sizes["the last validation"] = validation % VALIDATION
    for part, size in sizes.items():
        if size % config.devices:
            raise InputError(
                f"devices is {config.devices}, which cannot share the {size} faces of {part} batches evenly: give "
                "other devices, batch_size or validation_size"
            )
