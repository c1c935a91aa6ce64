"""The controls that say which faces to show."""

from collections.abc import Callable, Sequence

import ipywidgets as widgets
import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from agegender_lib.data import GENDERS, race_names
from agegender_lib.lab.face_table import (
    DUPLICATES,
    GENDER_PREDICTIONS,
    ORDERS,
    ORDERS_OF_PREDICTIONS,
    SPLITS,
    Filter,
    of,
)

_WIDE = {"description_width": "initial"}


class FilterControls(widgets.VBox):
    """Controls for every part of a ``Filter``, which ``on_change`` gets anew; those of models only where any are."""

    def __init__(self, table: pd.DataFrame, models: Sequence[str], on_change: Callable[[Filter], None]):
        self._changed, self._quiet = on_change, False
        youngest, oldest = int(table["age"].min()), int(table["age"].max())
        self.ages = widgets.IntRangeSlider(
            value=(youngest, oldest), min=youngest, max=oldest, description="age (years)", continuous_update=False,
            style=_WIDE,
        )  # fmt: skip
        races = race_names(table["race"]).categories
        self._races = tuple(range(len(races))) if is_numeric_dtype(table["race"]) else tuple(races)
        self.genders, self.races = (
            [widgets.Checkbox(value=True, description=name, indent=False) for name in names]
            for names in (GENDERS, races)
        )
        self.duplicates = _list(DUPLICATES, "duplicates")
        orders = {key: words for key, words in ORDERS.items() if models or key not in ORDERS_OF_PREDICTIONS}
        self.order = _list(orders, "order")
        self.model = widgets.Dropdown(options=list(models), description="predictions of", style=_WIDE)
        self.split = _list(SPLITS, "split")
        # whole years, which no face's error exceeds
        largest = np.nanmax([1.0, *(np.ceil(table[of("age_error", name)].abs().max()) for name in models)])
        self.errors = widgets.FloatRangeSlider(
            value=(0, largest), min=0, max=largest, step=0.5, readout_format=".1f", description="age error (years)",
            continuous_update=False, style=_WIDE,
        )  # fmt: skip
        self.gender_prediction = _list(GENDER_PREDICTIONS, "predicted gender")
        self.reset = widgets.Button(description="Reset", icon="undo", tooltip="Show all faces again")
        self.reset.on_click(lambda _: self._reset())
        self._controls = [
            self.ages, *self.genders, *self.races, self.duplicates, self.order, self.model, self.split, self.errors,
            self.gender_prediction,
        ]  # fmt: skip
        self._first = [control.value for control in self._controls]
        for control in self._controls:
            control.observe(lambda _: self._tell(), "value")
        rows = [
            [self.ages, _choices("gender", self.genders), _choices("race", self.races), self.duplicates],
            [self.model, self.split, self.errors, self.gender_prediction] if models else [],
            [self.order, self.reset],
        ]
        boxes = [widgets.HBox(row).add_class("agegender-filters") for row in rows if row]
        super().__init__(boxes)

    @property
    def filter(self) -> Filter:
        """What is asked for now."""
        low, high = self.errors.value
        races = tuple(race for race, tick in zip(self._races, self.races, strict=True) if tick.value)
        everything = low <= self.errors.min and high >= self.errors.max
        return Filter(
            ages=self.ages.value,
            genders=tuple(code for code, tick in enumerate(self.genders) if tick.value),
            races=None if races == self._races else races,
            duplicates=self.duplicates.value,
            model=self.model.value or "",
            split=self.split.value,
            errors=None if everything else (low, high),
            gender_prediction=self.gender_prediction.value,
            order=self.order.value,
        )

    def _reset(self) -> None:
        self._quiet = True
        for control, value in zip(self._controls, self._first, strict=True):
            control.value = value
        self._quiet = False
        self._tell()

    def _tell(self) -> None:
        if not self._quiet:
            self._changed(self.filter)


def _choices(title: str, ticks: list[widgets.Checkbox]) -> widgets.HBox:
    return widgets.HBox([widgets.Label(title), *ticks]).add_class("agegender-choices")


def _list(options: dict[str, str], title: str) -> widgets.Dropdown:
    words = [(words, key) for key, words in options.items()]
    return widgets.Dropdown(options=words, description=title, style=_WIDE)
