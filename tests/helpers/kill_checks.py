"""What is on disk after a kill: whether every file is whole, and whether two folders came to the same."""

import hashlib
import io
import json
import re
import xml.etree.ElementTree
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from PIL import Image

#: Parts of names that say "not whole yet": of files, and of folders with all that is in them.
UNFINISHED = re.compile(r"(^\.writing-|^\.running-|^\.import-|\.part$|^\.next$|\.old$|^\.[^/]*\.lock$)")
# what a run says of the time it took and of the machine; the packed size follows the moment of saving
_OF_THE_MOMENT = re.compile(r"second|minute|file_bytes|megabytes|^commit$")


def finished(folder: Path) -> list[Path]:
    """Every file below a folder that goes by its final name."""
    found = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
    return [path for path in found if not any(map(UNFINISHED.search, path.relative_to(folder).parts))]


def left_over(folder: Path) -> list[str]:
    """The rest, by their paths in the folder, without lock files, which lock nothing once their process is gone."""
    every = [path for path in sorted(Path(folder).rglob("*")) if path.is_file() and path.suffix != ".lock"]
    return [str(path.relative_to(folder)) for path in every if path not in set(finished(folder))]


def broken(folder: Path) -> list[str]:
    """Files under their final names that cannot be read to the end, each with the reason."""
    problems = []
    for path in finished(folder):
        try:
            content(path)
        except Exception as error:
            problems.append(f"{path.relative_to(folder)}: {type(error).__name__} {error}")
    return problems


def content(path: Path) -> object:
    """What a file says, read to its end, without what differs from one moment to the next; raises where it is cut."""
    return READERS.get(path.suffix, lambda path: _digest(path.read_bytes()))(path)


def differences(one: Path, other: Path) -> list[str]:
    """Where two folders do not say the same, as sentences; none where they do."""
    named = [{path.relative_to(folder): path for path in finished(folder)} for folder in (one, other)]
    found = [f"only in one of both: {name}" for name in sorted(set(named[0]) ^ set(named[1]))]
    for name in sorted(set(named[0]) & set(named[1])):
        a, b = content(named[0][name]), content(named[1][name])
        if isinstance(a, dict) and isinstance(b, dict):
            keys = [str(key) for key in a.keys() | b.keys() if a.get(key) != b.get(key)]
            found += [f"{name}: {', '.join(sorted(keys)[:5])}"] if keys else []
        elif a != b:
            found.append(f"{name} differs")
    return found


def _steady(value):
    if isinstance(value, dict):
        return {key: _steady(item) for key, item in value.items() if not _OF_THE_MOMENT.search(key)}
    return value


def _csv(path):
    if not path.read_text(encoding="utf-8").endswith("\n"):
        raise ValueError("its last line has no end")
    return _steady({name: _digest(str(list(column)).encode()) for name, column in pd.read_csv(path, dtype=str).items()})


def _arrays(path):
    with np.load(path) as file:
        return {name: _digest(file[name].tobytes()) for name in file.files}


def _array(path):
    array = np.load(path)
    return array.shape, str(array.dtype), _digest(array.tobytes())


def _hdf5(path):
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = _digest(item[()].tobytes())

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def _keras(path):
    with zipfile.ZipFile(path) as archive:
        # Keras tells shared objects by their addresses in memory
        configuration = re.sub(rb'"shared_object_id": \d+', b"", archive.read("config.json"))
        return {"config.json": _digest(configuration), **_hdf5(io.BytesIO(archive.read("model.weights.h5")))}


def _notebook(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    # the parameters name the folder
    return [cell["source"] for cell in cells if "injected-parameters" not in cell["metadata"].get("tags", ())]


def _drawn(path):
    if path.suffix == ".svg":
        xml.etree.ElementTree.parse(path)
    else:
        Image.open(path).load()
    return "" if path.name.startswith("epoch_times") else _digest(path.read_bytes())


def _pdf(path):
    from pypdf import PdfReader

    if not len(PdfReader(path).pages):
        raise ValueError("it has no pages")
    return _digest(path.read_bytes())


def _digest(data):
    return hashlib.sha256(data).hexdigest()


READERS = {
    ".json": lambda path: _steady(json.loads(path.read_text(encoding="utf-8"))),
    ".csv": _csv,
    ".npy": _array,
    ".npz": _arrays,
    ".h5": _hdf5,
    ".keras": _keras,
    ".ipynb": _notebook,
    **dict.fromkeys((".png", ".jpg", ".svg"), _drawn),
    ".pdf": _pdf,
}
