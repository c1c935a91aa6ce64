"""What a browser is given: faces to click on, pixels as text, style sheets, and a sentence where no widgets are."""

import base64
import io
from collections.abc import Callable, Sequence
from importlib.resources import files
from itertools import count

import ipywidgets as widgets
import numpy as np
from PIL import Image

_NUMBERS = count()
CHOSEN = "agegender-chosen"


class InWords(widgets.VBox):
    """A column of widgets that readers of an executed notebook see as the sentence ``words_instead``."""

    words_instead = ""

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle["text/plain"] = f"{self.words_instead}: run this notebook in JupyterLab to use it."
        return bundle


def encoded(image: np.ndarray, kind: str, **options: int) -> bytes:
    """A picture, uint8 [h, w, 3], as a "png" or "jpeg" file."""
    memory = io.BytesIO()
    Image.fromarray(image).save(memory, kind, **options)
    return memory.getvalue()


def data_uri(image: np.ndarray) -> str:
    """A face, uint8 [h, w, 3], as text that stands for its picture in HTML and CSS."""
    return "data:image/jpeg;base64," + base64.b64encode(encoded(image, "jpeg", quality=90)).decode("ascii")


def styles(name: str) -> str:
    """A style sheet of this package, as HTML."""
    return f"<style>{files(__package__).joinpath(name).read_text(encoding='utf-8')}</style>"


def invisible(html: str = "") -> widgets.HTML:
    """A widget of which only the styles in it have an effect."""
    return widgets.HTML(html).add_class("agegender-styles")


class Gallery(widgets.Box):
    """Thumbnails that are buttons: plain ipywidgets, reached by the keyboard, read out by their captions.

    An image widget takes no clicks, so each face is the background of a button, made once. ``on_click`` gets the
    number, from 0, of the thumbnail that was clicked.
    """

    def __init__(self, size: int, on_click: Callable[[int], None]):
        self._name = f"agegender-gallery-{next(_NUMBERS)}"  # several galleries share a document
        self._pictures = invisible()
        self.thumbnails = [widgets.Button() for _ in range(size)]
        for number, button in enumerate(self.thumbnails):
            button.add_class("agegender-thumbnail").add_class(f"agegender-face-{number}")
            button.on_click(lambda _, number=number: on_click(number))
        super().__init__([self._pictures])
        self.add_class("agegender-gallery").add_class(self._name)

    def show(self, images: Sequence[np.ndarray], captions: Sequence[str], hints: Sequence[str]) -> None:
        """Show faces, each above its caption; its hint is said when the mouse rests on it."""
        rules = [
            f".{self._name} .agegender-face-{number} {{ background-image: url({data_uri(image)}); }}"
            for number, image in enumerate(images)
        ]
        self._pictures.value = f"<style>{' '.join(rules)}</style>"
        for button, caption, hint in zip(self.thumbnails, captions, hints, strict=False):
            with button.hold_sync():
                button.description, button.tooltip = caption, hint
        if len(self.children) != len(images) + 1:
            self.children = [self._pictures, *self.thumbnails[: len(images)]]

    def mark(self, chosen: int | None) -> None:
        """Frame one thumbnail, or none."""
        for number, button in enumerate(self.thumbnails):
            if (number == chosen) != (CHOSEN in button._dom_classes):
                (button.add_class if number == chosen else button.remove_class)(CHOSEN)
