"""The few numbers that say how far a model's gender probabilities are off, before and after a correction."""

import numpy as np
import pandas as pd

from agegender_lib.evaluation.bootstrap import estimates
from agegender_lib.evaluation.calibration import expected_calibration_error, scored
from agegender_lib.evaluation.temperature import temperature_of, temperature_scaled


def calibration_summary(predictions: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """How far one model's probabilities are off, before and after a temperature corrects them.

    Parameters
    ----------
    predictions, resamples
        See ``calibration.reliability``.

    Returns
    -------
    DataFrame
        A row per measure: ``measure, value, low, high, chance, chance_high, p``, as
        ``calibration.expected_calibration_error`` gives them; ``chance`` and what follows only for the first two.
        ``ece`` (of P(female)), ``ece_confidence``, ``overconfidence`` (mean confidence less accuracy; positive: too
        sure), ``brier`` (mean squared distance of P(female) from the label), ``temperature`` (above 1: too sure), and
        those of the corrected probabilities, ``..._scaled``, each corrected without its own fold's labels.

    Raises
    ------
    InputError
        See ``calibration.reliability`` and ``temperature.temperature_scaled``.
    """
    scaled = temperature_scaled(predictions)
    rows = _measures(predictions, "", resamples)
    p_female, female = predictions["p_female"].to_numpy(), predictions["gender"].to_numpy()
    found = estimates(
        {"temperature": lambda weights: np.array([temperature_of(p_female, female, row) for row in weights])},
        predictions["duplicate_group"].to_numpy(),
        resamples,
    )
    rows += _rows(found, "")
    return pd.DataFrame(rows + _measures(scaled, "_scaled", resamples))


def _measures(predictions, ending, resamples):
    p_female, female = predictions["p_female"].to_numpy(), predictions["gender"].to_numpy()
    confidence, right = scored(predictions, "confidence")
    means = {"overconfidence": confidence - right, "brier": (p_female - female) ** 2}
    found = estimates(means, predictions["duplicate_group"].to_numpy(), resamples)
    rows = [
        {"measure": name + ending} | expected_calibration_error(predictions, of=of, resamples=resamples)
        for name, of in (("ece", "p_female"), ("ece_confidence", "confidence"))
    ]
    return rows + _rows(found, ending)


def _rows(found, ending):
    return [
        {"measure": name + ending, "value": each.value, "low": each.low, "high": each.high}
        for name, each in found.items()
    ]
