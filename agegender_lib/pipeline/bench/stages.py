"""One stage of the way from an archive of faces to errors per group, in a process of its own.

Run as ``python -m agegender_lib.pipeline.bench.stages STAGE FOLDER``, it prints JSON: the seconds that the stage took
on the clock and of processor time, without the start of Python and without what earlier stages had to do.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

#: In the folder of a measurement, beside what the stages make of it.
ARCHIVE = "faces.tar"
RUN = "run"
#: ModelA as narrow as it can be: an epoch is measured for the faces it passes on, not for its arithmetic.
TRAINING = {
    "builder": {"widths": [8, 8], "stem": 8, "side": 32},
    "stages": [{"epochs": 1, "learning_rate": 0.002}],
    "members": 1,
    "batch_size": 50,
    "validation": 0.2,
}

Work = Callable[[], object]


def _faces(folder: Path):
    from agegender_lib.data import load_faces

    return load_faces(folder / ARCHIVE, folder / "cache")


def import_faces(folder: Path) -> Work:
    """Decode the archive into the cache and find its near-duplicates."""
    return lambda: _faces(folder)


def open_again(folder: Path) -> Work:
    """Open what is in the cache already."""
    return lambda: _faces(folder)


def list_duplicates(folder: Path) -> Work:
    """List the pairs of near-duplicates, as chapter 1 does."""
    from agegender_lib.data import duplicate_pairs

    faces = _faces(folder)
    return lambda: duplicate_pairs(faces.table, faces.images)


def split(folder: Path) -> Work:
    """Hold a fifth out."""
    from agegender_lib.data import split_faces

    table = _faces(folder).table
    return lambda: split_faces(table, validation=TRAINING["validation"])


def train_epoch(folder: Path) -> Work:
    """Train one epoch, with augmentation, and write the run folder, with an answer to every face."""
    import agegender_lib.quiet  # noqa: F401  before Keras

    # isort: split
    from agegender_lib.training import configure, train

    faces, config = _faces(folder), configure("model_a", **TRAINING)
    return lambda: train(config, faces, "none", folder, RUN)


def predict_all(folder: Path) -> Work:
    """Ask the trained model about every face."""
    import agegender_lib.quiet  # noqa: F401  before Keras

    # isort: split
    from agegender_lib.models import load_model, predict

    faces, model = _faces(folder), load_model(folder / RUN / "model.keras")
    return lambda: predict(model, faces.images)


def evaluate(folder: Path) -> Work:
    """Metrics, errors by group and gaps between groups, of every face as if it had been held out."""
    from agegender_lib import evaluation
    from agegender_lib.evaluation.groups import GROUPINGS

    answers = evaluation.read_run(folder / RUN).predictions.assign(split="validation")

    def work():
        tables = [evaluation.summarise(answers), evaluation.gaps(answers)]
        return tables + [evaluation.errors_by(answers, grouping) for grouping in GROUPINGS]

    return work


#: In the order in which they need each other.
STAGES: dict[str, Callable[[Path], Work]] = {
    "import": import_faces,
    "open again": open_again,
    "list duplicates": list_duplicates,
    "split": split,
    "train one epoch": train_epoch,
    "predict": predict_all,
    "evaluate": evaluate,
}


def main(stage: str, folder: str) -> None:
    """Do one stage and print how long it took."""
    from .timing import now

    work = STAGES[stage](Path(folder))
    start = now()
    work()
    clock, processor = (now() - start).tolist()
    print(json.dumps({"seconds": clock, "processor_seconds": processor}))


if __name__ == "__main__":
    main(*sys.argv[1:])
