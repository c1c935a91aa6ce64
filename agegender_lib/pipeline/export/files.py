"""The files a report needs beside its text: figures, bibliography, citation style."""

import re
from pathlib import Path
from urllib.parse import unquote

from agegender_lib.errors import InputError
from agegender_lib.pipeline.export.source import Source
from agegender_lib.pipeline.export.wording import nearest

IMAGES = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf")
ENTRY = re.compile(r"^\s*@(?!comment|string|preamble)\w+\s*\{\s*([^,\s]+)\s*,", re.M | re.I)


def collect_image(node: dict, place: str, source: Source, folder: Path, files: dict[str, bytes]) -> None:
    """Put the picture of an Image element into `files` and point the element there.

    Raises
    ------
    InputError
        When there is no such file, or it is of a kind that Typst cannot show.
    """
    target = node["c"][2]
    address, path = target[0], folder / unquote(target[0])
    if address in source.pictures:
        content = source.pictures[address]
    elif re.match(r"\w{2,}:", address):
        raise InputError(
            f"{place} shows {address} from elsewhere: save that picture beside the report and name it"
        )
    elif not path.is_file():
        there = [near.name for near in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = f"{nearest(path.name, there)}; else run the notebook that draws it"
        raise InputError(f"{place} shows {address}, but no such file exists: {hint}")
    elif path.suffix.lower() not in IMAGES:
        raise InputError(f"{place} shows {address}, which is no picture: save it as {', '.join(IMAGES[:3])}")
    else:
        content = path.read_bytes()
    target[0] = f"pictures/{len(files)}{path.suffix.lower()}"
    files[target[0]] = content


def collect_bibliography(source: Source, folder: Path, files: dict[str, bytes]) -> set[str]:
    """Put bibliography and citation style into `files`; give the keys that may be cited.

    Raises
    ------
    InputError
        When one of the files is missing.
    """
    style = source.settings.get("csl", "")
    names = source.settings.get("bibliography", [])
    keys: set[str] = set()
    for name in [*names, *([style] if style.endswith(".csl") else [])]:
        path = folder / name
        if not path.is_file():
            raise InputError(
                f"the YAML of cell 1 names {name}, but {path} does not exist: write it or mend the name"
            )
        files[path.name] = path.read_bytes()
        keys |= set(ENTRY.findall(path.read_text(encoding="utf-8"))) if name in names else set()
    return keys
