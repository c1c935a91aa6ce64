"""Intersectional groups, and the gaps between groups."""

import math

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from plot_tools import two_gaps, two_models, whiskers, words

from agegender_lib import plots
from agegender_lib.data import GENDERS, RACES
from agegender_lib.plots.style import COLOURS


def test_a_crossing_writes_every_value_with_its_count_and_hatches_small_cells():
    tables = two_models(("race", "gender"))
    tables["ModelB"] = tables["ModelB"][1:]  # no image of a white man
    figure = plots.intersectional_groups(tables)
    assert len(figure.axes) == 6
    for number, ax in enumerate(figure.axes):
        measure = ("age_mae", "age_bias", "gender_accuracy")[number // 2]
        table = tables[("ModelA", "ModelB")[number % 2]].set_index(["race", "gender"])
        hatched = [patch.get_xy() for patch in ax.patches if patch.get_hatch()]
        assert len(ax.texts) == 10
        for text in ax.texts:
            column, line = (math.floor(place) for place in text.get_position())
            place = RACES[line], GENDERS[column]
            if place not in table.index:
                assert place == ("White", "male") and text.get_text() == "none"
                continue
            value = table.loc[place, measure] * (100 if measure == "gender_accuracy" else 1)
            written, count = text.get_text().replace("−", "-").rstrip(")").split(" (")
            assert float(written) == pytest.approx(value, abs=0.5 if number >= 4 else 0.05)
            assert int(count) == table.loc[place, "count"]
            small = any(math.floor(x) == column and math.floor(y) == line for x, y in hatched)
            assert small == table.loc[place, "low_support"]


def test_gaps_stand_on_what_chance_makes_of_them():
    table = two_gaps()
    groupings = list(dict.fromkeys(table["grouping"]))
    figure = plots.group_gaps(table)
    for ax, measure in zip(figure.axes, dict.fromkeys(table["measure"]), strict=True):
        own = table[(table["measure"] == measure) & table["gap"].notna()]
        found = {(colour, round(y), *most) for colour, *most, y in whiskers(ax)}
        assert found == {
            (COLOURS[row.model].lower(), groupings.index(row.grouping), row.gap, row.low, row.high)
            for row in own.itertuples()
        }
        assert [bar.get_width() for bar in ax.patches] == own["critical_value"].to_list()
        hollow = {line.get_xdata()[0] for line in ax.lines if to_hex(line.get_markerfacecolor()) == "#ffffff"}
        assert hollow == set(own.loc[own["gap"] <= own["critical_value"], "gap"])
        ages = {line.get_xdata()[0] for line in ax.lines if to_hex(line.get_color()) == "#333333"}
        assert ages == set(own["critical_value_within_ages"].dropna())
        missing = table[(table["measure"] == measure) & table["gap"].isna()]
        assert words(ax).count("too few images") == len(missing) > 0
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()][-1] == "race"


def test_a_step_of_the_fall_is_hollow_where_its_interval_reaches_zero():
    rows = [
        (model, step, measure, gap, gap - 0.03, gap + 0.04)
        for model, more in (("ModelA", 0.0), ("ModelF", 0.01))
        for step, gap in (("as they are", 0.1), ("aligned", 0.02))
        for measure, gap in (("gender_accuracy", gap + more), ("age_in_range", 2 * gap + more))
    ]
    table = pd.DataFrame(rows, columns=["model", "step", "measure", "gap", "gap_low", "gap_high"])
    figure = plots.shift_steps(table)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["as they are", "aligned"]
    for ax, measure in zip(figure.axes, ("gender_accuracy", "age_in_range"), strict=True):
        own = table[table["measure"] == measure]
        found = {(colour, round(y), *most) for colour, *most, y in whiskers(ax)}
        assert found == {
            (COLOURS[row.model].lower(), int(row.step == "aligned"), row.gap, row.gap_low, row.gap_high)
            for row in own.itertuples()
        }
        hollow = {line.get_xdata()[0] for line in ax.lines if to_hex(line.get_markerfacecolor()) == "#ffffff"}
        assert hollow == {row.gap for row in own.itertuples() if row.gap_low <= 0}
