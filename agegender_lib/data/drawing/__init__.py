"""Drawing a face from its labels; what shows age or gender stands where its part is drawn."""

from .face import draw_face
from .person import Person, imagine

__all__ = ["Person", "draw_face", "imagine"]
