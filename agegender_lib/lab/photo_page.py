"""One's own photo: a page of widgets that reads it, shows what the model says, and keeps nothing."""

import functools
import html
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
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
_DPI = 110


class PhotoPage(InWords):
    """A page on which a visitor chooses a photo and reads ages and genders, in JupyterLab or under Voila.

    The photo's bytes are dropped as soon as they are decoded. What is shown stays in the memory of the notebook's
    process until the next photo, "Forget it", or its end; nothing is written to disk. The ``model`` is
    ``report/models/age_gender_F.keras`` where none is named.
    """

    words_instead = "A page that reads one's own photo"

    def __init__(self, model: str | Path = ""):
        self._model = Path(model) if str(model) else photos.DEFAULT_MODEL
        self.upload = widgets.FileUpload(accept="image/*", multiple=False, description="Choose a photo")
        self.example = widgets.Button(description="Show an example", icon="picture-o")
        cropped = "It is one face, already cropped like UTKFace's"
        self.aligned = widgets.Checkbox(description=cropped, indent=False, value=False)
        self.forget = widgets.Button(description="Forget it", icon="trash")
        self.status = widgets.HTML()
        self.prediction = widgets.VBox()
        choose = widgets.Box([self.upload, self.example, self.aligned])
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
    def reader(self) -> photos.PhotoReader:
        """Made when it is needed first: detector and model take some seconds to load."""
        return photos.PhotoReader(model=self._model)

    def show(self, source: Any, aligned: bool | None = None) -> None:
        """Read a photo (path, bytes or PIL image) and show the prediction, or say why there is none.

        ``aligned`` says that it is one face aligned like UTKFace's; what the visitor ticked if left out.
        """
        aligned = self.aligned.value if aligned is None else aligned
        first = "" if "reader" in vars(self) else " The first time takes some ten seconds."
        self._say(f'<p role="status">Reading the photo …{first}</p>')
        self._choosing(False)
        try:
            photo = self.reader.read(source, aligned=aligned)
            self.prediction.children = self._prediction(photo)
            self.status.value = _found(len(photo.faces))
        except InputError as error:
            words = str(error)
            self._say(_error(words[:1].upper() + words[1:]))
        except BaseException as error:  # told to the visitor here, and to the log by raising it again
            self._say(_error(f"Something failed on our side ({type(error).__name__}); please try another photo."))
            raise
        finally:
            self._choosing(True)

    def _uploaded(self, change: dict[str, Any]) -> None:
        if not change["new"]:
            return
        content = bytes(change["new"][0]["content"])
        # the observer is called again with the empty value, and returns
        self.upload.value = ()
        if len(content) > LIMIT_MB * 1e6:
            words = f"This file is too large: at most {LIMIT_MB:g} MB can be read here."
            self._say(_error(f"{words} Save the photo smaller and try again."))
        else:
            self.show(content)

    def _prediction(self, photo: Any) -> list[widgets.Widget]:
        maps = functools.cache(lambda task: self.reader.saliency(photo, task=task))
        drawn = io.BytesIO()
        plots.photo(photo).savefig(drawn, format="jpeg", dpi=_DPI, pil_kwargs={"quality": 88})
        picture = widgets.Image(value=drawn.getvalue(), format="jpeg", layout=widgets.Layout(width=None))
        picture.add_class("agegender-photo")
        cards = [
            face_card(number + 1, face, photo.crops[number], lambda task, number=number: maps(task)[number])
            for number, face in enumerate(photo.faces.head(MOST_CARDS).to_dict("records"))
        ]
        notes = []
        if len(photo.faces) > len(cards):
            notes.append(f"The {len(photo.faces) - len(cards)} smallest faces have no card here.")
        if cards and not photo.corrected:
            notes.append(UNCORRECTED)
        return [picture, *cards, *[widgets.HTML(f"<p>{note}</p>") for note in notes], self.forget]

    def _say(self, words: str) -> None:
        for shown in self.prediction.children:
            if shown is not self.forget:
                _close(shown)
        self.prediction.children = ()
        self.status.value = words

    def _choosing(self, possible: bool) -> None:
        for widget in (self.upload, self.example, self.aligned):
            widget.disabled = not possible


def _close(widget: widgets.Widget) -> None:
    """Take a widget and all inside it out of memory, here and in the browser; closing a box spares its children."""
    for child in getattr(widget, "children", ()):
        _close(child)
    widget.close()


def _introduction() -> str:
    return (
        "<h2>Your own photo</h2><p>Faces are found in the photo, and a network trained on UTKFace says of each how old "
        "it looks and how an annotator would have labelled its gender. It is wrong by years on average.</p>"
        '<div class="note"><p><b>What the numbers must not be used for.</b> '
        f"{html.escape(photos.OUT_OF_SCOPE_USES)}</p></div>"
        '<p class="quiet">No photo is kept: it is read by the computer that serves this page, written to no disk, sent '
        f"nowhere else, and forgotten when you choose another or close the page. At most {LIMIT_MB:g} MB.</p>"
    )


def _found(count: int) -> str:
    if not count:
        return (
            '<p role="status">No face was found. Faces should look towards the camera and be at least some 30 pixels '
            "wide; if the picture is one tightly cropped face, tick the box.</p>"
        )
    found = "1 face found." if count == 1 else f"{count} faces found, numbered from the largest."
    return f'<p role="status">{found}</p>'


def _error(words: str) -> str:
    return f'<p class="error" role="alert">{html.escape(words)}</p>'


def face_card(
    number: int, face: Mapping[str, Any], crop: np.ndarray, saliency: Callable[[str], np.ndarray]
) -> widgets.Box:
    """A card of one face, a row of ``photo.faces``, with the number of its box.

    ``saliency`` takes "age" or "gender" and returns float [128, 128] in [0, 1]; it is called when first asked for.
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
    warnings, share = str(face["warnings"]), float(face["p_female"])
    # never 0 or 100 %
    percent = "below 1" if share < 0.005 else "above 99" if share > 0.995 else f"{100 * share:.0f}"
    return (
        f'<div class="age">Face {number}: {age:.0f} years</div><div>{words}</div>'
        f'<div class="scale" role="img" aria-label="age {age:.0f}, {words}"><span class="line"></span>'
        f'{range_ if known else ""}<span class="prediction" style="left: {_place(age)}"></span>{ticks}</div>'
        f"<div>P(female) {percent}&nbsp;%</div>"
        + (f'<p class="warning">Take care: {html.escape(warnings)}.</p>' if warnings else "")
    )


def _place(age: float) -> str:
    """Where an age lies on the scale."""
    return f"{100 * min(max(age, 0), OLDEST) / OLDEST:.1f}%"
