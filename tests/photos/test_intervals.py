"""Intervals of ages hold what they say, once they are corrected."""

import numpy as np
import pandas as pd
import pytest

from agegender_lib.errors import InputError
from agegender_lib.files import write_json
from agegender_lib.photos.intervals import correction, corrections_file, intervals, read_corrections, weights_digest


def spread_around(ages, deviation):
    years = np.arange(117)
    values = np.exp(-0.5 * ((years - np.asarray(ages)[:, None]) / deviation) ** 2)
    return values / values.sum(axis=1, keepdims=True)


def held_out(count, believed, true=6.0, seed=0):
    """Predictions whose errors have the standard deviation ``true`` while the model believes in another."""
    rng = np.random.default_rng(seed)
    files = [f"{k}.jpg" for k in range(count)]
    values = spread_around(rng.uniform(40, 70, count), believed)
    means = values @ np.arange(117)
    predictions = pd.DataFrame({"file": files, "age_predicted": means, "age": means + rng.normal(0, true, count)})
    return predictions, pd.DataFrame(values, index=files, columns=range(117))


@pytest.mark.parametrize("believed", [2.0, 6.0, 12.0])
def test_a_corrected_interval_holds_four_ages_of_five_whatever_the_model_believed(believed):
    kind, change = correction(*held_out(2000, believed))
    # 50 to 59, in the middle of the ages that are predicted
    assert kind == "label_conditional" and change[6] == pytest.approx(6 / believed, rel=0.08)
    new, distributions = held_out(2000, believed, seed=1)
    found = {"correction": kind, "change": change}
    for correct, wanted in ((found, 0.8), (None, None)):
        low, high = intervals(new["age_predicted"], distributions.to_numpy(), correct)
        held = ((low <= new["age"]) & (new["age"] <= high)).mean()
        if wanted:
            assert held == pytest.approx(wanted, abs=0.03)
        elif believed != 6:
            assert abs(held - 0.8) > 0.1


def test_without_distributions_the_years_around_an_age_are_the_same_for_all():
    predictions, _ = held_out(1000, 6.0)
    kind, change = correction(predictions, None)
    assert kind == "absolute_residual" and change == pytest.approx([1.2816 * 6], rel=0.08)
    low, high = intervals(np.array([30.0, 3.0]), None, {"correction": kind, "change": change})
    np.testing.assert_allclose(high - [30, 3], change[0])
    assert low[0] == pytest.approx(30 - change[0]) and low[1] == 0
    assert np.isnan(intervals(np.array([30.0]), None, None)).all()


def test_too_few_faces_correct_nothing():
    with pytest.raises(InputError, match="3 held-out faces are too few"):
        correction(*held_out(3, 6.0))


class Weights:
    def __init__(self, *values):
        self.values = [np.asarray(value, np.float32) for value in values]

    def get_weights(self):
        return self.values


def test_a_correction_is_for_one_model_only(tmp_path):
    model = tmp_path / "m.keras"
    assert read_corrections(model, Weights([1, 2])) is None
    found = {"correction": "cqr_m", "change": 1.2, "weights": weights_digest(Weights([1, 2], [3]))}
    write_json(corrections_file(model), found)
    assert read_corrections(model, Weights([1, 2], [3])) == found
    assert read_corrections(tmp_path / "m.h5", Weights([3], [1, 2])) == found
    assert read_corrections(model, Weights([1, 2], [4])) is None
    corrections_file(model).write_text('{"correction": "cqr_m"}')
    with pytest.raises(InputError, match=r"m\.intervals\.json cannot be read"):
        read_corrections(model, Weights([1, 2]))
    for wrong in ({"change": -1}, {"change": [1.2, 1.1]}, {"correction": "label_conditional"}):
        write_json(corrections_file(model), found | wrong)
        with pytest.raises(InputError, match="holds no correction"):
            read_corrections(model, Weights([1, 2], [3]))
