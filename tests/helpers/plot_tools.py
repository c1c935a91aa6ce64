"""Small tables and pictures to draw, and what a drawn figure shows."""

import functools
import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from tiny_faces import picture

from agegender_lib.data import GENDERS
from agegender_lib.evaluation import gaps, gaps_of, gradient_cosines, gradient_depth, metrics_by_group
from agegender_lib.plots.style import settle
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
    return {name: metrics_by_group(predictions(seed), by) for seed, name in enumerate(("ModelA", "ModelB"), start=1)}


@functools.cache
def two_gaps():
    """Of 400 faces, so that most groups of a crossing are too small, and all of one."""
    table = gaps_of({"ModelA": predictions(1), "ModelB": predictions(2)})
    few = gaps(predictions(1)[:60], groupings=["race"])
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


def vertical_lines(ax):
    """Where lines stand upright; an interval without width is none."""
    return [line.get_xdata()[0] for line in ax.lines if np.ptp(line.get_xdata()) == 0 < np.ptp(line.get_ydata())]


def whiskers(ax):
    """Colour, value, low, high and height of every point with an interval."""
    found = []
    for whisker, point in itertools.pairwise(ax.lines):
        if len(whisker.get_xdata()) == 2 and len(point.get_xdata()) == 1:
            assert whisker.get_ydata()[0] == whisker.get_ydata()[1] == point.get_ydata()[0]
            low, high = whisker.get_xdata()
            found.append((to_hex(point.get_color()), point.get_xdata()[0], low, high, point.get_ydata()[0]))
    return found
