"""The one exception a user is meant to read."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 2000


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that says what was found, where, and what to do. The command line prints it without a
    traceback and exits with code 2. One of more than 2,000 characters loses its middle.
    """

    def __init__(self, message: str = ""):
        half = _LONGEST // 2
        super().__init__(message if len(message) <= _LONGEST else f"{message[:half]} [...] {message[-half:]}")


class NotebookFailed(RuntimeError):
    """A notebook stopped with an error that is not the user's; the message says where to read on."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known names are closest to one that is not known, or list them."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known are {', '.join(names[:12])}{' and more' if len(names) > 12 else ''}" if names else "there are none"
