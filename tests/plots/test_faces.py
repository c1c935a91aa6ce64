"""Faces under their labels."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from plot_tools import files, pairs_table, pictures

from agegender_lib import plots
from agegender_lib.plots.style import COLOURS


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
