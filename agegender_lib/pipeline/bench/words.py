"""What a measurement of speed says in words: its conditions, its tables as text, and the budgets."""

import os
import platform
from collections.abc import Iterator

import keras
import numpy as np
import pandas as pd

from agegender_lib.data import FaceSet

from .original import missing

#: The project's budgets: of the bare step's time, and for one image on one core.
MOST_ADDED = 0.10
MOST_MILLISECONDS = 30.0
_FORMS = {
    "images_per_second": "{:.1f}",
    "ratio": "{:.2f}",
    "ms_per_image": "{:.1f}",
    "processor_ms_per_image": "{:.1f}",
    "added": "{:.0%}",
}


def conditions(
    faces: FaceSet, count: int, seconds: float, rounds: int, precision: str, load: float | None
) -> list[str]:
    """Sentences on machine, backend, precision and faces, and on what is left out.

    Parameters
    ----------
    faces : FaceSet
    count : int
        How many of them were used.
    seconds : float
        Of each measurement.
    rounds : int
    precision : str
        ModelA's default.
    load : float or None
        The machine's load average before the measurement, where it is known.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    busy = "" if load is None else f", load average {load:.1f} at the start"
    drawn = ", drawn stand-in faces" if faces.rendered else ""
    devices = ", ".join(keras.distribution.list_devices())
    said = [
        f"{platform.system()} {platform.machine()}, {cores} cores{busy}; Keras {keras.__version__} on "
        f"{keras.backend.backend()} ({devices}); ModelA trains in {precision} by default.",
        f"{count:,} faces of {faces.name}{drawn}; medians of {rounds} rounds in which each variant runs for "
        f"{seconds:g} s, ratios taken within a round.",
    ]
    reason = missing()
    return said if reason is None else [*said, f"The original's loading is left out: {reason}."]


def readable(speeds: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The name and the rows of each reference in a bench's speeds, as rounded text."""
    for reference, part in speeds.groupby("reference", sort=False):
        part = part.drop(columns="reference").dropna(axis=1, how="all")
        for column, form in _FORMS.items():
            if column in part:
                part[column] = ["" if np.isnan(value) else form.format(value) for value in part[column]]
        yield reference, part


def of_the_bare_step(precision: str, clock: pd.Series, processor: pd.Series) -> str:
    """What loading and augmentation add to ModelA's bare step, beside the budget.

    A busy machine spreads the rounds by more than the budget: where they lie on both sides of it, they decide
    nothing, and the sentence says so.

    Parameters
    ----------
    precision : str
    clock, processor : Series
        Added shares, one per round, of the time that passed and of processor time; see
        :func:`agegender_lib.pipeline.bench.timing.added`.
    """
    verdict = "neither kept nor exceeded for sure, the rounds lie on both sides"
    if clock.max() <= MOST_ADDED or clock.min() > MOST_ADDED:
        verdict = "kept" if clock.max() <= MOST_ADDED else "exceeded"
    return (
        f"Loading and augmentation: {_percent(clock.median())} of the bare step of ModelA in {precision} "
        f"({_percent(clock.min())} to {_percent(clock.max())} over {len(clock)} rounds; "
        f"{_percent(processor.median())} of its processor time); the budget of {_percent(MOST_ADDED)} is "
        f"{verdict}."
    )


def of_single_images(speed: pd.Series) -> str:
    """What one image takes ModelA on one core, beside the budget; ``speed`` is its row of the speeds."""
    took = speed["ms_per_image"]
    return (
        f"One image on one core: {took:.1f} ms with ModelA ({speed['processor_ms_per_image']:.1f} ms of processor "
        f"time), {_percent(took / MOST_MILLISECONDS)} of the budget of {MOST_MILLISECONDS:.0f} ms, which is "
        f"{'kept' if took <= MOST_MILLISECONDS else 'exceeded'}."
    )


def _percent(share):
    return f"{round(100 * share, 1):g} %"
