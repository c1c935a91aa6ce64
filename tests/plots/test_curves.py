"""Learning curves and epoch times."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from plot_tools import history, line, vertical_lines, words

from agegender_lib import plots
from agegender_lib.plots.style import COLOURS


def rings(ax):
    return [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in ax.lines
        if line.get_marker() == "o" and to_hex(line.get_markerfacecolor()) == "#ffffff"
    ]


def test_learning_curves_show_all_four_quantities_and_their_best_epoch():
    table = history(56, seed=3)
    axes = plots.training_curves(table, "ModelB").axes
    best_is = {"gender_loss": "idxmin", "gender_accuracy": "idxmax", "age_loss": "idxmin", "age_mae": "idxmin"}
    for ax, (column, best) in zip(axes, best_is.items(), strict=True):
        for label, name in (("training", column), ("validation", f"val_{column}")):
            assert list(line(ax, label).get_xdata()) == list(range(1, 57))
            np.testing.assert_array_equal(line(ax, label).get_ydata(), table[name])
        assert to_hex(line(ax, "validation").get_color()) == COLOURS["ModelB"].lower()
        row = getattr(table[f"val_{column}"], best)()
        assert rings(ax) == [(row + 1, table[f"val_{column}"][row])]
        assert any(f"(epoch {row + 1})" in text for text in words(ax))
    assert {"training", "validation", "ModelB"} <= set(words(axes[0].figure))


def test_an_age_loss_that_is_the_mae_gives_way_to_what_is_minimised():
    table, other = history(12), history(8, seed=1)
    same = table.assign(age_loss=table["age_mae"] * (1 + 1e-7))
    for figure, column in (
        (plots.training_curves(same, "ModelA"), "loss"),
        (plots.training_curves(table, "ModelA"), "age_loss"),
        (plots.training_curves(same.drop(columns="loss"), "ModelA"), "age_loss"),
        (plots.overlaid_curves({"ModelA": same}), "loss"),
        (plots.overlaid_curves({"ModelA": same, "ModelB": other}), "age_loss"),  # one quantity for all
    ):
        ax = figure.axes[2]
        ends = ("Total loss (minimised)", "weighted sum of losses") if column == "loss" else ("Age: loss", "loss")
        assert (ax.get_title("left"), ax.get_ylabel()) == ends
        shown = [list(line.get_ydata()) for line in ax.lines]
        assert list(same[f"val_{column}"]) in shown and list(figure.axes[3].lines[0].get_ydata()) not in shown


def test_epochs_that_are_no_numbers_do_not_count_as_best():
    table = history(10)
    table.loc[[4, 9], "val_age_mae"] = np.nan
    table.loc[2, "val_age_mae"] = 0.5
    assert rings(plots.training_curves(table, "ModelA").axes[3]) == [(3, 0.5)]
    table["val_age_mae"] = np.nan
    assert rings(plots.training_curves(table, "ModelA").axes[3]) == []


def test_an_exploding_epoch_leaves_the_panel_and_is_announced():
    table = history(40)
    table.loc[[2, 6], "val_age_loss"] = 40.0, 123456.0
    table.loc[11, "gender_loss"] = 77.0
    gender, accuracy, age, error = plots.training_curves(table, "ModelA").axes
    assert age.get_ylim()[1] < 5 and gender.get_ylim()[1] < 5
    for ax, epochs, colour in ((age, [3, 7], COLOURS["ModelA"]), (gender, [12], COLOURS["train"])):
        cut = {to_hex(line.get_color()): list(line.get_xdata()) for line in ax.lines if line.get_gid() == "cut"}
        assert cut.pop(colour.lower()) == epochs and not any(cut.values())
    assert "▲ off the scale, up to 123,456" in words(age) and "▲ off the scale, up to 77" in words(gender)
    for ax in (accuracy, error):
        assert not any("off the scale" in text for text in words(ax))
        assert ax.get_ylim()[0] <= ax.dataLim.y0 and ax.get_ylim()[1] >= ax.dataLim.y1


@pytest.mark.parametrize("draw", [plots.training_curves, plots.epoch_times])
def test_a_line_stands_where_a_stage_begins(draw):
    for ax in draw(history(2, 5, 3), "ModelA").axes:
        assert vertical_lines(ax) == [2.5, 7.5]
        assert {"stage 2", "stage 3"} <= set(words(ax)) and "stage 1" not in words(ax)
    for ax in draw(history(9), "ModelA").axes:
        assert vertical_lines(ax) == [] and not any("stage" in text for text in words(ax))
    # Each stage may count from one, and may have a name.
    table = history(2, 3).assign(epoch=[1, 2, 1, 2, 3], stage=["heads", "heads", "all", "all", "all"])
    for ax in draw(table, "ModelA").axes:
        assert vertical_lines(ax) == [2.5] and "all" in words(ax)
