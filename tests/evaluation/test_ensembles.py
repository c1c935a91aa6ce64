"""Several models' answers averaged."""

import numpy as np
import pandas as pd
import pytest
from made_runs import run_with

from agegender_lib.errors import InputError
from agegender_lib.evaluation import compare_ensembles, ensemble_predictions, seed_ensembles
from agegender_lib.runs import predictions_table

FACES = 400


def predictions(error, p_wrong=0.2):
    """Answers with these age errors (years), and genders named wrongly by ``p_wrong`` where it is over 0.5."""
    gender = np.arange(FACES) % 2
    wrong = np.broadcast_to(p_wrong, FACES)
    read = 40 + np.broadcast_to(error, FACES)
    return predictions_table(np.full(FACES, 40), read, gender, np.where(gender == 1, 1 - wrong, wrong))


def noise(seed, size=3.0):
    return np.random.default_rng(seed).normal(0, size, FACES)


def test_answers_are_averaged_face_by_face_in_whatever_order():
    one, other = predictions(noise(0), 0.1), predictions(noise(1), 0.4)
    mean = ensemble_predictions([one, other.sample(frac=1, random_state=3)])
    assert (mean["file"] == one["file"]).all()
    for column in ("age_predicted", "p_female"):
        assert np.allclose(mean[column], (one[column] + other[column]) / 2)
    assert (mean[["age", "gender"]] == one[["age", "gender"]]).all(axis=None)


def test_predictions_of_other_images_are_refused():
    with pytest.raises(InputError, match=r"different images.*'399\.jpg'"):
        ensemble_predictions([predictions(0), predictions(0)[:-1]])


def test_independent_errors_cancel_and_shared_ones_stay():
    shared = noise(9)
    tables = {
        "one": predictions(noise(0)),
        "other": predictions(noise(1)),
        "same": predictions(shared),
        "again": predictions(shared),
    }
    ages = compare_ensembles(tables).query("metric == 'age_mae'").set_index("members")
    # the mean of two independent normal errors has sqrt(1/2) of their spread
    gain = ages.loc["one + other"]
    assert gain["b"] / gain["a"] == pytest.approx(np.sqrt(0.5), abs=0.06)
    assert gain["high"] < 0
    assert ages.loc["same + again", "difference"] == pytest.approx(0)
    assert len(ages) == 6 + 4 + 1


def test_seeds_are_averaged_choice_by_choice():
    # each seed names another tenth of the genders wrongly, and none of them does so with a second one
    wrong = np.full((3, FACES), 0.1)
    for seed in range(3):
        wrong[seed, seed::10] = 0.7
    runs = {f"r{seed}": run_with(predictions(noise(seed), wrong[seed])) for seed in range(3)}
    runs["alone"] = run_with(predictions(noise(5)))
    trainings = pd.DataFrame(
        [("g", "many", seed, f"r{seed}") for seed in range(3)]
        + [("g", "one", 1, "alone"), ("g", "one", 2, "not trained")],
        columns=["factor", "variant", "seed", "run"],
    )
    (row,) = seed_ensembles(trainings, runs).to_dict("records")
    assert (row["variant"], row["seeds"]) == ("many", 3)
    assert row["gender_accuracy"] == pytest.approx(0.9)
    assert row["gender_accuracy_ensemble"] == 1
    singles = np.mean([np.abs(noise(seed)).mean() for seed in range(3)])
    assert row["age_mae"] == pytest.approx(singles)
    assert row["age_mae_ensemble"] / singles == pytest.approx(np.sqrt(1 / 3), abs=0.05)
