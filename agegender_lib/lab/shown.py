"""What a browser is given: pixels as bytes and texts, style sheets, and a sentence where no widgets are shown."""

import base64
import io
from importlib.resources import files

import ipywidgets as widgets
import numpy as np
from PIL import Image


class InWords(widgets.VBox):
    """A column of widgets that readers of an executed notebook see as the sentence ``words_instead``."""

    words_instead = ""

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle["text/plain"] = f"{self.words_instead}: run this notebook in JupyterLab to use it."
        return bundle


def encoded(image: np.ndarray, kind: str, **options) -> bytes:
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
