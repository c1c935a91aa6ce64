"""Gender probabilities: faults of known size are found, and none where there is none."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from agegender_lib.errors import InputError
from agegender_lib.evaluation import calibration_summary, reliability, temperature_scaled
from agegender_lib.evaluation.statistics.bootstrap import grouped_folds, units_of
from agegender_lib.evaluation.uncertainty.calibration import expected_calibration_error, temperature_of
from agegender_lib.runs import predictions_table


def answers(temperature=1.0, count=2000, seed=0):
    """Predictions that are overconfident by ``temperature``."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, count)
    gender = (rng.random(count) < expit(logits)).astype(int)
    return predictions_table(np.full(count, 30), 30, gender, expit(temperature * logits))


def true_error(temperature, bins=10):
    """The calibration error of endlessly many such faces."""
    logits = np.random.default_rng(99).normal(0, 2, 400_000)
    said, so = expit(temperature * logits), expit(logits)
    place = (said * bins).astype(int)
    return np.abs(np.bincount(place, said - so, bins)).sum() / len(said)


def overconfidence(temperature):
    """Mean confidence less accuracy of endlessly many such faces."""
    logits = np.abs(np.random.default_rng(99).normal(0, 2, 400_000))
    return np.mean(expit(temperature * logits) - expit(logits))


def test_probabilities_that_are_right_are_no_worse_than_chance():
    found = [expected_calibration_error(answers(seed=seed)) for seed in range(20)]
    # at a level of 5 %, five or more of twenty would be found by chance in 3 of 1000 sets
    assert sum(one["p"] < 0.05 for one in found) < 5
    # but chance does not lie always above them either
    assert 0.2 < np.mean([one["p"] for one in found]) < 0.8
    assert np.mean([one["value"] for one in found]) == pytest.approx(found[0]["chance"], rel=0.2)
    assert found[0]["low"] == 0


@pytest.mark.parametrize("of", ["p_female", "confidence"])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_probabilities_too_sure_or_too_unsure_by_a_known_amount_are_found(of, temperature):
    found = expected_calibration_error(answers(temperature), of=of)
    truth = true_error(temperature)
    assert found["p"] == 0 and found["value"] > 2 * found["chance_high"]
    assert found["value"] == pytest.approx(truth, abs=0.02) and found["low"] <= truth <= found["high"]


def test_bins_are_scikit_learns_and_hold_every_face():
    table = answers(1.5, count=300)
    found = reliability(table)
    share, mean = calibration_curve(table["gender"], table["p_female"], n_bins=10)
    np.testing.assert_allclose(found["observed"], share)
    np.testing.assert_allclose(found["predicted"], mean)
    assert found["count"].sum() == 300 and found["high"].iloc[-1] == 1
    assert ((found["low"] <= found["predicted"]) & (found["predicted"] <= found["high"])).all()
    gaps = (found["count"] * (found["observed"] - found["predicted"]).abs()).sum() / 300
    assert expected_calibration_error(table)["value"] == pytest.approx(gaps)


def test_a_person_seen_often_is_one_observation():
    once = answers(count=150)
    often = pd.concat([once] * 6, ignore_index=True)
    often = often.assign(file=[f"{n}.jpg" for n in range(len(often))], duplicate_group=np.tile(range(150), 6))
    alone = often.assign(duplicate_group=-1)
    one, many, wrong = (expected_calibration_error(table) for table in (once, often, alone))
    assert many["value"] == pytest.approx(one["value"])
    assert many["chance"] == pytest.approx(one["chance"], rel=0.1)
    # taken for six people each, chance would seem small
    assert wrong["chance"] < 0.6 * one["chance"]


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
def test_the_temperature_is_recovered_and_heals(temperature):
    table = answers(temperature)
    rows = calibration_summary(table).set_index("measure")
    heat = rows.loc["temperature"]
    assert heat["low"] < temperature < heat["high"] and heat["high"] - heat["low"] < 0.5
    assert rows.loc["ece_scaled", "value"] < rows.loc["ece_scaled", "chance_high"]
    assert (rows.loc["ece", "p"] < 0.05) == (temperature != 1) == (not heat["low"] <= 1 <= heat["high"])
    over = rows.loc["overconfidence"]
    assert over["value"] == pytest.approx(overconfidence(temperature), abs=0.02)
    assert over["low"] < over["value"] < over["high"] and over["high"] - over["low"] < 0.05
    assert abs(rows.loc["overconfidence_scaled", "value"]) < 0.02
    if temperature != 1:
        assert rows.loc["brier_scaled", "value"] < rows.loc["brier", "value"]
    assert rows.loc["brier", "value"] == pytest.approx(np.mean((table["p_female"] - table["gender"]) ** 2))


def test_the_temperature_is_the_best_one_and_weights_are_repetitions():
    table = answers(1.4, count=300)
    p_female, female = table["p_female"].to_numpy(), table["gender"].to_numpy()
    slope = LogisticRegression(C=np.inf, fit_intercept=False).fit(logit(p_female)[:, None], female).coef_[0, 0]
    assert temperature_of(p_female, female) == pytest.approx(1 / slope, rel=1e-3)
    weights = np.random.default_rng(0).integers(0, 4, 300)
    repeated = temperature_of(np.repeat(p_female, weights), np.repeat(female, weights))
    assert temperature_of(p_female, female, weights) == pytest.approx(repeated, rel=1e-4)
    # probabilities of exactly 0 and 1, as rounding makes them
    assert np.isfinite(temperature_of(np.array([0.0, 1.0, 1.0]), np.array([0, 1, 0])))


def test_a_face_is_corrected_without_its_own_label_and_keeps_its_gender():
    table = answers(1.7, count=400)
    scaled = temperature_scaled(table)
    fold = grouped_folds(table["duplicate_group"].to_numpy(), 5, 0)
    other = table.assign(gender=np.where(fold == 2, 1 - table["gender"], table["gender"]))
    again = temperature_scaled(other)
    np.testing.assert_array_equal(again["p_female"][fold == 2], scaled["p_female"][fold == 2])
    assert (again["p_female"][fold != 2] != scaled["p_female"][fold != 2]).all()
    assert ((scaled["p_female"] >= 0.5) == (table["p_female"] >= 0.5)).all()
    pd.testing.assert_frame_equal(scaled.drop(columns="p_female"), table.drop(columns="p_female"))


def test_folds_keep_duplicates_together_and_follow_the_seed():
    group = np.where(np.arange(90) < 60, np.arange(90) % 20, -1)
    units = units_of(group)
    assert len(set(units)) == 50 and (units[:20] == units[20:40]).all()
    folds = grouped_folds(group, 3, seed=1)
    assert set(folds) == {0, 1, 2} and (folds[:20] == folds[20:40]).all() and (folds[:20] == folds[40:60]).all()
    np.testing.assert_array_equal(grouped_folds(group, 3, seed=1), folds)
    assert (grouped_folds(group, 3, seed=2) != folds).any()
    with pytest.raises(InputError, match="cannot be divided into 3"):
        grouped_folds(np.array([5, 5, 5, -1]), 3, seed=0)


def test_impossible_probabilities_are_refused():
    with pytest.raises(InputError, match="probabilities"):
        reliability(answers(count=50).assign(p_female=1.5))
