"""One's own photo: a page of widgets that reads it, shows what the model says, and keeps nothing."""

import base64
import functools
import html
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib.cbook import get_sample_data

from agegender_lib import photos, plots
from agegender_lib.errors import InputError
from agegender_lib.lab.shown import InWords, encoded, styles
from agegender_lib.plots.saliency import overlay

#: Of a file, in 10^6 bytes. JupyterLab closes the connection at a message of 10 MiB, with nothing said.
LIMIT_MB = 10
MOST_CARDS = 12
#: What a card can show of a face, by what its buttons say.
LOOKS = {"Face": None, "Age": "age", "Gender": "gender"}
_TOOLTIPS = ["the face alone", "where the model looks for the age", "where the model looks for the gender"]
OLDEST = 100  #: years; where the scale under an age ends
_TICKS = (0, 20, 40, 60, 80, 100)
UNCORRECTED = "The intervals are this model's own, not corrected on faces it did not learn from: likely too narrow."
_CHILD = ": hardly more than a guess, for faces under ten years seldom show it"
_DPI = 110


class PhotoPage(InWords):
    """A page on which a visitor chooses photos and reads ages and genders, in JupyterLab or under Voila.

    A photo's bytes are dropped as soon as they are decoded. What is shown stays in the memory of the notebook's
    process until the next photo, "Forget it", or its end; nothing is written to disk. The ``model`` is
    ``report/models/age_gender_P.keras`` where none is named.
    """

    words_instead = "A page that reads one's own photo"

    def __init__(self, model: str | Path = ""):
        self._model = Path(model) if str(model) else photos.DEFAULT_MODEL
        self.upload = widgets.FileUpload(accept="image/*", multiple=True, description="Choose photos")
        # the page of `agegender app` shows it on phones and makes it ask for a picture of the camera
        self.camera = widgets.Button(description="Take a photo", icon="camera").add_class("agegender-camera")
        self.example = widgets.Button(description="Show an example", icon="picture-o")
        cropped = "It is one face, already cropped like UTKFace's"
        self.aligned = widgets.Checkbox(description=cropped, indent=False, value=False)
        self.forget = widgets.Button(description="Forget it", icon="trash")
        self.status = widgets.HTML()
        self.prediction = widgets.VBox()
        choose = widgets.Box([self.upload, self.camera, self.example, self.aligned])
        introduction = widgets.HTML(styles("photo_page.css") + _introduction())
        super().__init__([introduction, choose, self.status, self.prediction])
        named = {"page": self, "choose": choose, "status": self.status, "photo-prediction": self.prediction}
        for name, widget in named.items():
            widget.add_class(f"agegender-{name}")
        self.upload.observe(self._uploaded, names="value")
        # in the public domain, and matplotlib brings it along: Grace Hopper, 1984
        portrait = get_sample_data("grace_hopper.jpg", asfileobj=False)
        self.example.on_click(lambda _: self.show(portrait, aligned=False))
        self.forget.on_click(lambda _: self._say(""))

    @functools.cached_property
    def reader(self) -> photos.PhotoReader | photos.SharedReader:
        """Made when it is needed first: detector and model take some seconds to load, unless they are there for all."""
        return photos.SharedReader() if photos.SHARED in os.environ else photos.PhotoReader(model=self._model)

    def show(self, source: Any, aligned: bool | None = None) -> None:
        """Read a photo (path, bytes or PIL image) and show the prediction, or say why there is none.

        ``aligned`` says that it is one face aligned like UTKFace's; what the visitor ticked if left out.
        """
        self._show([("", source)], self.aligned.value if aligned is None else aligned)

    def _show(self, named: Sequence[tuple[str, Any]], aligned: bool) -> None:
        """Read photos, each with what to call it, and show all that was found under them, or why there is nothing."""
        first = "" if "reader" in vars(self) else " The first time takes some ten seconds."
        self._say("")
        self._choosing(False)
        shown, errors, tables, without, corrected = [], [], [], [], True
        try:
            for number, (name, source) in enumerate(named, 1):
                which = f"photo {number} of {len(named)}" if len(named) > 1 else "the photo"
                self.status.value = f'<p role="status">Reading {which} …{first if number == 1 else ""}</p>'
                try:
                    photo = self._read(source, aligned)
                except InputError as error:
                    errors.append(_error(str(error), name))
                    continue
                cards = max(0, MOST_CARDS - sum(map(len, tables)))
                shown += self._prediction(photo, name if len(named) > 1 else "", cards)
                tables.append(photo.faces.assign(file=name or "photo", face=range(1, len(photo.faces) + 1)))
                without += [name] * photo.faces.empty
                corrected = corrected and photo.corrected
            self.prediction.children = [*shown, *_last(tables, corrected), *[self.forget] * bool(shown)]
            self.status.value = "".join(errors) + _found(tables, without)
        except BaseException as error:  # told to the visitor here, and to the log by raising it again
            self._say(_error(f"Something failed on our side ({type(error).__name__}); please try another photo."))
            raise
        finally:
            self._choosing(True)

    def _read(self, source: Any, aligned: bool) -> Any:
        if isinstance(source, bytes) and len(source) > LIMIT_MB * 1e6:
            raise InputError(
                f"this file is too large: at most {LIMIT_MB:g} MB can be read here. Save the photo smaller and try "
                "again."
            )
        return self.reader.read(source, aligned=aligned)

    def _uploaded(self, change: dict[str, Any]) -> None:
        if not change["new"]:
            return
        named = [(str(file["name"]), bytes(file["content"])) for file in change["new"]]
        # the observer is called again with the empty value, and returns
        self.upload.value = ()
        self._show(named, self.aligned.value)

    def _prediction(self, photo: Any, name: str, most: int) -> list[widgets.Widget]:
        """A photo, under its name where it has one, and a card for each of its ``most`` largest faces."""
        maps = functools.cache(lambda task: self.reader.saliency(photo, task=task))
        drawn = io.BytesIO()
        plots.photo(photo).savefig(drawn, format="jpeg", dpi=_DPI, pil_kwargs={"quality": 88})
        heading = f"<h2>{html.escape(name)}</h2>" if name else ""
        words = f"{name or 'The photo'}, each face in a numbered box"
        notes = "".join(f'<p class="quiet">{html.escape(note)}</p>' for note in photo.notes)
        picture = widgets.HTML(heading + _image(drawn.getvalue(), "jpeg", "agegender-photo", words) + notes)
        return [
            picture,
            *[
                face_card(number + 1, face, photo.crops[number], lambda task, number=number: maps(task)[number])
                for number, face in enumerate(photo.faces.head(most).to_dict("records"))
            ],
        ]

    def _say(self, words: str) -> None:
        for shown in self.prediction.children:
            if shown is not self.forget:
                _close(shown)
        self.prediction.children = ()
        self.status.value = words

    def _choosing(self, possible: bool) -> None:
        for widget in (self.upload, self.camera, self.example, self.aligned):
            widget.disabled = not possible


def _close(widget: widgets.Widget) -> None:
    """Take a widget and all inside it out of memory, here and in the browser; closing a box spares its children."""
    for child in getattr(widget, "children", ()):
        _close(child)
    widget.close()


def _introduction() -> str:
    return (
        "<h1>Your own photo</h1><p>Faces are found in the photo, and a network trained on labelled faces says of each "
        "how old it looks and how an annotator would have labelled its gender. It is wrong by years on average.</p>"
        '<div class="note"><p><b>What the numbers must not be used for.</b> '
        f"{html.escape(photos.OUT_OF_SCOPE_USES)}</p></div>"
        '<p class="quiet">No photo is kept: it is read by the computer that serves this page, written to no disk, sent '
        f"nowhere else, and forgotten when you choose another or close the page. At most {LIMIT_MB:g} MB a photo; "
        "several at once make one table.</p>"
    )


def _found(tables: Sequence[pd.DataFrame], without: Sequence[str]) -> str:
    """How many faces were found, and in which photos none."""
    if not tables:
        return ""
    count, words = sum(map(len, tables)), []
    if count:
        words.append("1 face found." if count == 1 else f"{count} faces found, numbered from the largest.")
    if without:
        where = f" in {html.escape(', '.join(without))}" if len(tables) > 1 else ""
        words.append(
            f"No face was found{where}. Faces should look towards the camera and be at least a fiftieth of the photo's "
            "longer side wide; if the picture is one tightly cropped face, tick the box."
        )
    return f'<p role="status">{" ".join(words)}</p>'


def _last(tables: Sequence[pd.DataFrame], corrected: bool) -> list[widgets.Widget]:
    """What stands under all cards: what to know of them, and all faces as a table to take along."""
    if not sum(map(len, tables)):
        return []
    faces = pd.concat(tables, ignore_index=True)
    faces = faces[["file", "face", *faces.columns.drop(["file", "face"])]]
    notes = [UNCORRECTED] * (not corrected) + [photos.NOT_NOTICED]
    if len(faces) > MOST_CARDS:
        notes.insert(0, f"{len(faces) - MOST_CARDS} faces have no card here; the table has all.")
    content = base64.b64encode(faces.to_csv(index=False, float_format="%.4f").encode()).decode()
    title = f"Table of all {len(faces)} faces" if len(faces) > 1 else "Table"
    link = f'<a download="faces.csv" href="data:text/csv;base64,{content}">{title} (CSV)</a>'
    return [widgets.HTML("".join(f"<p>{part}</p>" for part in [*notes, link]))]


def _error(words: str, name: str = "") -> str:
    words = f"{name}: {words}" if name else words[:1].upper() + words[1:]
    return f'<p class="error" role="alert">{html.escape(words)}</p>'


def _image(content: bytes, kind: str, name: str, words: str) -> str:
    """A picture for a page; image widgets have no words for those who do not see it."""
    data = base64.b64encode(content).decode()
    return f'<img class="{name}" alt="{html.escape(words)}" src="data:image/{kind};base64,{data}">'


def face_card(
    number: int, face: Mapping[str, Any], crop: np.ndarray, saliency: Callable[[str], np.ndarray]
) -> widgets.Box:
    """A card of one face, a row of ``photo.faces``, with the number of its box.

    ``saliency`` takes "age" or "gender" and returns float [128, 128] in [0, 1]; it is called when first asked for.
    """
    picture = widgets.HTML(_image(encoded(crop, "png"), "png", "agegender-crop", f"Face {number}"))
    prediction = widgets.HTML(prediction_html(number, face)).add_class("agegender-prediction")
    words = widgets.HTML(
        '<div class="quiet">Show the face, or in bright colours where the model looks for age or gender:</div>'
    )
    look = widgets.ToggleButtons(options=list(LOOKS), tooltips=_TOOLTIPS).add_class("agegender-look")

    def show(change: dict) -> None:
        task = LOOKS[change["new"]]
        pixels = crop if task is None else overlay(crop, saliency(task))
        words = f"Face {number}" if task is None else f"Face {number}, bright where the model looks for the {task}"
        picture.value = _image(encoded(pixels, "png"), "png", "agegender-crop", words)

    look.observe(show, names="value")
    return widgets.Box([picture, widgets.VBox([prediction, words, look])]).add_class("agegender-card")


def prediction_html(number: int, face: Mapping[str, Any]) -> str:
    """What the model says of a face: age with its 80 % interval on a scale, P(female), warnings."""
    age, low, high = (float(face[name]) for name in ("age", "age_low", "age_high"))
    known = low <= high  # not so where they are NaN
    words = f"80&nbsp;% interval {low:.0f} to {high:.0f} years" if known else "no interval is known for this model"
    range_ = f'<span class="range" style="left: {_place(low)}; right: calc(100% - {_place(high)})"></span>'
    ticks = "".join(f'<span class="tick" style="left: {_place(tick)}">{tick}</span>' for tick in _TICKS)
    warnings = [each for each in str(face["warnings"]).split("; ") if each not in ("", photos.CHILD_WARNING)]
    share, child = float(face["p_female"]), age < photos.CHILD
    # never 0 or 100 %
    percent = "below 1" if share < 0.005 else "above 99" if share > 0.995 else f"{100 * share:.0f}"
    return (
        f'<div class="age">Face {number}: {age:.0f} years</div><div>{words}</div>'
        f'<div class="scale" role="img" aria-label="age {age:.0f}, {words}"><span class="line"></span>'
        f'{range_ if known else ""}<span class="prediction" style="left: {_place(age)}"></span>{ticks}</div>'
        f'<div class="{"quiet" if child else ""}">P(female) {percent}&nbsp;%{_CHILD if child else ""}</div>'
        + (f'<p class="warning">Take care: {html.escape("; ".join(warnings))}.</p>' if warnings else "")
    )


def _place(age: float) -> str:
    """Where an age lies on the scale."""
    return f"{100 * min(max(age, 0), OLDEST) / OLDEST:.1f}%"
