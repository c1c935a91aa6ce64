"""Figures of how sure models are: they show the tables' numbers, readably."""

import functools

import numpy as np
import pytest
from matplotlib.colors import to_hex
from plot_tools import check_layout, drawn

from agegender_lib import plots
from agegender_lib.evaluation import age_risk_coverage, empirical_coverage, gender_risk_coverage, reliability
from agegender_lib.plots.style import TEXT_WIDTH_CM, look_of
from tests.evaluation.test_calibration import answers
from tests.evaluation.test_prediction_intervals import faces

MODELS = {"ModelA": 1.0, "ModelB": 2.0, "ModelF": 0.6}


@functools.cache
def reliabilities():
    return {name: reliability(answers(factor, 400)) for name, factor in MODELS.items()}


@functools.cache
def coverages():
    return {name: empirical_coverage(*faces(wide, 300)) for name, wide in MODELS.items()}


@functools.cache
def risk_coverages():
    ages, genders = {}, {}
    for name, factor in MODELS.items():
        ages[name] = age_risk_coverage(*faces(factor, 300))
        genders[name] = gender_risk_coverage(answers(factor, 300))
    return ages, genders


def without_distribution():
    return coverages() | {"ModelB": empirical_coverage(faces(count=300)[0])}


DRAW = {
    "reliability": lambda: plots.reliability_diagrams(reliabilities()),
    "one model": lambda: plots.reliability_diagrams({"ModelA": reliabilities()["ModelA"]}),
    "intervals": lambda: plots.interval_coverage(coverages()),
    "one without": lambda: plots.interval_coverage(without_distribution()),
    "by age": lambda: plots.coverage_by_age(coverages()),
    "by age, one without": lambda: plots.coverage_by_age(without_distribution()),
    "risk_coverage": lambda: plots.risk_coverage_curves(*risk_coverages()),
}


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
def test_nothing_is_cut_off_or_overlaps(draw):
    figure = draw()
    boxes = check_layout(figure, drawn(figure))
    width, height = figure.get_size_inches() * 2.54
    assert width <= TEXT_WIDTH_CM + 1e-6 and height <= 20 and len(boxes) > 12


def spans(collection):
    return np.array([segment[:, 1] for segment in collection.get_segments()])


def test_reliability_shows_shares_chance_and_counts():
    tables = reliabilities()
    figure = plots.reliability_diagrams(tables)
    for upper, lower, (name, table) in zip(figure.axes[:3], figure.axes[3:], tables.items(), strict=True):
        diagonal, measured = upper.lines
        np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
        np.testing.assert_allclose(measured.get_xydata(), table[["predicted", "observed"]])
        assert upper.get_title(loc="left") == name and measured.get_color() == look_of(tables)[name][0]
        chance, whiskers = upper.collections
        np.testing.assert_allclose(spans(chance), table[["consistency_low", "consistency_high"]])
        np.testing.assert_allclose(spans(whiskers), table[["observed_low", "observed_high"]])
        assert [bar.get_height() for bar in lower.patches] == table["count"].tolist()


def test_curves_show_value_random_rejection_and_oracle_of_every_model():
    ages, genders = risk_coverages()
    figure = plots.risk_coverage_curves(ages, genders)
    for ax, tables in zip(figure.axes, (ages, genders), strict=True):
        for number, (name, table) in enumerate(tables.items()):
            best, random, value = ax.lines[3 * number : 3 * number + 3]
            for line, column in ((best, "oracle"), (random, "random_rejection"), (value, "value")):
                np.testing.assert_allclose(line.get_xydata(), table[["coverage", column]])
                assert to_hex(line.get_color()).upper() == look_of(tables)[name][0]
            assert value.get_label() == name and random.get_linestyle() == ":"
            points = ax.collections[number].get_paths()[0].vertices[:, 1]
            assert (points.min(), points.max()) == pytest.approx((table["low"].min(), table["high"].max()))
        # from everybody on the left to few on the right
        assert ax.get_xlim()[0] > ax.get_xlim()[1]
