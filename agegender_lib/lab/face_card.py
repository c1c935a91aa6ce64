"""One found face as a card: its crop, what the model says of it with its doubt, and where the model looks."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from agegender_lib.lab.shown import encoded
from agegender_lib.plots.saliency import overlay

#: What a card can show of a face, by what its buttons say.
LOOKS = {"Face": None, "Age": "age", "Gender": "gender"}
_TOOLTIPS = ["the face alone", "where the model looks for the age", "where the model looks for the gender"]
OLDEST = 100  #: years; where the scale under an age ends
_TICKS = (0, 20, 40, 60, 80, 100)


def face_card(
    number: int, face: Mapping[str, Any], crop: np.ndarray, saliency: Callable[[str], np.ndarray]
) -> widgets.Box:
    """A card of one face.

    ``face`` is a row of ``photo.faces``, and ``number`` that of its box. ``saliency`` takes "age" or "gender" and
    returns float [128, 128] in [0, 1]; it is called when its map is asked for first.
    """
    picture = widgets.Image(value=encoded(crop, "png"), format="png", layout=widgets.Layout(width=None))
    picture.add_class("agegender-crop")
    prediction = widgets.HTML(prediction_html(number, face)).add_class("agegender-prediction")
    words = widgets.HTML(
        '<div class="quiet">Show the face, or in bright colours where the model looks for age or gender:</div>'
    )
    look = widgets.ToggleButtons(options=list(LOOKS), tooltips=_TOOLTIPS).add_class("agegender-look")

    def show(change: dict) -> None:
        task = LOOKS[change["new"]]
        picture.value = encoded(crop if task is None else overlay(crop, saliency(task)), "png")

    look.observe(show, names="value")
    return widgets.Box([picture, widgets.VBox([prediction, words, look])]).add_class("agegender-card")


def prediction_html(number: int, face: Mapping[str, Any]) -> str:
    """What the model says of a face: age with its 80 % interval on a scale, P(female), warnings."""
    age, low, high = (float(face[name]) for name in ("age", "age_low", "age_high"))
    known = low <= high  # not so where they are NaN
    words = f"80&nbsp;% interval {low:.0f} to {high:.0f} years" if known else "no interval is known for this model"
    range_ = f'<span class="range" style="left: {_place(low)}; right: calc(100% - {_place(high)})"></span>'
    ticks = "".join(f'<span class="tick" style="left: {_place(tick)}">{tick}</span>' for tick in _TICKS)
    warnings = str(face["warnings"])
    return (
        f'<div class="age">Face {number}: {age:.0f} years</div><div>{words}</div>'
        f'<div class="scale" role="img" aria-label="age {age:.0f}, {words}"><span class="line"></span>'
        f'{range_ if known else ""}<span class="prediction" style="left: {_place(age)}"></span>{ticks}</div>'
        f"<div>P(female) {_percent(float(face['p_female']))}</div>"
        + (f'<p class="warning">Take care: {html.escape(warnings)}.</p>' if warnings else "")
    )


def _percent(share: float) -> str:
    if share < 0.005:
        return "below 1&nbsp;%"
    return "above 99&nbsp;%" if share > 0.995 else f"{100 * share:.0f}&nbsp;%"


def _place(age: float) -> str:
    """Where an age lies on the scale."""
    return f"{100 * min(max(age, 0), OLDEST) / OLDEST:.1f}%"
