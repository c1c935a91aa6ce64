"""One image at a time on one core: a process of its own, because threads are counted when a backend starts.

Run as ``python -m agegender_lib.pipeline.bench.single SECONDS FILE...``, it prints JSON: for each model file the
seconds on the clock and the seconds of processor time that each single image took.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

#: What TensorFlow, PyTorch and NumPy's libraries read when they start; JAX obeys the affinity.
ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "JAX_PLATFORMS": "cpu",
}
WARM_UP = 3
LEAST = 10


def one_image_seconds(files: Sequence[Path], seconds: float) -> tuple[list[list[float]], list[list[float]]]:
    """Seconds that single images take each model on one core: on the clock, and of processor time.

    Parameters
    ----------
    files : sequence of Path
        Saved models.
    seconds : float
        Time for each model.

    Returns
    -------
    (list of lists, list of lists)
        A list per model, a number per image, equally many; the models take turns.
    """
    command = [sys.executable, "-m", "agegender_lib.pipeline.bench.single", str(seconds), *map(str, files)]
    done = subprocess.run(command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"one image at a time could not be measured: {done.stderr.strip()}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["clock"], answer["processor"]


def take_turns(
    calls: Sequence[Callable[[], object]],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
    processor: Callable[[], float] = time.process_time,
) -> tuple[list[list[float]], list[list[float]]]:
    """Time functions call by call, in turn, until each could have had so many seconds, and at least 10 times.

    Returns
    -------
    (list of lists, list of lists)
        For each function the seconds of each call: on the clock, and of processor time.
    """
    for call in calls:
        for _ in range(WARM_UP):
            call()
    on_clock, on_processor = [[] for _ in calls], [[] for _ in calls]
    begin = clock()
    while len(on_clock[0]) < LEAST or clock() - begin < seconds * len(calls):
        for call, passed, worked in zip(calls, on_clock, on_processor, strict=True):
            start, start_processor = clock(), processor()
            call()
            passed.append(clock() - start)
            worked.append(processor() - start_processor)
    return on_clock, on_processor


def main(seconds: str, *files: str) -> None:
    """Time the models in ``files``; prints the answer as JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import numpy as np

    from agegender_lib.models import load_model

    face = np.random.default_rng(0).random((1, 128, 128, 3), dtype="float32")
    models = [load_model(file) for file in files]
    # the compiled function without predict's loop around it; what it returns is on the host, so it is done
    calls = [lambda model=model: model.predict_on_batch(face) for model in models]
    on_clock, on_processor = take_turns(calls, float(seconds))
    print(json.dumps({"clock": on_clock, "processor": on_processor}))


if __name__ == "__main__":
    main(*sys.argv[1:])
