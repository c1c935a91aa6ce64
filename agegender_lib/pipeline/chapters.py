"""The chapters of a report: which wait for which, two at a time, and none again whose outcome is there."""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from tqdm import tqdm

from agegender_lib import folders
from agegender_lib.files import sha256_of, write_json
from agegender_lib.pipeline.execute import execute, told_live
from agegender_lib.pipeline.kernel import ThisPython
from agegender_lib.pipeline.readme import ELSEWHERE
from agegender_lib.reporting.profiles import notebooks, parameters_of

#: In the folder where a report gathers: which chapters were executed.
DONE = "done.json"
#: The chapters that train the models, and those that read what came of them.
TRAINING = ("02_model_a", "03_pretrained")
READING = ("04_comparison", "06_groups", "07_trust", "09_explorer", "11_strangers")
#: What begins first, and the seconds that it takes in a quick report on two cores.
SECONDS = {"02_model_a": 90, "03_pretrained": 90, "07_trust": 80, "05_ablations": 70, "08_labels": 50}
_SECONDS = 25
_AT_ONCE = min(2, os.cpu_count() or 1)
# two that both take all cores need a third more processor time, and what they sum depends on how threads meet
_THREADS = max(1, (os.cpu_count() or 1) // _AT_ONCE)
# Whose versions change figures or numbers.
_PACKAGES = ("keras", "numpy", "pandas", "matplotlib", "seaborn", "scipy", "scikit-learn")


def run_chapters(
    values: dict[str, Any], keys: dict[str, str], staging: Path, check: Callable[[], None], alone: bool = False
) -> list[str]:
    """Execute the notebooks whose outcome is not in ``staging`` yet, with these parameters; returns their names.

    What was made in ``staging`` from anything else is the caller's to clear, see :func:`done_before`. ``check`` is
    called after each notebook; what it raises ends all. With ``alone``, chapters that train run one after the other,
    because their times are part of the report.
    """
    done = done_before(staging, keys) or {}
    chapters = {path.stem: path for path in notebooks()}
    waiting = sorted((name for name in chapters if name not in done), key=lambda name: -SECONDS.get(name, 0))
    executed = list(waiting)
    running: dict[Future, str] = {}
    pool = ThreadPoolExecutor(_AT_ONCE)
    bar = _Bar({name: chapters[name] for name in waiting})
    with bar.bar, told_live(bar.tell):
        try:
            while waiting or running:
                for name in _ready(waiting, done, set(running.values()), alone):
                    waiting.remove(name)
                    threads = 0 if alone and name in TRAINING else _THREADS
                    running[pool.submit(_executed, chapters[name], values, threads)] = name
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    name = running.pop(future)
                    future.result()
                    check()
                    done[name] = keys[name]
                    write_json(staging / DONE, done)
                    bar.finish(name)
        except BaseException:
            ThisPython.kill_all()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    return executed


def _executed(notebook: Path, values: dict[str, Any], threads: int) -> None:
    threading.current_thread().name = notebook.stem  # by which its log is told from another's
    execute(notebook, values, threads)


def _ready(waiting: list[str], done: Iterable[str], running: set[str], alone: bool) -> list[str]:
    """What may begin now, at most as many as there is room for."""
    trained = set(TRAINING) <= set(done)
    able = [name for name in waiting if name not in READING or trained]
    if alone and (running & set(TRAINING) or any(name in TRAINING for name in able)):
        first = [name for name in able if name in TRAINING][:1]
        return [] if running else first
    return able[: max(0, _AT_ONCE - len(running))]


def chapter_keys(values: dict[str, Any], fingerprint: str) -> dict[str, str]:
    """A hash per chapter of all that its outcome follows from: notebook, parameters, faces, library,
    backend and packages."""
    library = hashlib.sha256()
    # runs that may be found again, and what is taken over of other faces
    published = [
        path
        for name in ("runs/*/metrics.json", *(f"{name}*" for name in ELSEWHERE))
        for path in (folders.REPORT / "results").glob(name)
    ]
    modules = [path for path in (folders.ROOT / "agegender_lib").rglob("*") if path.suffix in (".py", ".mplstyle")]
    for path in (*sorted(modules), *sorted(published)):
        library.update(path.read_bytes())
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    shared = [library.hexdigest(), fingerprint, backend, *(version(package) for package in _PACKAGES)]
    keys = {}
    for path in notebooks():
        known = parameters_of(path)
        chosen = {name: value for name, value in sorted(values.items()) if name in known and name != "data"}
        if "profile" in known:  # it reads any of them there
            chosen["profile"] = {name: value for name, value in values.items() if name != "data"}
        # studies, profiles, weights
        named = [value for value in chosen.values() if isinstance(value, str) and value]
        places = [place for value in named for place in (Path(value), folders.STUDIES / f"{value}.yaml")]
        files = [sha256_of(place) for place in places if place.is_file()]
        parts = [path.read_text(encoding="utf-8"), chosen, *shared, *files]
        keys[path.stem] = hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]
    return keys


def done_before(staging: Path, keys: dict[str, str]) -> dict[str, str] | None:
    """The chapters whose outcome in ``staging`` is what they would give now; None where something else lies there."""
    try:
        done = json.loads((staging / DONE).read_text())
    except (OSError, ValueError):
        return None
    return done if all(keys.get(name) == key for name, key in done.items()) else None


class _Bar:
    """One bar for all chapters, in the seconds that they are expected to take."""

    def __init__(self, chapters: dict[str, Path]):
        self.seconds = {name: SECONDS.get(name, _SECONDS) for name in chapters}
        self.cells = {name: len(nbformat.read(path, as_version=4).cells) for name, path in chapters.items()}
        self.share = dict.fromkeys(chapters, 0.0)
        self.bar = tqdm(
            total=sum(self.seconds.values()), desc="report", smoothing=0, disable=not self.seconds,
            bar_format="{desc}: {percentage:3.0f}%|{bar:30}| {elapsed}, about {remaining} left{postfix}",
        )  # fmt: skip

    def tell(self, chapter: str, cell: int, line: str) -> None:
        """A line that a chapter printed, or the cell that it has come to."""
        if line:
            tqdm.write(f"  {chapter}: {line}")
        elif chapter in self.cells:
            self._set(chapter, cell / (self.cells[chapter] + 2))

    def finish(self, chapter: str) -> None:
        tqdm.write(f"[{sum(part == 1 for part in self.share.values()) + 1}/{len(self.share)}] {chapter}")
        self._set(chapter, 1.0)

    def _set(self, chapter: str, share: float) -> None:
        self.share[chapter] = share
        self.bar.n = sum(self.seconds[name] * part for name, part in self.share.items())
        self.bar.set_postfix_str(", ".join(name for name, part in self.share.items() if 0 < part < 1))
