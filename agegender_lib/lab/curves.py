"""Learning curves of any trainings, laid over each other, live while one runs."""

import asyncio
import html
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import ipywidgets as widgets
import pandas as pd

from agegender_lib import folders, plots
from agegender_lib.errors import InputError
from agegender_lib.plots.overlaid_curves import MOST

from .histories import Training, find_trainings, read_history
from .in_words import InWords
from .pictures import style_sheet
from .training_table import training_table

_FIRST = 3  # trainings drawn where none are named
_WATCHING: WeakValueDictionary = WeakValueDictionary()


class LearningCurves(InWords):
    """A list of trainings, the curves of those chosen, and a table of where they are.

    Parameters
    ----------
    places : sequence of Path
        Run folders, and folders of run folders.
    chosen : sequence of Path
        Run folders drawn first; empty for the newest.
    refresh : float
        Seconds after which the folders are looked at again.

    Attributes
    ----------
    choice, live, train, picture, words : widgets
    """

    words_instead = "Learning curves, live"

    def __init__(self, places: Sequence[Path], chosen: Sequence[Path], refresh: float):
        self._places, self._every = tuple(places), refresh
        self._drawn, self._task, self._trainings, self._listing = None, None, [], False
        self._order: list[Path] = []
        self._histories: dict[Path, tuple[tuple, pd.DataFrame | None, str]] = {}
        self.choice = widgets.SelectMultiple(rows=7)
        self.live = widgets.Checkbox(
            description=f"live: look again every {refresh:g} s, show new trainings", indent=False
        )
        self.train = widgets.Checkbox(
            description="curves of the training faces, too", value=True, indent=False
        )
        self.picture = widgets.Image(format="png")
        self.picture.add_class("agegender-figure")
        self.words = widgets.HTML().add_class("agegender-curves-words")
        super().__init__([style_sheet(), self.choice, self.live, self.train, self.picture, self.words])
        self.add_class("agegender-curves")
        found = find_trainings(self._places)
        wanted = [Path(folder).resolve() for folder in chosen]
        named = [training.folder for training in found if training.folder.resolve() in wanted]
        self._trainings = found
        self._list(found, named or [training.folder for training in found[:_FIRST]])
        self.update()
        self.choice.observe(lambda _: self._listing or self.update(), "value")
        self.train.observe(lambda _: self.update(), "value")
        self.live.observe(lambda _: self._start() if self.live.value else self.stop(), "value")
        self.live.value = True

    def update(self) -> bool:
        """Look at the folders once; True when there was something new to draw.

        A training in this very notebook keeps it from looking again by itself:
        ``train(..., on_epoch=lambda row: curves.update())`` does it then.
        """
        found = find_trainings(self._places)
        new = {training.folder for training in found} - {training.folder for training in self._trainings}
        if [t.folder for t in found] != [t.folder for t in self._trainings]:
            chosen = set(self.choice.value) | (new if self.live.value else set())
            self._list(found, chosen)
        self._trainings = found
        chosen = [training for training in found if training.folder in self.choice.value]
        # one that is added comes last, so that the others keep their colours
        self._order += [training.folder for training in chosen if training.folder not in self._order]
        chosen.sort(key=lambda training: self._order.index(training.folder))
        state = self.train.value, [(t.folder, t.stamp, t.finished) for t in chosen]
        if state == self._drawn:
            return False
        self._drawn = state
        self._draw(chosen)
        return True

    def stop(self) -> None:
        """Look no more; what is shown stays."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.live.value = False

    def close(self) -> None:
        self.stop()
        super().close()

    def _start(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no notebook: `update` has to be called
            self.live.value = False
            return
        # a cell that is executed again leaves its earlier widget behind, which would go on drawing for nobody
        earlier = _WATCHING.get(self._places)
        if earlier is not None and earlier is not self:
            earlier.stop()
        _WATCHING[self._places] = self
        self._task = loop.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            self.update()

    def _list(self, found: list[Training], chosen: Collection[Path]) -> None:
        # those that are drawn first, or they would be out of sight in a long list
        found = sorted(found, key=lambda training: training.folder not in chosen)
        options = [(training.name, training.folder) for training in found]
        self._listing = True  # new options take the old choice away
        self.choice.options = options
        self.choice.value = tuple(folder for _, folder in options if folder in chosen)
        self._listing = False

    def _draw(self, chosen: list[Training]) -> None:
        read = [(training, *self._history(training)) for training in chosen]
        histories = {t.name: history for t, history, _ in read if history is not None}
        if histories:
            shown = dict(list(histories.items())[:MOST])
            self.picture.value = plots.overlaid_curves(shown, self.train.value)._repr_png_()
        self.picture.layout.display = None if histories else "none"
        self.words.value = (
            training_table(read, MOST) if read else f"<p>{_nothing(self._places, self._trainings)}</p>"
        )

    def _history(self, training: Training) -> tuple[pd.DataFrame | None, str]:
        """Its epochs and what is wrong with them, read again only where they have changed."""
        kept = self._histories.get(training.folder)
        if kept is None or kept[0] != training.stamp:
            try:
                kept = training.stamp, read_history(training.folder), ""
            except InputError as error:
                # what was read before is still true
                kept = training.stamp, kept[1] if kept else None, str(error)
            self._histories[training.folder] = kept
        return kept[1:]


def learning_curves(
    places: str | Path | Iterable[str | Path] = (), chosen: Iterable[str | Path] = (), refresh: float = 2.0
) -> LearningCurves:
    """Watch trainings: learning curves laid over each other, drawn anew with every epoch that any of them finishes.

    Parameters
    ----------
    places : path or iterable of paths
        Run folders, and folders of run folders, which need not be there yet; empty for ``runs/`` and the committed
        report's.
    chosen : iterable of paths
        Run folders drawn first; empty for the newest three.
    refresh : float
        Seconds after which the folders are looked at again, above 0.

    Returns
    -------
    LearningCurves
        A widget; ``stop()`` and ``close()`` end the looking, as does another one of the same places.

    Raises
    ------
    InputError
        When ``refresh`` is no time.
    """
    if not refresh > 0:
        raise InputError(f"refresh is {refresh!r}: give seconds, above 0")
    places = [places] if isinstance(places, (str, Path)) and str(places) else list(places)
    places = [Path(place) for place in places] or [folders.RUNS, folders.REPORT / "results" / "runs"]
    return LearningCurves(places, [Path(folder) for folder in chosen], refresh)


def _nothing(places: Sequence[Path], trainings: list[Training]) -> str:
    if trainings:
        return "Choose one training or more (Ctrl or ⌘ and click)."
    where = ", ".join(map(str, places))
    return f"No training in {html.escape(where)} yet: one that begins there appears here."
