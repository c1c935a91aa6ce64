"""Speeds measured side by side: every variant once a round, medians, and ratios within a round."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm


class Variant(NamedTuple):
    """What is measured, of which model, in which arithmetic."""

    what: str
    model: str
    precision: str


class Rounds(NamedTuple):
    """Seconds per image, a row per round and a column per variant.

    Attributes
    ----------
    clock : DataFrame
        Seconds that passed, those in which other programs had the processor included.
    processor : DataFrame
        Seconds of processor time of this process, all threads and cores added up.
    """

    clock: pd.DataFrame
    processor: pd.DataFrame

    @classmethod
    def of(cls, variants, clock, processor) -> "Rounds":
        """From the variants, and two arrays [rounds, variants]."""
        names = pd.MultiIndex.from_tuples([tuple(variant) for variant in variants], names=Variant._fields)
        return cls(pd.DataFrame(clock, columns=names), pd.DataFrame(processor, columns=names))

    def part(self, whats) -> "Rounds":
        """Only the variants that measure one of ``whats``."""
        chosen = [name for name in self.clock.columns if name[0] in whats]
        return Rounds(self.clock[chosen], self.processor[chosen])


def now() -> np.ndarray:
    """Clock and processor time of this process, in seconds since whenever: float64 [2]."""
    return np.array([time.perf_counter(), time.process_time()])


def pace(
    step: Callable[[], object], images: int, seconds: float, now: Callable[[], np.ndarray] = now
) -> np.ndarray:
    """Seconds per image of a step that is repeated for so many seconds, at least twice.

    Parameters
    ----------
    step : callable
        Handles ``images`` images and returns when they are done.
    images : int
    seconds : float
    now : callable
        See :func:`now`.

    Returns
    -------
    float64 [2]
        On the clock, and of processor time.
    """
    steps, start = 0, now()
    while True:
        step()
        steps += 1
        passed = now() - start
        if steps >= 2 and passed[0] >= seconds:
            return passed / (images * steps)


def in_turn(variants: Mapping[Variant, Callable[[float], np.ndarray]], rounds: int, seconds: float) -> Rounds:
    """Measure all variants one after the other, again and again, so that a disturbance hits all alike.

    Parameters
    ----------
    variants : mapping of Variant to callable
        Each measures for about the seconds it is given and returns seconds per image, as :func:`pace` does. A
        short first measurement, with everything still cold, does not count.
    rounds : int
    seconds : float
    """
    for measure in tqdm(variants.values(), desc="warming up", unit="variant", disable=None):
        measure(0.0)
    found = [
        [measure(seconds) for measure in variants.values()]
        for _ in tqdm(range(rounds), desc="measuring", unit="round", disable=None)
    ]
    clock, processor = np.moveaxis(np.array(found), 2, 0)
    return Rounds.of(variants, clock, processor)


def speeds(rounds: Rounds, reference: Variant) -> pd.DataFrame:
    """Medians over rounds, and how many times as fast as the reference each variant is.

    A ratio is taken within each round, between neighbours in time, and its median over the rounds is given: a
    machine that is slow for some rounds does not change it.

    Parameters
    ----------
    rounds : Rounds
    reference : Variant
        One of the columns.

    Returns
    -------
    DataFrame
        A row per variant: what, model, precision, images_per_second, ratio, ms_per_image (passed on the clock) and
        processor_ms_per_image.
    """
    clock, processor = rounds
    table = clock.columns.to_frame(index=False)
    table["images_per_second"] = 1 / clock.median().to_numpy()
    table["ratio"] = (1 / clock).mul(clock[tuple(reference)], axis=0).median().to_numpy()
    table["ms_per_image"] = 1000 * clock.median().to_numpy()
    table["processor_ms_per_image"] = 1000 * processor.median().to_numpy()
    return table


def added(seconds: pd.DataFrame, whole: Variant, bare: Variant) -> pd.Series:
    """Time that ``whole`` takes on top of ``bare``, as a share of ``bare``'s time, for each round.

    Parameters
    ----------
    seconds : DataFrame
        Seconds per image: ``clock`` or ``processor`` of :class:`Rounds`.
    whole, bare : Variant
        Where an image takes 12.5 and 10 ms, 0.25 is added.
    """
    return seconds[tuple(whole)] / seconds[tuple(bare)] - 1
