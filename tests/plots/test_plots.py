"""Figures: they fit the page, nothing is cut off or overlaps, and they leave no traces."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from plot_tools import (
    CM,
    check_layout,
    comparison,
    cosines,
    counts,
    drawn,
    files,
    history,
    layers,
    pairs_table,
    pictures,
    predictions,
    two_gaps,
    two_models,
    words,
)

from agegender_lib import plots
from agegender_lib.evaluation import largest_errors
from agegender_lib.plots.style import RENDERED_NOTE, TEXT_WIDTH_CM, mark_rendered

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


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
def test_figures_fit_the_page_cut_nothing_off_and_leave_no_traces(draw):
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
    assert check_layout(figure, drawn(figure)) or not words(figure)


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
    assert RENDERED_NOTE not in words(figure)
    mark_rendered(figure)
    plots.save_figure(figure, "name", tmp_path / "marked", synthetic=True)
    assert words(figure).count(RENDERED_NOTE) == 1  # it stays and is not repeated
    # it stands in a strip added below: panels keep their size in inches and their distance from the top
    for ax, ax_marked in zip(plain.axes, figure.axes, strict=True):
        box, box_marked = (
            each.get_window_extent().transformed(each.figure.dpi_scale_trans.inverted()) for each in (ax, ax_marked)
        )
        assert (box_marked.width, box_marked.height) == pytest.approx((box.width, box.height))
        assert figure.get_figheight() - box_marked.y1 == pytest.approx(plain.get_figheight() - box.y1)
    check_layout(figure, drawn(figure))
