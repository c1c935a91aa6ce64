"""Figures: they show what the tables say, nothing is cut off or overlaps, and they leave no traces."""

import functools
import io
import itertools
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image
from tiny_faces import picture

from agegender_lib import plots
from agegender_lib.data import GENDERS, RACES
from agegender_lib.evaluation import (
    gaps,
    gaps_of,
    gradient_cosines,
    gradient_depth,
    largest_errors,
    metrics_by_group,
    running_median,
)
from agegender_lib.plots.style import COLOURS, RENDERED_MARK, TEXT_WIDTH_CM, look_of, mark_rendered, settle
from agegender_lib.runs import predictions_table
from agegender_lib.runs.tables import HISTORY_COLUMNS

CM = 2.54


def history(*stages, seed=0):
    """A training with stages of so many epochs, noisy enough that its best epoch is rarely its last."""
    rng, epochs = np.random.default_rng(seed), sum(stages)
    table = pd.DataFrame({name: 1 + rng.random(epochs) for name in HISTORY_COLUMNS})
    falling = np.exp(-np.arange(epochs) / 8)
    table["val_gender_accuracy"] = 0.9 - 0.3 * falling + 0.02 * rng.random(epochs)
    table["val_age_mae"] = 6 + 10 * falling + rng.random(epochs)
    numbers = {"epoch": range(1, epochs + 1), "stage": np.repeat(np.arange(len(stages)) + 1, stages)}
    return table.assign(**numbers)


@functools.cache
def predictions(seed=0, count=400):
    rng = np.random.default_rng(seed)
    ages = rng.gamma(3, 11, count).astype(int).clip(1, 116)
    gender, race = rng.integers(2, size=count), rng.integers(5, size=count)
    read = (ages + 6 * rng.standard_normal(count)).clip(0)
    return predictions_table(ages, read, gender, rng.random(count), race)


@functools.cache
def pictures(count, side=32):
    return np.stack([np.asarray(picture(seed, side)) for seed in range(count)])


def layers(**columns):
    """The blocks of a small model with a trunk and two branches."""
    table = pd.DataFrame(
        [
            ("input", "RGB image", "", "8 × 8 × 3", 0, "shared"),
            ("block 1", "Conv 3 × 3 × 4 → ReLU", "stride 2", "4 × 4 × 4", 1234, "shared"),
            ("dense", "Dense 16 → ReLU", "", "16", 56, "gender"),
            ("output", "Dense 1 → sigmoid", "P(female)", "1", 17, "gender"),
            ("output", "Dense 1", "years", "1", 7000, "age"),
        ],
        columns=["name", "kind", "detail", "output_shape", "parameters", "branch"],
    )
    return table.assign(**columns)


def pairs_table():
    rows = [("0.jpg", "1.jpg", 20, 20, 1, 1), ("2.jpg", "3.jpg", 30, 33, 0, 0), ("4.jpg", "5.jpg", 8, 8, 0, 1)]
    return pd.DataFrame(rows, columns=["file_a", "file_b", "age_a", "age_b", "gender_a", "gender_b"])


def files(count):
    return [f"{number}.jpg" for number in range(count)]


def comparison():
    rows = [
        ("ModelA", "this work", "age_mae", 6.13, 5.8, 6.5),
        ("ModelA", "this work", "gender_accuracy", 0.873, 0.85, 0.894),
        ("ModelB", "this work", "age_mae", 5.2, 4.9, 5.55),
        ("ModelB", "this work", "gender_accuracy", 0.921, 0.9, 0.94),
        ("ModelA", "original report", "age_mae", 6.9, np.nan, np.nan),
        ("ModelB", "original report", "gender_accuracy", 0.903, np.nan, np.nan),
    ]
    return pd.DataFrame(rows, columns=["model", "source", "metric", "value", "low", "high"])


@functools.cache
def two_models(by="age_band"):
    return {
        name: metrics_by_group(predictions(seed), by, resamples=50)
        for seed, name in enumerate(("ModelA", "ModelB"), start=1)
    }


@functools.cache
def two_gaps():
    """Of 400 faces, so that most groups of a crossing are too small, and all of one."""
    table = gaps_of({"ModelA": predictions(1), "ModelB": predictions(2)}, resamples=50)
    few = gaps(predictions(1)[:60], groupings=["race"], resamples=50)
    return pd.concat([table[table["grouping"] != "race"], few.assign(model="ModelA")], ignore_index=True)


@functools.cache
def cosines(groups=("stem", "stage1_block1", "stage2_block1", "stage3_block1", "stage4_block1", "pool"), runs=3):
    """Histories of runs that measured their gradients, as a tidy table and by depth."""
    histories = {}
    for seed in range(runs):
        table = history(56, seed=seed)
        noise = np.random.default_rng(seed).normal(0, 0.03, (len(groups) + 1, 56))
        falling = 0.2 * np.exp(-np.arange(56) / 20) - 0.05
        for number, group in enumerate(("", *groups)):
            table[f"gradient_cosine:{group}".rstrip(":")] = falling - 0.02 * number + noise[number]
        histories[f"seed {seed}"] = table
    table = gradient_cosines(histories)
    return table, gradient_depth(table)


def counts(a, b, c, d):
    return pd.DataFrame([[a, b], [c, d]], index=GENDERS, columns=GENDERS)


DRAW = {
    "labels_overview": lambda: plots.labels_overview(predictions()),
    "face_grid": lambda: plots.face_grid(pictures(9), ["112 y, female"] * 9, columns=8),
    "augmentation_grid": lambda: plots.augmentation_grid(pictures(2), np.stack([pictures(3)] * 2) / 255),
    "duplicate_pairs": lambda: plots.duplicate_pairs(pictures(6), pairs_table(), files(6), columns=4),
    "error_gallery": lambda: plots.error_gallery(pictures(400, 8), largest_errors(predictions(), 7), files(400)),
    "training_curves": lambda: plots.training_curves(history(56), "ModelA"),
    "epoch_times": lambda: plots.epoch_times(history(2, 18), "ModelB"),
    "true_vs_predicted": lambda: plots.true_vs_predicted({"ModelA": predictions(1), "ModelB": predictions(2)}),
    "confusion_matrices": lambda: plots.confusion_matrices({"ModelB": counts(461, 55, 46, 438)}),
    "metrics_by_group": lambda: plots.metrics_by_group(two_models()),
    "intersectional_groups": lambda: plots.intersectional_groups(two_models(("age_band", "gender"))),
    "group_gaps": lambda: plots.group_gaps(two_gaps()),
    "compare_models": lambda: plots.compare_models(comparison()),
    "gradient_conflict of many blocks": lambda: plots.gradient_conflict(
        *cosines(("stem", *(f"stage{s}_block{b}" for s in range(1, 5) for b in (1, 2)), "pool"))
    ),
    "draw_architecture": lambda: plots.draw_architecture(layers(), "ModelA"),
}  # fmt: skip
everything = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)


def drawn(figure):
    """The figure laid out, with a renderer to measure in pixels."""
    settle(figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def texts(figure):
    """Every visible text of a figure: titles, labels, ticks, notes, legends."""
    found = [text for text in figure.findobj(mpl.text.Text) if text.get_visible() and text.get_text().strip()]
    # Ticks outside the limits are kept by matplotlib but never drawn; switched-off axes draw none at all.
    hidden = set()
    for ax in figure.axes:
        for axis, (low, high) in ((ax.xaxis, sorted(ax.get_xlim())), (ax.yaxis, sorted(ax.get_ylim()))):
            shown = axis.get_visible() and ax.axison
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not shown or not low - 1e-9 <= tick.get_loc() <= high + 1e-9 or not tick.label1.get_visible():
                    hidden |= {tick.label1, tick.label2}
                hidden.add(tick.label2)
            if not shown:
                hidden.add(axis.label)
            hidden.add(axis.offsetText)
    return [text for text in found if text not in hidden]


def words(figure_or_axes):
    return [text.get_text() for text in figure_or_axes.findobj(mpl.text.Text) if text.get_text()]


def line(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def check_layout(figure, renderer):
    """No text of a drawn figure is cut off or covers another; returns the texts with their boxes."""
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts(figure)]
    for text, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1, text
        assert box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1, text
    for (text, box), (other, other_box) in itertools.combinations(boxes, 2):
        across = min(box.x1, other_box.x1) - max(box.x0, other_box.x0)
        down = min(box.y1, other_box.y1) - max(box.y0, other_box.y0)
        # Letters hardly ever fill their line, so lines may touch.
        assert across <= 1 or down <= 0.25 * min(box.height, other_box.height), (text, other)
    return boxes


@everything
def test_no_text_is_cut_off_or_covers_another(draw):
    figure = draw()
    renderer = drawn(figure)
    boxes = check_layout(figure, renderer)
    assert boxes or not words(figure)


@everything
def test_figures_fit_the_page_and_leave_no_traces(draw):
    users = {"font.size": 21, "figure.dpi": 50, "axes.spines.top": True, "figure.autolayout": False}
    with mpl.rc_context(users):
        before = dict(mpl.rcParams)
        figure = draw()
        assert dict(mpl.rcParams) == before and plt.get_fignums() == []
        picture_of = figure._repr_png_()  # what a notebook shows
        assert dict(mpl.rcParams) == before and plt.get_fignums() == []
    assert Image.open(io.BytesIO(picture_of)).format == "PNG"
    width, height = figure.get_size_inches() * CM
    assert width <= TEXT_WIDTH_CM + 1e-6 and height <= 20


@pytest.mark.parametrize("name", ["labels_overview", "compare_models", "error_gallery"])
def test_equal_figures_give_equal_bytes_and_rendered_ones_say_so(name, tmp_path):
    plain = DRAW[name]()
    paths = plots.save_figure(plain, "name", tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["name.svg", "name.png"]
    with Image.open(paths[1]) as image:
        assert image.size[0] == pytest.approx(plain.get_figwidth() * 200, abs=1)
    with mpl.rc_context({"font.size": 21, "figure.dpi": 50, "lines.linewidth": 9}):  # the user's own settings
        figure = DRAW[name]()
        for folder in ("second", "third"):
            again = plots.save_figure(figure, "name", tmp_path / folder)
            assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]
    assert RENDERED_MARK not in words(figure)
    mark_rendered(figure)
    plots.save_figure(figure, "name", tmp_path / "marked", synthetic=True)
    assert words(figure).count(RENDERED_MARK) == 1  # it stays and is not repeated
    # it stands in a strip added below: panels keep their size in inches and their distance from the top
    for ax, ax_marked in zip(plain.axes, figure.axes, strict=True):
        box, box_marked = (
            each.get_window_extent().transformed(each.figure.dpi_scale_trans.inverted()) for each in (ax, ax_marked)
        )
        assert (box_marked.width, box_marked.height) == pytest.approx((box.width, box.height))
        assert figure.get_figheight() - box_marked.y1 == pytest.approx(plain.get_figheight() - box.y1)
    check_layout(figure, drawn(figure))


def test_models_keep_their_looks():
    looks = look_of(["Median", "ModelB", "ModelA original", "other", "ModelB again"])
    assert looks["ModelB"] == look_of(["ModelA", "ModelB"])["ModelB"] == (COLOURS["ModelB"], "s")
    assert looks["ModelA original"] == look_of(["Model A"])["Model A"] == (COLOURS["ModelA"], "o")
    assert len(set(looks.values())) == 5


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
        (plots.training_curves(same), "loss"),
        (plots.training_curves(table), "age_loss"),
        (plots.training_curves(same.drop(columns="loss")), "age_loss"),
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
    assert rings(plots.training_curves(table).axes[3]) == [(3, 0.5)]
    table["val_age_mae"] = np.nan
    assert rings(plots.training_curves(table).axes[3]) == []


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


def vertical_lines(ax):
    """Where lines stand upright; an interval without width is none."""
    return [line.get_xdata()[0] for line in ax.lines if np.ptp(line.get_xdata()) == 0 < np.ptp(line.get_ydata())]


@pytest.mark.parametrize("draw", [plots.training_curves, plots.epoch_times])
def test_a_line_stands_where_a_stage_begins(draw):
    for ax in draw(history(2, 5, 3)).axes:
        assert vertical_lines(ax) == [2.5, 7.5]
        assert {"stage 2", "stage 3"} <= set(words(ax)) and "stage 1" not in words(ax)
    for ax in draw(history(9)).axes:
        assert vertical_lines(ax) == [] and not any("stage" in text for text in words(ax))
    # Each stage may count from one, and may have a name.
    table = history(2, 3).assign(epoch=[1, 2, 1, 2, 3], stage=["heads", "heads", "all", "all", "all"])
    for ax in draw(table).axes:
        assert vertical_lines(ax) == [2.5] and "all" in words(ax)


def bars_by_colour(ax):
    found = {}
    for bar in ax.patches:
        found.setdefault(to_hex(bar.get_facecolor()), []).append(bar)
    return found


def test_the_histogram_counts_faces_per_two_years_and_gender():
    table = pd.DataFrame({"age": [0, 1, 1, 2, 30, 31, 116], "gender": [0, 0, 1, 1, 1, 0, 0], "race": 0})
    ax = plots.labels_overview(table).axes[0]
    bars = bars_by_colour(ax)
    for code, name in enumerate(GENDERS):
        found = {round(bar.get_x()): bar.get_height() for bar in bars[COLOURS[name].lower()] if bar.get_height()}
        ages = table.loc[table["gender"] == code, "age"] // 2 * 2
        assert found == ages.value_counts().to_dict()
    # Stacked: the men's bar for 0 and 1 year stands on the women's.
    men, women = (next(b for b in bars[COLOURS[n].lower()] if b.get_x() == 0) for n in GENDERS)
    assert men.get_y() == women.get_height() == 1
    assert vertical_lines(ax) == [2] and "median 2 years" in words(ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(GENDERS)


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
        band = next(artist for artist in ax.collections if artist.get_label().startswith("middle"))
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


def whiskers(ax):
    """Colour, value, low, high and height of every point with an interval."""
    found = []
    for whisker, point in itertools.pairwise(ax.lines):
        if len(whisker.get_xdata()) == 2 and len(point.get_xdata()) == 1:
            assert whisker.get_ydata()[0] == whisker.get_ydata()[1] == point.get_ydata()[0]
            low, high = whisker.get_xdata()
            found.append((to_hex(point.get_color()), point.get_xdata()[0], low, high, point.get_ydata()[0]))
    return found


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


def shown(ax):
    (image,) = ax.images
    return image.get_array()


def captions(ax):
    return [text.get_text() for text in sorted(ax.texts, key=lambda text: -text.xyann[1])]


def frames(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle) and not patch.get_fill()]


def test_pairs_whose_labels_conflict_are_framed_in_red():
    images = pictures(6)
    axes = plots.duplicate_pairs(images, pairs_table(), files(6)[::-1]).axes
    for ax, (first, second), conflict in zip(axes, [(5, 4), (3, 2), (1, 0)], [False, True, True], strict=True):
        pair = shown(ax)
        np.testing.assert_array_equal(pair[:, :32], images[first])  # file names are looked up, not counted
        np.testing.assert_array_equal(pair[:, -32:], images[second])
        assert [to_hex(frame.get_edgecolor()) for frame in frames(ax)] == [COLOURS["wrong"].lower()] * conflict
        assert {to_hex(text.get_color()) for text in ax.texts} == {COLOURS["wrong"].lower() if conflict else "#000000"}
    assert [text.get_text() for text in axes[1].texts] == ["30 y, male", "33 y, male"]
    assert [text.get_text() for text in axes[2].texts] == ["8 y, male", "8 y, female"]


def test_the_gallery_names_what_was_answered():
    rows = pd.DataFrame(
        {
            "file": ["2.jpg", "0.jpg"], "age": [3, 60], "gender": [1, 0],
            "age_predicted": [31.4, 59.6], "p_female": [0.0004, 0.3],
        }
    )  # fmt: skip
    rows = pd.concat([rows] * 4)
    images = pictures(3)
    axes = plots.error_gallery(images, rows, files(3)).axes
    wrong, right = axes[:2]
    np.testing.assert_array_equal(shown(wrong), images[2])
    np.testing.assert_array_equal(shown(right), images[0])
    # 99.96 % is not certain
    assert captions(wrong) == ["3 → 31 years", "female → male (99\N{THIN SPACE}%)"]
    assert " ".join(captions(right)) == "60 → 60 years male (70\N{THIN SPACE}%)"
    red = {text.get_text() for ax in (wrong, right) for text in ax.texts if to_hex(text.get_color()) != "#000000"}
    assert red == set(captions(wrong)[1:])


def check_boxes(figure, table):
    """Every block is a box of its own, holding its name, shape and parameters, in its branch's place."""
    renderer = drawn(figure)
    ax = figure.axes[0]
    boxes = [patch.get_window_extent(renderer) for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == len(table)
    for box, other in itertools.combinations(boxes, 2):
        assert not box.overlaps(other)
    inside = [[] for _ in boxes]
    for text in ax.texts:
        extent = text.get_window_extent(renderer)
        if text.get_text():
            holding = [n for n, box in enumerate(boxes) if box.overlaps(extent)]
            assert len(holding) <= 1, text.get_text()
            for n in holding:
                assert boxes[n].x0 <= extent.x0 and extent.x1 <= boxes[n].x1, text.get_text()
                inside[n].append(text.get_text())
    found = sorted((held[0], held[1]) for held in inside)
    assert found == sorted(zip(table["name"], table["output_shape"], strict=True))
    counted = [text.removesuffix(", fixed") for held in inside for text in held[2:3] if text[0].isdigit()]
    wanted = [f"{count:,}" for count in table["parameters"] if count]
    assert sorted(set(counted) & set(wanted)) == sorted(set(wanted))
    assert any(f"({table['parameters'].sum():,} in all)" in text for text in words(figure))
    return boxes, inside


def test_an_architecture_shows_every_block_and_the_total():
    table = layers(trainable=[0, 1234, 0, 17, 7000])
    figure = plots.draw_architecture(table, "ModelA")
    boxes, inside = check_boxes(figure, table)
    place = {(held[0], held[2] if len(held) > 2 else ""): box for box, held in zip(boxes, inside, strict=True)}
    gender, age, trunk = place["output", "17"], place["output", "7,000"], place["block 1", "1,234"]
    assert gender.x1 < age.x0 and gender.y0 == pytest.approx(age.y0)  # side by side, on one level
    assert trunk.y0 > place["dense", "56, fixed"].y1 > gender.y1  # from top to bottom
    assert {"gender", "age", "ModelA"} <= set(words(figure))
    plain = words(plots.draw_architecture(layers()))
    assert "56" in plain and "ModelA" not in plain  # without the column nothing is called fixed


BUILD = {
    "ModelA": lambda models: models.build_model_a(),
    "ModelA, shared and pooled": lambda models: models.build_model_a(
        "original", split_after=2, features="global", pooling="average", age_head="distribution"
    ),
    "ModelB of VGG16": lambda models: models.build_model_b("vgg16", weights="none"),
    "ModelA, flips averaged": lambda models: models.add_test_time_augmentation(models.build_model_a("original")),
}


@pytest.mark.parametrize("name", BUILD)
def test_real_models_are_described_in_full_and_fit_a_page(name):
    from agegender_lib import models

    model = BUILD[name](models)
    table = models.summary_table(model)
    assert table["parameters"].sum() == model.count_params()
    learning = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    assert table["trainable"].sum() == learning
    assert table["name"].iloc[0] == "input" and table["output_shape"].iloc[0] == "128 × 128 × 3"
    for branch in ("gender", "age"):
        last = table[table["branch"] == branch].iloc[-1]
        assert (last["name"], last["output_shape"]) == ("output", "1")
    figure = plots.draw_architecture(table, name)
    check_boxes(figure, table)
    width, height = figure.get_size_inches() * CM
    assert width <= 15.001 and height <= 16  # a caption still fits below it


def test_a_description_names_what_a_block_does():
    from agegender_lib import models

    table = models.summary_table(models.build_model_a(widths=(32, 64), stem=32)).set_index(["branch", "name"])
    assert table.loc[("shared", "stem"), "kind"] == "Conv 3 × 3 × 32, stride 2"
    stage = table.loc[("shared", "stage 2")]
    assert stage["kind"] == "residual block" and "Conv 3 × 3 × 64" in stage["detail"]
    assert stage["detail"].endswith("1 × 1 shortcut and first Conv with stride 2")
    age = table.loc[("age", "output"), ["kind", "parameters", "trainable"]]
    assert age.to_list() == ["Expectation", 117, 0]
