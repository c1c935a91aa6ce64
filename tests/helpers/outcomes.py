"""What bad input may lead to: an answer, or one sentence."""

from collections.abc import Callable
from typing import TypeVar

from agegender_lib.errors import InputError

Answer = TypeVar("Answer")


def outcome(act: Callable[[], Answer], refused: type[Exception] = InputError) -> tuple[Answer | None, str]:
    """What ``act`` answers, and "", or None and the sentence of its refusal; any other exception is a fault."""
    try:
        return act(), ""
    except refused as error:
        sentence = str(error)
    assert sentence.strip(), "a refusal without a word"
    check_sentence(sentence)
    return None, sentence


def check_sentence(sentence: str) -> None:
    """It can be shown to a user: one line of bounded length, without what moves a terminal."""
    assert len(sentence) <= 3000 and "Traceback" not in sentence, sentence
    odd = {char for char in sentence if ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000}
    assert not odd, f"{odd} in {sentence!r}"


def one_sentence(answer, *found):
    """The answer is a refusal: exit code 2, one line, no traceback, and it names what was found."""
    code, _, complaint = answer
    lines = [line for line in complaint.splitlines() if line.startswith("agegender: ")]
    assert code == 2 and len(lines) == 1, complaint
    assert "Traceback" not in complaint and len(lines[0]) < 700
    for part in found:
        assert part in lines[0], lines[0]
