"""How time and memory grow with the number of faces, from an archive to errors per group."""

import json
import math
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from agegender_lib import folders
from agegender_lib.data.opening import SEED
from agegender_lib.data.rendered import plan_faces, render_faces
from agegender_lib.errors import InputError

from .stages import ARCHIVE, STAGES

SIZES = (1_000, 5_000, 20_000, 100_000)
#: Fewer faces have hardly a group large enough to be compared.
FEWEST = 100
#: Of memory that a stage may hold for itself.
BUDGET_MIB = 3 * 1024
MEASURED = ("seconds", "processor_seconds", "memory_mib")
_WAIT = 0.02  # seconds between two looks at a process


def measure_scale(sizes: Sequence[int] = SIZES, stages: Sequence[str] = tuple(STAGES)) -> pd.DataFrame:
    """Time and memory of every stage on sets of drawn faces of several sizes, each stage in a process of its own.

    The faces are drawn once, those of the smaller sets are among those of the largest; one in a hundred repeats
    another. Drawing and packing them is not measured.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of faces, from 100.
    stages : sequence of str
        Names of ``STAGES``, in their order; a stage needs those before it.

    Returns
    -------
    DataFrame
        A row per size and stage: stage, images, seconds (on the clock), processor_seconds (of all threads together),
        memory_mib and total_mib, the most that the process held at any time, looked at fifty times a second:
        memory_mib counts what is its own (anonymous and shared memory, and what was swapped out of it), total_mib
        also the parts of mapped files that happen to be in memory, which the system takes back whenever it needs
        them. Both are NaN on systems without ``/proc``.

    Raises
    ------
    InputError
        If there is no size, or one is too small.
    """
    sizes = sorted(set(sizes))
    if not sizes or sizes[0] < FEWEST:
        raise InputError(f"the sizes to measure are {sizes}: give whole numbers from {FEWEST}")
    drawn = render_faces(folders.CACHE / f"rendered-{sizes[-1]}", sizes[-1], SEED)
    files = plan_faces(sizes[-1], SEED)["file"]
    folders.BUILD.mkdir(parents=True, exist_ok=True)
    rows = []
    with tqdm(total=len(sizes) * len(stages), desc="measuring", unit="stage", disable=None) as bar:
        for size in sizes:
            # not among the system's temporary files, which may lie in memory
            with tempfile.TemporaryDirectory(
                dir=folders.BUILD, prefix="scale-", ignore_cleanup_errors=True
            ) as work:
                _pack(drawn, files[:size], Path(work) / ARCHIVE)
                for stage in stages:
                    rows.append({"stage": stage, "images": size, **measure_stage(stage, Path(work))})
                    bar.update()
    return pd.DataFrame(rows)


def measure_stage(stage: str, folder: Path) -> dict[str, float]:
    """Seconds, processor_seconds, memory_mib and total_mib of one stage in a new process; see :func:`measure_scale`."""
    command = [sys.executable, "-m", "agegender_lib.pipeline.bench.stages", stage, str(folder)]
    # a file, not a pipe: a pipe that nobody empties meanwhile would stop a talkative process
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, cwd=folders.ROOT) as process:
            own, total = peak_memory(process)
        said.seek(0)
        words = said.read().strip()
    if process.returncode:
        reason = words[-2000:] or "nothing was said: for want of memory, perhaps"
        raise RuntimeError(f"the stage {stage!r} ended with code {process.returncode}: {reason}")
    return {**json.loads(words.splitlines()[-1]), "memory_mib": own, "total_mib": total}


def peak_memory(process: subprocess.Popen) -> tuple[float, float]:
    """Wait for a process; the most MiB that it held of its own, and with mapped files; NaN where that is not told."""
    own, total = math.nan, math.nan
    while process.poll() is None:
        held = _held(process.pid)
        if held:
            own = np.fmax(own, (held["RssAnon"] + held["RssShmem"] + held["VmSwap"]) / 1024)
            total = np.fmax(total, held["VmHWM"] / 1024)
        time.sleep(_WAIT)
    return float(own), float(total)


def growth(table: pd.DataFrame) -> pd.DataFrame:
    """With which power of the number of faces each stage grows.

    Parameters
    ----------
    table : DataFrame
        Of :func:`measure_scale`.

    Returns
    -------
    DataFrame
        A row per stage: stage, and for each of seconds, processor_seconds and memory_mib the exponent, which is the
        slope of the logarithm on the logarithm of the images by least squares over all sizes, and the same over the
        two largest sizes only (``_last``), where what a stage costs for any set counts least. 1 is linear. NaN for
        one size.
    """
    rows = []
    for stage, part in table.groupby("stage", sort=False):
        part = part.sort_values("images")
        row = {"stage": stage}
        for name in MEASURED:
            row[name] = _slope(part["images"], part[name])
            row[f"{name}_last"] = _slope(part["images"][-2:], part[name][-2:])
        rows.append(row)
    return pd.DataFrame(rows)


def conclusions(table: pd.DataFrame, grown: pd.DataFrame) -> Iterator[str]:
    """Sentences on the budget of memory and on the steepest growth.

    Parameters
    ----------
    table, grown : DataFrame
        Of :func:`measure_scale` and :func:`growth`.
    """
    if table["memory_mib"].notna().any():
        most = table.loc[table["memory_mib"].idxmax()]
        verdict = "kept" if most["memory_mib"] <= BUDGET_MIB else "exceeded"
        yield (
            f"The most memory, {most['memory_mib']:,.0f} MiB, is held by {most['stage']!r} at {most['images']:,} "
            f"faces: the budget of {BUDGET_MIB:,} MiB is {verdict}."
        )
    else:
        yield "This system does not tell how much memory a process holds."
    if grown["processor_seconds"].notna().any():
        steepest = grown.loc[grown["processor_seconds"].idxmax()]
        yield (
            f"The steepest growth of processor time is that of {steepest['stage']!r}: with the power "
            f"{steepest['processor_seconds']:.2f} of the number of faces, {steepest['processor_seconds_last']:.2f} "
            "between the two largest sizes."
        )


def _slope(images: pd.Series, values: pd.Series) -> float:
    known = values.notna() & (values > 0)
    if known.sum() < 2:
        return math.nan
    return float(np.polyfit(np.log(images[known]), np.log(values[known]), 1)[0])


def _held(pid: int) -> dict[str, int]:
    """Lines of /proc/<pid>/status in kB; empty where there is none, or when the process just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    found = {
        name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.split()
    }
    wanted = ("RssAnon", "RssShmem", "VmSwap", "VmHWM")
    return {name: int(found[name]) for name in wanted} if all(name in found for name in wanted) else {}


def _pack(folder: Path, files: Sequence[str], archive: Path) -> None:
    with tarfile.open(archive, "w") as tar:
        for file in files:
            tar.add(folder / file, arcname=f"faces/{file}")
