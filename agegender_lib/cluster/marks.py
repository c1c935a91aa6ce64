"""Whether a worker sees the same folder as the client, and not one of the same name on a disk of its own."""

import secrets
from contextlib import suppress
from pathlib import Path

from agegender_lib.errors import InputError

_MARK = ".folder-mark"


def marked(folder: Path) -> str:
    """What a hidden file in the folder says, so that another machine can tell whether it sees the same folder."""
    file = Path(folder) / _MARK
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), open(file, "x") as new:
            new.write(secrets.token_hex(16))
        return file.read_text()
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}): allow writing there, or give another folder"
        ) from None


def is_marked(folder: Path, mark: str) -> bool:
    """Whether the folder of this path is the one that was :func:`marked`, and not another machine's."""
    try:
        return (Path(folder) / _MARK).read_text() == mark
    except OSError:
        return False
