"""Predictions against labels, errors by group, and the models beside the original report."""

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba
from plot_tools import comparison, counts, line, predictions, two_models, vertical_lines, whiskers, words

from agegender_lib import plots
from agegender_lib.evaluation import running_median
from agegender_lib.plots.style import COLOURS, look_of


def contrast(text, background):
    luminance = []
    for colour in (text, background):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgba(colour)[:3]]
        luminance.append(np.dot(linear, [0.2126, 0.7152, 0.0722]) + 0.05)
    return max(luminance) / min(luminance)


def cells(ax):
    """Row by row: the text of each cell of a heat map, and how it contrasts with the cell."""
    colours = ax.collections[0].get_facecolors()
    return [(text.get_text(), contrast(text.get_color(), c)) for text, c in zip(ax.texts, colours, strict=True)]


@pytest.mark.parametrize("names", [["ModelB"], ["ModelA", "ModelB"], ["ModelA", "ModelB", "other"]])
def test_every_answer_is_a_dot_beside_what_is_typical(names):
    tables = {name: predictions(seed) for seed, name in enumerate(names)}
    figure = plots.true_vs_predicted(tables)
    for ax, (name, table) in zip(figure.axes, tables.items(), strict=True):
        assert ax.get_title("left") == name
        dots = next(artist for artist in ax.collections if len(artist.get_offsets()) == len(table))
        np.testing.assert_array_equal(dots.get_offsets(), table[["age", "age_predicted"]])
        typical = running_median(table)
        np.testing.assert_array_equal(line(ax, "running median").get_xydata(), typical[["age", "median"]])
        assert to_hex(line(ax, "running median").get_color()) == look_of(names)[name][0].lower()
        band = next(artist for artist in ax.collections if artist.get_label().startswith("central"))
        corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
        assert corners >= {tuple(row) for row in typical[["age", "low"]].to_numpy()}
        assert corners >= {tuple(row) for row in typical[["age", "high"]].to_numpy()}
        perfect = line(ax, "perfect")
        np.testing.assert_array_equal(perfect.get_xdata(), perfect.get_ydata())
        # Everything is inside, and a year is as long on either axis.
        assert ax.get_ylim()[1] > table["age_predicted"].max() and ax.get_xlim()[1] > table["age"].max()
        assert f"MAE {(table['age_predicted'] - table['age']).abs().mean():.2f} years" in words(ax)
        assert ax.get_aspect() == 1
    assert sum(text == "perfect" for text in words(figure)) == (1 if len(names) == 3 else len(names))


def test_confusion_matrices_print_counts_and_shares_of_their_row():
    figure = plots.confusion_matrices({"ModelA": counts(90, 10, 5, 15), "ModelB": counts(100, 0, 0, 0)})
    left, right = (cells(ax) for ax in figure.axes)
    percent = "\N{THIN SPACE}%"
    assert [text for text, _ in left] == [
        f"90\n90.0{percent}", f"10\n10.0{percent}", f"5\n25.0{percent}", f"15\n75.0{percent}",
    ]  # fmt: skip
    assert [text for text, _ in right][2:] == [f"0\n0.0{percent}"] * 2
    assert all(readable > 4.5 for _, readable in left + right)
    assert [ax.get_title("left") for ax in figure.axes] == ["ModelA", "ModelB"]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("predicted", "true")


def test_errors_per_group_are_where_the_table_says():
    tables = {name: table.assign(low_support=table["count"] < 40) for name, table in two_models().items()}
    figure = plots.metrics_by_group(tables)
    groups = tables["ModelA"]
    assert groups["low_support"].any() and not groups["low_support"].all()
    for ax, measure in zip(figure.axes, ("age_mae", "age_bias", "gender_accuracy"), strict=True):
        wanted = []
        for name, table in tables.items():
            for place, row in enumerate(table.itertuples()):
                colour = (COLOURS["faint"] if row.low_support else COLOURS[name]).lower()
                ends = (getattr(row, measure + end) for end in ("", "_low", "_high"))
                wanted.append((colour, *ends, place))
        found = [(*most, round(height)) for *most, height in whiskers(ax)]
        assert found == wanted
        heights = [height for *_, height in whiskers(ax)]
        assert len(set(heights)) == len(heights)  # no model hides another
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == [f"{row.age_band}  (n = {row.count})" for row in groups.itertuples(name="Row")]
    assert vertical_lines(figure.axes[1]) == [0]
    assert {"ModelA", "ModelB", "fewer than 30 images"} <= set(words(figure))
    large = {name: table.assign(low_support=False) for name, table in tables.items()}
    assert "fewer than 30 images" not in words(plots.metrics_by_group(large))


def test_models_stand_above_the_original_numbers():
    figure = plots.compare_models(comparison())
    age, gender = figure.axes
    found = {(colour, *most): height for colour, *most, height in whiskers(age)}
    a, b = COLOURS["ModelA"].lower(), COLOURS["ModelB"].lower()
    assert set(found) == {(a, 6.13, 5.8, 6.5), (b, 5.2, 4.9, 5.55)}
    diamonds = [line for line in age.lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in diamonds] == [6.9]
    assert to_hex(diamonds[0].get_markerfacecolor()) == "#ffffff"
    # The axis is inverted: larger is further down. The original stands by its own model.
    assert age.yaxis_inverted() and 0 < diamonds[0].get_ydata()[0] - found[a, 6.13, 5.8, 6.5] < 0.5
    assert {"6.13", "5.20", "6.90"} <= set(words(age))
    assert {f"{share}\N{THIN SPACE}%" for share in ("87.3", "92.1", "90.3")} <= set(words(gender))
    assert [tick.get_text() for tick in age.get_yticklabels()] == ["ModelA", "ModelB"]
