"""How fast photographs are read, beside ``mtcnn`` alone: ``python tests/bench.py photos --data FACES``."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from PIL import Image
from tqdm import tqdm

from agegender_lib import data
from agegender_lib.pipeline.options import print_table

# The project's budgets: photos of these pixels with three faces each a second, seconds to the first answer, MiB; where
# mtcnn's detect_faces alone takes so many seconds a photo, and in proportion to that elsewhere.
LEAST_PACE, MOST_SECONDS, MOST_MIB, SIZE, MTCNN_SECONDS = 5.0, 6.0, 1024, (1600, 1200), 0.33
MTCNN, OURS, ONE_BY_ONE = "mtcnn's detect_faces", "read_all", "read, one by one"


def make_photos(faces, folder, count, seed=0):
    """JPEG files of blurred colours and noise, each with three of the faces."""
    rng, rows = np.random.default_rng(seed), np.arange(3 * count) % len(faces)
    for number, chosen in enumerate(tqdm(rng.permutation(rows).reshape(count, 3), "making photos", disable=None)):
        colours = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        blurred = np.asarray(Image.fromarray(colours).resize(SIZE, Image.Resampling.BICUBIC), np.float32)
        noise = 8 * rng.standard_normal(blurred.shape, np.float32)
        photo = Image.fromarray((blurred + noise).clip(0, 255).astype(np.uint8))
        for place, row in enumerate(chosen):
            side = int(rng.integers(160, 340))
            face = Image.fromarray(faces.images[row]).resize((side, side), Image.Resampling.BICUBIC)
            photo.paste(face, (60 + 510 * place + int(rng.integers(100)), int(rng.integers(50, 800))))
        photo.save(Path(folder, f"{number:05d}.jpg"), quality=90)


def read_photos(way, folder, count):
    """In a process of its own: read so many photos, over and over the same ones, and print as JSON what it took."""
    import agegender_lib.quiet  # noqa: F401  before Keras

    files = sorted(Path(folder).glob("*.jpg"))
    files = [files[number % len(files)] for number in range(int(count))]
    if way == MTCNN:
        from mtcnn import MTCNN as Detector

        detector = Detector()

        def read(files):
            for file in files:
                boxes = detector.detect_faces(np.asarray(Image.open(file)))
                yield sorted(box["box"][0] for box in boxes), []
    else:
        from agegender_lib.photos import PhotoReader

        reader = PhotoReader()

        def read(files):
            for photo in (found for _, found in reader.read_all(files)) if way == OURS else map(reader.read, files):
                yield photo.faces["left"].tolist(), photo.faces["age"].tolist()

    list(read(files[:2]))  # traces its graphs
    start, used = time.perf_counter(), time.process_time()
    found = list(read(files))
    took = {"seconds": time.perf_counter() - start, "processor": time.process_time() - used}
    print(json.dumps(took | {"faces": [len(boxes) for boxes, _ in found], "ages": [ages for _, ages in found]}))


def first_answer(photo):
    """Seconds, and processor seconds, of the command line for one photo, the start of Python included."""
    start = time.perf_counter()
    process = psutil.Popen([sys.executable, "-m", "agegender_lib", "predict", photo], stdout=subprocess.DEVNULL)
    used = 0.0
    while process.poll() is None:
        try:
            used = sum(process.cpu_times()[:2])
        except psutil.Error:
            break
        time.sleep(0.02)
    process.wait()
    return time.perf_counter() - start, used


def print_photos(source, count, asked):
    """Measure and print; ``asked`` calls a function of this file in a process and returns its answer and its MiB."""
    load = psutil.getloadavg()[0]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        faces = data.load_faces(source) if source else data.load_dataset("", 300, folder)
        Path(folder, "photos").mkdir()
        make_photos(faces, Path(folder, "photos"), min(count, 100))
        told = {way: asked("read_photos", way, Path(folder, "photos"), count) for way in (MTCNN, ONE_BY_ONE, OURS)}
        start, used = first_answer(Path(folder, "photos", "00000.jpg"))
    rows = [
        [way, took["seconds"] / count, took["processor"] / count, count / took["seconds"], sum(took["faces"]), memory]
        for way, (took, memory) in told.items()
    ]
    columns = ["what", "seconds", "processor_seconds", "photos_per_second", "faces", "memory_mib"]
    print(
        f"{os.cpu_count()} cores, load average {load:.1f} at the start; {count:,} photos of {SIZE[0]} x {SIZE[1]} "
        f"pixels, three faces of {faces.name} in each; seconds are per photo, processor seconds those of all threads."
    )
    print_table(pd.DataFrame(rows, columns=columns).round(3))
    ours, alone = told[OURS][0], told[ONE_BY_ONE][0]
    apart = np.abs(np.hstack(ours["ages"]) - np.hstack(alone["ages"])).max()
    fewer = sum(one < other for one, other in zip(ours["faces"], told[MTCNN][0]["faces"], strict=True))
    print(
        f"\nPhotos in which fewer faces are found than by mtcnn: {fewer}. Ages of faces read together and alone differ "
        f"by at most {apart:.4f} years.\n"
        f"First answer of the command line: {start:.1f} s ({used:.1f} processor seconds)."
    )
    pace, memory, slower = rows[-1][3], rows[-1][-1], rows[0][1] / MTCNN_SECONDS
    print(f"This machine is {slower:.2f} times slower than that of the budgets, by mtcnn's time.")
    for words, kept in {
        f"{LEAST_PACE:g} photos a second, here {LEAST_PACE / slower:.1f}": pace >= LEAST_PACE / slower,
        f"{MOST_SECONDS:g} s to the first answer, here {MOST_SECONDS * slower:.1f}": start <= MOST_SECONDS * slower,
        f"{MOST_MIB:,} MiB": memory <= MOST_MIB,
    }.items():
        print(f"The budget of {words}: {'kept' if kept else 'exceeded'}.")
