"""Files that are either the previous state or the next, never half of one."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from agegender_lib.errors import InputError
from agegender_lib.plain_yaml import load_plain


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well.

    The temporary name keeps the suffix, because Keras decides the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files private; what others may read follows the user's umask
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def copy_file(source: Path, target: Path) -> Path:
    """Copy a file's content to ``target``, atomically; returns ``target``."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
    return Path(target)


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_csv(path: Path, table, **options) -> None:
    """Write a DataFrame as CSV without its index, atomically."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", **options)


def yaml_file(given: str | Path, folder: Path) -> Path:
    """The YAML file that is meant: a path with its suffix, or the name of one in ``folder``."""
    path = Path(given)
    return path if path.suffix in (".yaml", ".yml") else folder / f"{given}.yaml"


def read_yaml(path: Path, what: str) -> Any:
    """The content of a YAML file; ``what`` says in an error what it was to be, such as "study".

    Raises
    ------
    InputError
        If it cannot be read, or is no plain YAML, see :func:`load_plain`.
    """
    try:
        return load_plain(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())[:300]
        raise InputError(f"the {what} {path} cannot be read ({problem}): mend it") from None
