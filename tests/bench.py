"""How fast it trains and answers here, and what many faces or photos cost: ``python tests/bench.py [scale|photos]``."""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
from functools import partial
from pathlib import Path

import agegender_lib.quiet  # noqa: F401  before Keras

# isort: split
import keras
import numpy as np
import pandas as pd
import psutil
from bench_photos import print_photos, read_photos  # noqa: F401
from PIL import Image
from tqdm import tqdm

from agegender_lib import data, evaluation, folders, models, training
from agegender_lib.errors import InputError
from agegender_lib.pipeline.kernel import THREADS
from agegender_lib.pipeline.options import print_table
from agegender_lib.training import network
from agegender_lib.training.batches import Batches
from agegender_lib.training.losses import targets

# The project's budgets: of the bare step's time, ms for one image on one core, MiB of one stage.
MOST_ADDED, MOST_MS, MOST_MIB = 0.10, 30.0, 3 * 1024
ROUNDS, WARM_UP, IMAGES, SECONDS = 5, 2, 320, 3.0  # the first steps fill the queue of batches
ORIGINAL, OURS, BARE = "training, original's loading", "training, our loading", "training, bare step"
ONE_IMAGE = "inference, one image, one core"
# The original's are those of its report, but for the amounts of its augmentation, which are usual ones.
SETTINGS = {"ModelA": {}}
SETTINGS["original"] = {"architecture": {"variant": "original"}, "optimizer": "adam", "ema_momentum": None}
SETTINGS["original"] |= {"age_loss": "mse", "age_weight": 1, "gender_weight": 500, "label_smoothing": 0}
AUGMENTATION = {"rotation_range": 20, "brightness_range": (0.8, 1.2)}
# What TensorFlow, PyTorch and NumPy's libraries read when they start; JAX obeys the affinity.
ONE_THREAD = dict.fromkeys(THREADS, "1")
ONE_THREAD |= {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
# ModelA as narrow as it can be: an epoch is measured for the faces it passes on, not for its arithmetic.
NARROW = {"architecture": {"widths": [8, 8], "stem": 8, "image_size": 32}, "batch_size": 50, "validation_size": 0.2}
NARROW |= {"stages": [{"epochs": 1, "learning_rate": 0.002}], "ensemble_size": 1}
STAGES = ("import", "open again", "list duplicates", "split", "train one epoch", "predict", "evaluate")


def pace(step, images, seconds, now=time.perf_counter):
    """Seconds per image of a step that is repeated for so long, and at least twice."""
    times = [now()]
    while len(times) < 3 or times[-1] - times[0] < seconds:
        step()
        times.append(now())
    return (times[-1] - times[0]) / (images * (len(times) - 1))


class Endless(keras.utils.PyDataset):
    """A few batches over and over, so that no epoch ends while the clock runs."""

    def __init__(self, batch, count):
        super().__init__()
        self.batch, self.count = batch, count

    def __len__(self):
        return 10**6

    def __getitem__(self, index):
        return self.batch(index % self.count)


def fit_pace(graph, batch, count, size, seconds, now=time.perf_counter):
    """The pace of a training by ``fit``, which loads the next batches while a step is computed."""
    times = []

    def stop(_, logs):
        float(logs["loss"])  # waits for the step, on backends that return before it is done
        times.append(now())
        graph.stop_training = len(times) > WARM_UP + 1 and times[-1] - times[WARM_UP - 1] >= seconds

    watch = keras.callbacks.LambdaCallback(on_train_batch_end=stop)
    graph.fit(Endless(batch, count), callbacks=[watch], shuffle=False, verbose=0)
    return (times[-1] - times[WARM_UP - 1]) / (size * (len(times) - WARM_UP))


def original_batches(faces, rows, folder, size, augmentation=AUGMENTATION):
    """The original's loading, JPEG files through Keras's ImageDataGenerator: a function of a batch's number."""
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    table = faces.table.iloc[rows][["gender", "age"]].assign(file=[f"{row:06d}.jpg" for row in rows])
    for row, file in zip(rows, table["file"], strict=True):
        Image.fromarray(faces.images[row]).save(folder / file, quality=75)  # the coursework's
    flow = ImageDataGenerator(rescale=1 / 255, **augmentation).flow_from_dataframe(
        table, folder, "file", ["gender", "age"], None, (128, 128), "rgb", None, "multi_output", size
    )

    def batch(index):
        pixels, (gender, age) = flow[index]
        return pixels, {"gender_output": gender[:, None], "age_output": age[:, None]}

    return batch


def compiled(config, count, arithmetic, bare):
    """A network to train: bare on float32 faces in [0, 1], or with its augmentation on uint8 ones."""
    with network.precision(arithmetic):
        graph = network.training_graph(training.build_network(config), config)
    graph = graph.get_layer("network") if bare else graph
    network.compile_for(graph, config, config.stages[0], max(1, count // config.batch_size))
    return graph


def training_variants(faces, rows, folder):
    """Functions of seconds that return seconds per image; what is compared most closely stands together."""
    found, fast = {}, network.fast_precision()
    for model, name in dict.fromkeys([("original", "float32"), ("ModelA", fast), ("ModelA", "float32")]):
        config = training.configure("model_a", **SETTINGS[model])
        size = min(config.batch_size, len(rows))
        build, full = partial(compiled, config, len(rows), name), len(rows) // size
        if model == "original" and keras.backend.backend() == "tensorflow":
            files = original_batches(faces, rows, folder, size)
            found[ORIGINAL, model, name] = partial(fit_pace, build(True), files, full, size)
        graph, bare = build(False), build(True)
        wanted = targets(faces.table.iloc[rows], config, graph.output)
        ours = Batches(faces.images, rows, wanted, size, seed=1)
        found[OURS, model, name] = partial(fit_pace, graph, ours.__getitem__, full, size)
        images, wanted = ours[0]
        batch = keras.tree.map_structure(keras.ops.convert_to_tensor, (images.astype("float32") / 255, wanted))
        found[BARE, model, name] = partial(pace, partial(bare.train_on_batch, *batch), size)
    return found


def in_turn(variants, seconds):
    """Seconds per image in every round, all in turn, so that disturbances hit all alike; a cold round is left out."""
    lengths = tqdm([0.0] + ROUNDS * [seconds], "measuring", unit="round", disable=None)
    found = np.array([[measure(length) for measure in variants.values()] for length in lengths])
    return dict(zip(variants, found[1:].T, strict=True))


def speeds(found):
    """Medians over rounds; the ratio to the first variant is the median of those within each round."""
    table = pd.DataFrame(list(found), columns=["what", "model", "precision"])
    table["ms_per_image"] = [1000 * np.median(times) for times in found.values()]
    table["images_per_second"] = 1000 / table["ms_per_image"]
    table["ratio"] = [np.median(next(iter(found.values())) / times) for times in found.values()]
    if BARE in set(table["what"]):
        table["added"] = [np.median(added(found, name)) for name in found]
    return table


def added(found, name):
    """What loading and augmentation add to the bare step in each round, as a share of its time."""
    return found[name] / found[(BARE, *name[1:])] - 1


def of_the_bare_step(found, arithmetic):
    """What is added to ModelA's bare step beside the budget, which is judged only where all rounds agree."""
    share = added(found, (OURS, "ModelA", arithmetic))
    verdict = "neither kept nor exceeded for sure, the rounds lie on both sides"
    if share.max() <= MOST_ADDED or share.min() > MOST_ADDED:
        verdict = "kept" if share.max() <= MOST_ADDED else "exceeded"
    return (
        f"Loading and augmentation: {np.median(share):.1%} of the bare step of ModelA in {arithmetic} "
        f"({share.min():.1%} to {share.max():.1%} over {len(share)} rounds); the budget of {MOST_ADDED:.0%}: {verdict}."
    )


def one_image(seconds, *files):
    """In a process of one core: print as JSON the seconds [files, rounds] that single images take."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    face = np.random.default_rng(0).random((1, 128, 128, 3), dtype="float32")
    # the compiled function without predict's loop around it; what it returns is on the host, so it is done
    asks = [partial(models.load_model(file).predict_on_batch, face) for file in files]
    found = in_turn({ask: partial(pace, ask, 1) for ask in asks}, float(seconds))
    print(json.dumps([times.tolist() for times in found.values()]))


def asked(*command, **environment):
    """What this script prints, called with these words in a process of its own, and the most MiB that it held."""
    most, command = 0, [sys.executable, __file__, *map(str, command)]
    process = psutil.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            held = process.memory_info()
            most = max(most, held.rss - getattr(held, "shared", 0))  # without mapped files
        time.sleep(0.02)
    return json.loads(process.stdout.read().splitlines()[-1]), most / 2**20


def print_speeds(source):
    """Measure and print how fast the original's pipeline and ours train and answer."""
    load = psutil.getloadavg()[0]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # some systems keep mapped files
        faces = data.load_faces(source) if source else data.load_dataset("", IMAGES, folder)
        rows = np.linspace(0, len(faces) - 1, min(IMAGES, len(faces))).round().astype(int)
        files = {model: Path(folder, f"{model}.keras") for model in ("original", "ModelA")}
        for model, file in files.items():  # random weights take the same time
            config = training.configure("model_a", **SETTINGS[model])
            exact = network.in_float32(training.build_network(config), config)
            (models.add_test_time_augmentation(exact) if config.test_time_augmentation else exact).save(file)
        files["report/models"] = folders.MODELS / "age_gender_A.keras"
        trainings = in_turn(training_variants(faces, rows, Path(folder)), SECONDS)
        times, _ = asked("one_image", SECONDS, *files.values(), **ONE_THREAD)
    single = {(ONE_IMAGE, model, "float32"): np.array(part) for model, part in zip(files, times, strict=True)}
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load average {load:.1f} at the start; Keras on "
        f"{keras.backend.backend()}. {len(rows):,} {'drawn ' * faces.synthetic}faces of {faces.name}; medians of "
        f"{ROUNDS} rounds in which each variant runs for {SECONDS:g} s, ratios taken within a round."
    )
    for part in (trainings, single):
        print("\nratio: times as fast as {}, model {}".format(*next(iter(part))))
        print_table(speeds(part).round(2))
    took = 1000 * np.median(single[ONE_IMAGE, "ModelA", "float32"])
    print(
        f"\n{of_the_bare_step(trainings, network.fast_precision())}\nOne image on one core: {took:.1f} ms with ModelA, "
        f"{took / MOST_MS:.1%} of the budget of {MOST_MS:.0f} ms, which is {'kept' if took <= MOST_MS else 'exceeded'}."
    )


def stage(name, folder):
    """One stage of the way from an archive to errors per group; prints the seconds of its own work."""
    work = load_dataset = partial(data.load_faces, f"{folder}/faces.tar", f"{folder}/cache")
    faces = None if name == "import" else load_dataset()
    if name == "list duplicates":
        work = partial(data.duplicate_pairs, faces.table, faces.images)
    elif name == "split":
        work = partial(data.split_faces, faces.table, validation_size=0.2)
    elif name == "train one epoch":
        work = partial(training.train, training.configure("model_a", **NARROW), faces, "none", folder, "run")
    elif name == "predict":
        work = partial(models.predict, models.load_model(f"{folder}/run/model.keras"), faces.images)
    elif name == "evaluate":
        answers = evaluation.read_run(f"{folder}/run").predictions.assign(split="validation")
        work = partial(list, (judge(answers) for judge in (evaluation.evaluate, evaluation.gaps)))
    start = time.perf_counter()
    work()
    print(time.perf_counter() - start)


def growth(table):
    """With which power of the number of faces each stage grows: over all sizes, and between the two largest."""
    grown = []
    for name, part in table.sort_values("images").groupby("stage", sort=False):
        logs = np.log(part[["images", "seconds", "memory_mib"]].to_numpy())
        slopes = [np.polyfit(some[:, 0], some[:, 1:], 1)[0] for some in (logs, logs[-2:])]
        grown.append([name, *np.ravel(slopes)])
    return pd.DataFrame(grown, columns=["stage", "seconds", "memory_mib", "seconds_last", "memory_mib_last"])


def print_scale(sizes):
    """Measure and print what many drawn faces cost, every stage in a process of its own."""
    drawn = data.render_faces(folders.CACHE / f"rendered-{max(sizes)}", max(sizes), 0)
    files = np.random.default_rng(0).permutation(sorted(file.name for file in drawn.iterdir()))
    folders.BUILD.mkdir(parents=True, exist_ok=True)
    rows = []
    for size in sorted(sizes):
        # not among the system's temporary files, which may lie in memory
        with tempfile.TemporaryDirectory(dir=folders.BUILD, ignore_cleanup_errors=True) as folder:
            with tarfile.open(f"{folder}/faces.tar", "w") as tar:
                for file in files[:size]:
                    tar.add(drawn / file, file)
            for name in tqdm(STAGES, f"{size:,} faces", disable=None):
                rows.append([name, size, *asked("stage", name, folder)])
    table = pd.DataFrame(rows, columns=["stage", "images", "seconds", "memory_mib"])
    most = table.loc[table["memory_mib"].idxmax()]
    print("drawn stand-in faces; memory_mib: held by the process itself, mapped files left out")
    print_table(table.round({"seconds": 2, "memory_mib": 0}))
    print("\ngrows with this power of the number of faces (last: between the two largest sizes)")
    print_table(growth(table).round(2))
    print(
        f"\nThe most memory, {most.memory_mib:,.0f} MiB, is held by {most.stage!r} at {most.images:,} faces: the "
        f"budget of {MOST_MIB:,} MiB is {'kept' if most.memory_mib <= MOST_MIB else 'exceeded'}."
    )


def main():
    if sys.argv[1:2] in (["one_image"], ["stage"], ["read_photos"]):  # a process of ours
        return globals()[sys.argv[1]](*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["speeds", "scale", "photos"], default="speeds")
    parser.add_argument("--data", default="", help="faces to train on: a folder or an archive; left out: drawn ones")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 5000, 20_000, 100_000], help="of scale")
    parser.add_argument("--count", type=int, default=100, help="of photos, of which more than 100 repeat")
    given = parser.parse_args()
    try:
        if given.what == "photos":
            print_photos(given.data, given.count, asked)
        else:
            print_scale(given.sizes) if given.what == "scale" else print_speeds(given.data)
    except InputError as error:
        parser.error(error)


if __name__ == "__main__":
    main()
