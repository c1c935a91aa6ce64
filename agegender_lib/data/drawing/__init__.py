"""Drawing a face from its labels; what tells an age or a gender stands in the function of the part that shows it."""

from .face import draw_face
from .person import Person, imagine

__all__ = ["Person", "draw_face", "imagine"]
