"""Distributions of the labels."""

import pandas as pd
from matplotlib.colors import to_hex
from plot_tools import vertical_lines, words

from agegender_lib import plots
from agegender_lib.data import GENDERS
from agegender_lib.plots.style import COLOURS


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
