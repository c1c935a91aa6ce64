"""Faults planted in drawn faces: a reader of the pictures shows them to every analysis, with their size, and no others.

The reader is a small one of scikit-learn, because what is tested are the analyses and not how well faces are read. It
learns from faces without faults and reads others; these are labelled without faults, with a bias, and with more noise
than it learned from.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from agegender_lib.data import RACES, load_faces, plan_faces, render_faces
from agegender_lib.evaluation import (
    age_coverage,
    calibration_summary,
    errors_by,
    gaps,
    surprising_labels,
)
from agegender_lib.evaluation.age_distributions import aligned, quantiles

TRAINING, COUNT, SEED = 600, 500, 2
BLACK, YEARS = RACES.index("Black"), 12
SHARE, NOISE = 0.2, 20.0


@dataclass(frozen=True)
class Planted:
    """Faults of known size in the labels of drawn faces: only of these is it known what their labels should be.

    Faces of ``race`` are labelled ``years_younger`` than drawn, a share of ``wrong_genders`` with the other gender, and
    ages with normal noise of ``age_noise`` years.
    """

    race: int | None = None
    years_younger: int = 0
    wrong_genders: float = 0.0
    age_noise: float = 0.0

    def labels(self, plan):
        """age, gender, drawn_age, drawn_gender and race by file name, of a plan without duplicates."""
        rows = []
        for index, face in enumerate(plan.itertuples()):
            rng = np.random.default_rng([SEED, index, 3])
            noise, chance = (
                rng.standard_normal(),
                rng.random(),
            )  # always both: one fault does not disturb another
            younger = self.years_younger if face.race == self.race else 0
            age = int(np.clip(round(face.age - younger + self.age_noise * noise), 0, 116))
            gender = 1 - face.gender if chance < self.wrong_genders else face.gender
            rows.append([face.file, age, gender, face.age, face.gender, face.race])
        columns = ["file", "age", "gender", "drawn_age", "drawn_gender", "race"]
        return pd.DataFrame(rows, columns=columns).set_index("file")


BIASED = Planted(race=BLACK, years_younger=YEARS)
NOISY = Planted(wrong_genders=SHARE, age_noise=NOISE)
AGES = np.arange(117)


@dataclass
class Reader:
    """Ages with a spread and P(female) from 16 x 16 pixels of a face."""

    age: Any
    gender: Any
    spread: float

    def read(self, faces):
        """A table of predictions in the order of the faces, and the ages' distributions."""
        pixels = small(faces)
        edges = np.append(AGES - 0.5, AGES[-1] + 0.5)
        values = np.diff(norm.cdf(edges, self.age.predict(pixels)[:, None], self.spread), axis=1)
        values /= values.sum(axis=1, keepdims=True)
        answers = {"age_predicted": values @ AGES, "p_female": self.gender.predict_proba(pixels)[:, 1]}
        files = pd.Index(faces.table["file"], name="file")
        return faces.table.assign(split="validation", **answers), pd.DataFrame(values, files, AGES)


def small(faces):
    return faces.images.reshape(len(faces), 16, 8, 16, 8, 3).mean((2, 4)).reshape(len(faces), -1) / 255


@pytest.fixture(scope="module")
def draw(tmp_path_factory):
    def draw(count, seed):
        # without duplicates, which would make groups of two out of independent faces
        folder = render_faces(tmp_path_factory.mktemp("planted") / "faces", count, seed, duplicates=0)
        return load_faces(folder, tmp_path_factory.mktemp("cache"))

    return draw


@pytest.fixture(scope="module")
def reader(draw):
    faces = draw(TRAINING, SEED + 1)
    pixels, age = small(faces), faces.table["age"].to_numpy()
    by_age = make_pipeline(PCA(60, random_state=0), RidgeCV(np.logspace(-3, 3, 13)))
    by_gender = make_pipeline(PCA(60, random_state=0), LogisticRegression(C=0.3, max_iter=1000))
    errors = cross_val_predict(by_age, pixels, age, cv=KFold(5, shuffle=True, random_state=0)) - age
    return Reader(by_age.fit(pixels, age), by_gender.fit(pixels, faces.table["gender"]), errors.std())


@pytest.fixture(scope="module")
def clean(draw, reader):
    return reader.read(draw(COUNT, SEED))


@pytest.fixture(scope="module")
def labelled(clean):
    """The same pictures and answers under the labels of a plan with faults."""

    def labelled(planted):
        labels = planted.labels(plan_faces(COUNT, SEED, 0))[["age", "gender", "drawn_gender"]]
        predictions, distributions = clean
        return predictions.drop(columns=["age", "gender"]).join(labels, on="file"), distributions

    return labelled


def bias_by(predictions, grouping):
    return errors_by(predictions, grouping).set_index(grouping)["age_bias"]


def race_gap(predictions):
    return gaps(predictions, ["race"], resamples=500).set_index("measure").loc["age_bias"]


# What is planted


def test_faults_have_the_size_asked_for_and_do_not_disturb_each_other():
    plan = Planted(BLACK, YEARS, SHARE, NOISE).labels(plan_faces(4000, SEED, 0))
    inside = plan["drawn_age"].between(75, 85)  # clipping would make less of noise and bias
    shift = (plan["age"] - plan["drawn_age"])[plan["drawn_age"].between(40, 60)]
    of = plan.loc[shift.index, "race"] == BLACK
    assert inside.any()
    assert shift[~of].mean() == pytest.approx(0, abs=4 * NOISE / np.sqrt((~of).sum()))
    assert shift[of].mean() == pytest.approx(-YEARS, abs=4 * NOISE / np.sqrt(of.sum()))
    assert shift[~of].std() == pytest.approx(NOISE, rel=0.1)
    flipped = plan["gender"] != plan["drawn_gender"]
    assert flipped.mean() == pytest.approx(SHARE, abs=0.03)
    alone = Planted(wrong_genders=SHARE).labels(plan_faces(4000, SEED, 0))
    assert (alone["gender"] == plan["gender"]).all() and (alone["age"] == alone["drawn_age"]).all()


# Where nothing is planted, nothing is found


def test_the_reader_reads(clean):
    """Else all below would hold of a reader that knows nothing."""
    predictions, _ = clean
    error = (predictions["age_predicted"] - predictions["age"]).abs().mean()
    assert error < 0.8 * (predictions["age"] - predictions["age"].median()).abs().mean()
    assert ((predictions["p_female"] > 0.5) == predictions["gender"]).mean() > 0.75


def test_without_faults_no_analysis_finds_any(clean):
    predictions, distributions = clean
    assert race_gap(predictions)["p"] > 0.05
    found = calibration_summary(predictions, resamples=500).set_index("measure")
    assert found.loc["overconfidence", "low"] < 0 < found.loc["overconfidence", "high"] + 0.05
    coverage = age_coverage(predictions, distributions, levels=[0.8], resamples=500)
    own = coverage[(coverage["interval"] == "predicted") & (coverage["by"] == "all")].iloc[0]
    assert own["coverage_high"] > 0.8


# Where something is planted, it is found with its size


def test_the_bias_is_found_in_its_group_with_its_size_and_in_no_other(clean, labelled):
    predictions, _ = labelled(BIASED)
    change = bias_by(predictions, "race") - bias_by(clean[0], "race")
    # children cannot be labelled younger than birth
    in_group = predictions["race"] == BLACK
    planted = (clean[0]["age"] - predictions["age"])[in_group].mean()
    assert planted == pytest.approx(YEARS, abs=2)
    assert change["Black"] == pytest.approx(planted) and (change.drop("Black") == 0).all()
    gap = race_gap(predictions)
    assert gap["highest"] == "Black" and gap["p"] < 0.01 and gap["p_ages"] < 0.01
    assert gap["low"] <= planted <= gap["high"]


def test_labels_noisier_than_learned_make_genders_too_sure_by_the_share_planted(clean, labelled):
    before, after = (
        calibration_summary(predictions, resamples=500).set_index("measure")
        for predictions in (clean[0], labelled(NOISY)[0])
    )
    accuracy = ((clean[0]["p_female"] > 0.5) == clean[0]["gender"]).mean()
    planted = SHARE * (2 * accuracy - 1)
    change = after.loc["overconfidence", "value"] - before.loc["overconfidence", "value"]
    # which answers are hit is chance: a binomial share of 500
    assert change == pytest.approx(planted, abs=3 * np.sqrt(SHARE * (1 - SHARE) / COUNT))
    assert after.loc["overconfidence", "low"] > 0 and after.loc["temperature", "low"] > 1
    assert after.loc["ece", "p"] < 0.01
    # and a temperature takes it away again
    assert abs(after.loc["overconfidence_scaled", "value"]) < 0.5 * planted


def test_labels_noisier_than_learned_fall_out_of_the_intervals_as_often_as_planted(clean, labelled):
    """An interval from ``low`` to ``high`` holds a label of normal noise about the drawn age with a known chance."""
    predictions, distributions = labelled(NOISY)
    drawn = clean[0]["age"].to_numpy()
    low, high = quantiles(*aligned(distributions, predictions), np.array([0.1, 0.9])).T
    planted = (norm.cdf((high - drawn) / NOISE) - norm.cdf((low - drawn) / NOISE)).mean()
    table = age_coverage(predictions, distributions, levels=[0.8], resamples=500)
    own = table[table["by"] == "all"].set_index("interval")
    assert planted < 0.7 and own.loc["predicted", "coverage_high"] < 0.8
    assert own.loc["predicted", "coverage"] == pytest.approx(planted, abs=2.5 * np.sqrt(0.8 * 0.2 / COUNT))
    assert own.loc["stretched", "coverage"] == pytest.approx(0.8, abs=0.02)
    assert own.loc["stretched", "change"] > 1.3


def test_wrong_labels_are_more_surprising_than_right_ones(labelled):
    predictions, _ = labelled(NOISY)
    surprises = surprising_labels(predictions)
    wrong = surprises["gender"] != surprises["drawn_gender"]
    right_answers = ((surprises["p_female"] > 0.5) == surprises["drawn_gender"]).mean()
    assert roc_auc_score(wrong, surprises["gender_surprise"]) > right_answers - 0.05
    first = surprises["gender_rank"] <= 50
    assert wrong[first].mean() > 2 * SHARE
