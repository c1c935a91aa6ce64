"""Filter the faces, look through them, click on one."""

from collections.abc import Mapping
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from agegender_lib import plots
from agegender_lib.data import FaceSet
from agegender_lib.data.label_values import race_names
from agegender_lib.data.summary import RENDERED_NOTE
from agegender_lib.lab.face_details import NO_RUNS, FaceDetails, SaliencyMaps, captions
from agegender_lib.lab.face_table import Filter, face_table, of, select
from agegender_lib.lab.filters import FilterControls
from agegender_lib.lab.shown import Gallery, InWords, invisible, styles
from agegender_lib.plots.style import mark_rendered, nothing_yet
from agegender_lib.runs import model_file

PAGE = 30  #: thumbnails at once
_SHEET = 16  # faces of a figure
NOTHING = "No face is like that: widen a filter, or press Reset."


class Explorer(InWords):
    """Look through labelled faces: filter them, page through thumbnails, click on one for all that is known of it.

    The last line of a cell shows it: filters above, thumbnails below them, and beside these the face that was clicked.
    ``table`` is its ``face_table``, and ``rows``, int64, are those that the filter lets through, in the order shown.
    ``runs`` are model names to folders of finished trainings of these faces, as ``find_runs`` finds them.
    """

    def __init__(self, faces: FaceSet, runs: Mapping[str, str | Path] | None = None):
        runs = {name: Path(folder) for name, folder in (runs or {}).items()}
        self._faces, self._settling = faces, False
        self.table = face_table(faces, runs)
        found = {name: model_file(folder) for name, folder in runs.items()}
        saliency = SaliencyMaps({name: path for name, path in found.items() if path})
        self.filters = FilterControls(self.table, list(runs), lambda _: self._filtered())
        self.count = widgets.HTML().add_class("agegender-count")
        self.back = widgets.Button(description="Previous", icon="chevron-left")
        self.next = widgets.Button(description="Next", icon="chevron-right")
        narrow = {"description_width": "initial"}
        self.page = widgets.BoundedIntText(1, 1, 1, description="page", style=narrow)
        self.pages = widgets.Label()
        self.back.on_click(lambda _: self._turn(-1))
        self.next.on_click(lambda _: self._turn(1))
        self.page.observe(lambda _: self._settling or self._show(), "value")
        self.gallery = Gallery(PAGE, lambda number: self.choose(self._shown[number]))
        self.details = FaceDetails(faces, self.table, list(runs), saliency, self.choose)
        pager = widgets.HBox([self.count, self.back, self.page, self.pages, self.next])
        pager.add_class("agegender-pager")
        columns = widgets.HBox([self.gallery, self.details]).add_class("agegender-columns")
        note = f"<p>{RENDERED_NOTE.capitalize()}.</p>" if faces.synthetic else ""
        note = widgets.HTML(note if runs else f"{note}<p>{NO_RUNS}</p>")
        super().__init__([invisible(styles("explorer.css")), note, self.filters, pager, columns])
        self.add_class("agegender-explorer")
        self.words_instead = f"Explorer of {len(self.table):,} faces of {faces.name}"
        self._filtered()

    def choose(self, row: int) -> None:
        """Show a face, given by its row of ``table``, in the details."""
        self.details.show(int(row))
        self._mark()

    @property
    def _shown(self) -> np.ndarray:
        start = (self.page.value - 1) * PAGE
        return self.rows[start : start + PAGE]

    def _filtered(self) -> None:
        self.rows = select(self.table, self.filters.filter)
        pages = max(1, -(-len(self.rows) // PAGE))
        self.pages.value = f"of {pages:,}"
        self._settling = True
        self.page.value, self.page.max = 1, pages
        self._settling = False
        words = f"{len(self.rows):,} of {len(self.table):,} faces"
        self.count.value = words if len(self.rows) else f"{words}. {NOTHING}"
        self._show()

    def _turn(self, by: int) -> None:
        self.page.value += by

    def _show(self) -> None:
        shown = self._shown
        rows = self.table.iloc[shown]
        self.gallery.show([self._faces.images[row] for row in shown], self._captions(rows), list(rows["file"]))
        self.back.disabled = self.page.value <= 1
        self.next.disabled = self.page.value >= self.page.max
        self._mark()

    def _captions(self, rows: pd.DataFrame) -> list[str]:
        """The labels, and below them what the faces are ordered by."""
        wanted = self.filters.filter
        if not wanted.model:
            second = list(race_names(rows["race"]))
        elif wanted.order.endswith("error_score"):
            second = [_or_nothing("score {:.1f}", x) for x in rows[of(wanted.order, wanted.model)]]
        else:
            second = [_or_nothing("read as {:.0f}", x) for x in rows[of("age_predicted", wanted.model)]]
        return [f"{first}\n{line}" for first, line in zip(captions(rows), second, strict=True)]

    def _mark(self) -> None:
        places = np.flatnonzero(self._shown == self.details.row) if self.details.row is not None else []
        self.gallery.mark(int(places[0]) if len(places) else None)


def contact_sheet(faces: FaceSet, table: pd.DataFrame, wanted: Filter) -> Figure:
    """The first faces of a ``face_table`` that a filter lets through, as a figure."""
    rows = select(table, wanted)[:_SHEET]
    if not len(rows):
        return nothing_yet("No face is like that.")
    chosen = table.iloc[rows]
    lines = captions(chosen)
    if wanted.model:
        said = chosen[of("age_predicted", wanted.model)]
        lines = [f"{line}\n{_or_nothing('read as {:.0f}', x)}" for line, x in zip(lines, said, strict=True)]
    figure = plots.face_grid(faces.images[rows], lines, columns=8)
    if faces.synthetic:
        mark_rendered(figure)
    return figure


def _or_nothing(words: str, value: float) -> str:
    return "not read" if pd.isna(value) else words.format(value)
