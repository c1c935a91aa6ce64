"""Pixels as the bytes and texts that a browser shows."""

import base64
import functools
import io
from importlib.resources import files

import ipywidgets as widgets
import numpy as np
from PIL import Image

_QUALITY = 90


def jpeg(image: np.ndarray) -> bytes:
    """A face, uint8 [h, w, 3], as JPEG."""
    memory = io.BytesIO()
    Image.fromarray(image).save(memory, "JPEG", quality=_QUALITY)
    return memory.getvalue()


def data_uri(image: np.ndarray) -> str:
    """A face, uint8 [h, w, 3], as text that stands for its picture in HTML and CSS."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(image)).decode("ascii")


def style_sheet() -> widgets.HTML:
    """An invisible widget that brings the explorer's looks along."""
    return invisible(f"<style>{_css()}</style>")


def invisible(html: str = "") -> widgets.HTML:
    """A widget of which only the styles in it have an effect."""
    widget = widgets.HTML(html)
    widget.add_class("agegender-styles")
    return widget


@functools.cache
def _css() -> str:
    return files(__package__).joinpath("explorer.css").read_text(encoding="utf-8")
