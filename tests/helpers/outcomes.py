"""What bad input may lead to: an answer, or one sentence. No program is started for it, and no connection opened."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

from agegender_lib.errors import InputError

FORBIDDEN = {
    "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pickle.find_class", "pty.spawn",
    "socket.bind", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "urllib.Request", "webbrowser.open",
}  # fmt: skip
Answer = TypeVar("Answer")
_seen: list[list[str]] = []  # of the blocks that are watched, the innermost last


def _hook(event: str, arguments: tuple) -> None:
    if _seen and event in FORBIDDEN:
        _seen[-1].append(f"{event} {arguments}"[:300])
        raise PermissionError(f"bad input led to {event}")


sys.addaudithook(_hook)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Refuse what is forbidden inside the block, and fail after it even where the refusal was swallowed."""
    _seen.append([])
    try:
        yield
    finally:
        seen = _seen.pop()
        assert not seen, seen


def outcome(act: Callable[[], Answer], refused: type[Exception] = InputError) -> tuple[Answer | None, str]:
    """What ``act`` answers, and "", or None and the sentence of its refusal; any other exception is a fault."""
    sentence = ""
    answer = None
    with watched():
        try:
            answer = act()
        except refused as error:
            sentence = str(error)
            assert sentence.strip(), "a refusal without a word"
    check_sentence(sentence)
    return answer, sentence


def check_sentence(sentence: str) -> None:
    """It can be shown to a user: one line of bounded length, without what moves a terminal."""
    assert len(sentence) <= 3000 and "Traceback" not in sentence, sentence
    odd = {char for char in sentence if ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000}
    assert not odd, f"{odd} in {sentence!r}"
