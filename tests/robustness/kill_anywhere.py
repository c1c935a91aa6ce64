"""Kill the commands at random moments, run them again, and compare with an undisturbed run.

    python tests/robustness/kill_anywhere.py --stage import train --kills 50 --seed 1

For each stage the command runs once to its end. Then, as often as asked, it starts in a fresh working folder and in a
process group of its own, is killed with SIGKILL at a seeded random moment of the time it needs, what is on disk is
read to the last file, the same command runs to its end, and what it came to is compared with the undisturbed run:
arrays, weights and predictions to the last bit, and everything else but times. The table says how often all of that
held. A kill that comes after the end of a command that was quicker this time is no kill: another moment is drawn.

Stages: import (`data check`), train (ModelA), finetune (a small ModelB: heads on kept
features, then all of it), evaluate (chapter 4, in one process), papermill (chapter 2 with a kernel of its own), export
(`report --pdf-only`).

Importing TensorFlow takes ten times as long as what is to be killed here: so the process imports it once, before it
has computed anything, and every command runs in a fork of it (which needs Linux or macOS). The random moments so lie
all in the command's own work. Only papermill's kernel starts from nothing.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("SOURCE_DATE_EPOCH", "1700000000")

from kill_checks import broken, differences, left_over  # noqa: E402

# Networks so small that compiling them does not take all of the time there is to kill.
PROFILE = """
rendered_faces: 120
validation: 60
model_a:
  stages: [{epochs: 4, learning_rate: 0.002, warmup_epochs: 1}]
  batch_size: 8
  ema_momentum: 0.8
  members: 1
  builder: {variant: original, filters: [4, 4], split_after: 2, features: global, dense: 8}
model_b: &tuned
  stages:
    - {epochs: 3, learning_rate: 0.003, trainable: heads, on_features: true}
    - {epochs: 2, learning_rate: 0.0003, warmup_epochs: 0}
  batch_size: 8
  ema_momentum: 0.5
  weight_bits: null
  builder: {backbone: tiny, dense: 8}
model_f: *tuned
weights: none
weights_f: none
"""
FACES = 120  # half of them held out: chapter 4 draws a running median


@dataclass
class Stage:
    """A command to kill.

    Attributes
    ----------
    name : str
    command : callable
        Runs it in the working folder it is given; returns the exit code.
    needs : tuple of str
        Stages whose undisturbed results lie in the working folder when it starts.
    keras : bool
        Whether it computes with Keras.
    """

    name: str
    command: object
    needs: tuple[str, ...] = ()
    keras: bool = True


@dataclass
class Tally:
    """What the kills of one stage came to."""

    seconds: float
    epochs: int = 0
    moments: list[float] = field(default_factory=list)
    too_late: int = 0
    unwhole: int = 0
    broken: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)


def _cli(*arguments):
    from agegender_lib.pipeline import cli

    return cli.main([str(argument) for argument in arguments])


def _shared(work):
    return work.parent / "shared"


def _training(model):
    def command(work):
        profile, source = _shared(work) / "kill.yaml", _shared(work) / "faces"
        return _cli(
            "train", model, "--data", source, "--profile", profile, "--name", model, "--runs", work / "runs"
        )

    return command


def _values(work):
    import yaml

    return {
        **yaml.safe_load(PROFILE),
        "data": str(_shared(work) / "faces"),
        "output": str(work / "build" / "report"),
    }


def _chapter_2(work):
    from agegender_lib import folders
    from agegender_lib.pipeline import cli
    from agegender_lib.pipeline.execute import execute
    from agegender_lib.pipeline.verbs import report

    # the command line around it, so that a failure is told as users see it
    values = _values(work)
    values["model_a"]["builder"] = {
        "widths": [8, 8],
        "stem": 8,
        "side": 48,
    }  # the chapter shows the stem's filters
    report.run = lambda options: execute(folders.NOTEBOOKS / "02_model_a.ipynb", values)
    return cli.main(["report"])


def _chapter_4(work):
    """The code of chapter 4, cell after cell, in this process."""
    import nbformat

    from agegender_lib import folders

    cells = nbformat.read(folders.NOTEBOOKS / "04_comparison.ipynb", as_version=4).cells
    names = {}
    for cell in cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
            if "parameters" in cell.metadata.get("tags", ()):
                names |= {key: value for key, value in _values(work).items() if key in names}
    return 0


def _export(work):
    return _cli("report", "--pdf-only", "--output", work / "report")


STAGES = {
    stage.name: stage
    for stage in (
        Stage("import", lambda work: _cli("data", "check", _shared(work) / "faces"), keras=False),
        Stage("train", _training("model_a"), ("import",)),
        Stage("finetune", _training("model_b"), ("import",)),
        Stage("evaluate", _chapter_4, ("import", "chapter_4")),
        Stage("papermill", _chapter_2, ("import",), keras=False),
        Stage("export", _export, keras=False),
    )
}
# what the evaluation reads is trained by running it once
_HIDDEN = {"chapter_4": Stage("chapter_4", _chapter_4, ("import",))}


def warm(keras: bool) -> None:
    """Import what the commands need, but nothing of this library, which looks for its folder when it is imported."""
    import matplotlib.pyplot  # noqa: F401
    import nbconvert  # noqa: F401
    import pandas  # noqa: F401
    import papermill  # noqa: F401
    import pypandoc  # noqa: F401
    import scipy.stats  # noqa: F401
    import seaborn  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import typst  # noqa: F401

    if keras:
        import keras
        import optuna  # noqa: F401


def start(stage: Stage, work: Path) -> int:
    """Run a stage's command in a fork, in a process group of its own; returns its process number."""
    number = os.fork()
    if number:
        return number
    os.setsid()
    os.environ["AGEGENDER_WORK"] = str(work)
    said = os.open(work.parent / f"{work.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    code = 1
    try:
        if stage.keras:
            _count_epochs(work)
            _small_backbone()
        code = stage.command(work)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _count_epochs(work):
    """A line per epoch that is begun."""
    from agegender_lib.training.checkpoint import KeepState

    real = KeepState.on_epoch_begin

    def counting(self, epoch, logs=None):
        with open(work.parent / f"{work.name}.epochs", "a") as file:
            file.write(f"{epoch}\n")
        real(self, epoch, logs)

    KeepState.on_epoch_begin = counting


def _small_backbone():
    from tiny_backbone import tiny_backbone

    from agegender_lib.models import BACKBONES
    from agegender_lib.models.backbones import Backbone

    scale = BACKBONES["inception_v3"].preprocess
    BACKBONES["tiny"] = Backbone(tiny_backbone, scale, (("all", "relu2"),))


def epochs_begun(work: Path) -> int:
    path = work.parent / f"{work.name}.epochs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def to_its_end(stage: Stage, work: Path) -> tuple[int, float]:
    """Exit code and seconds."""
    begun = time.perf_counter()
    _, status = os.waitpid(start(stage, work), 0)
    return os.waitstatus_to_exitcode(status), time.perf_counter() - begun


def prepare(stage: Stage, work: Path, whole: dict[str, Path]) -> None:
    work.mkdir()
    for name in stage.needs:
        shutil.copytree(whole[name], work, dirs_exist_ok=True)
    if stage.name == "evaluate":  # what it is to write again
        shutil.rmtree(work / "build")
    if stage.name == "export":
        (work / "report").mkdir()
        for name in ("results", "figures"):  # which it only reads
            (work / "report" / name).symlink_to(ROOT / "report" / name)


def undisturbed(stage: Stage, base: Path, whole: dict[str, Path]) -> Tally:
    """Run what the stage needs, and then the stage, twice where it is deterministic or not is to be known."""
    for name in stage.needs:
        if name not in whole:
            undisturbed({**STAGES, **_HIDDEN}[name], base, whole)
    work = base / f"whole-{stage.name}"
    prepare(stage, work, whole)
    code, seconds = to_its_end(stage, work)
    if code:
        sys.exit(
            f"{stage.name} does not even run undisturbed:\n{work.with_suffix('.log').read_text()[-3000:]}"
        )
    whole[stage.name] = work
    return Tally(seconds, epochs_begun(work))


def kill_once(stage: Stage, work: Path, moment: float, whole: Path, tally: Tally) -> None:
    """Kill at a moment, look, run again, compare; adds what was found to the tally."""
    number = start(stage, work)
    time.sleep(moment)
    os.killpg(number, signal.SIGKILL)
    _, status = os.waitpid(number, 0)
    if os.waitstatus_to_exitcode(status) == 0:
        tally.too_late += 1
        return
    tally.moments.append(moment)
    found = broken(work)
    tally.unwhole += bool(found)
    tally.broken += [f"after {moment:.2f} s: {what}" for what in found]
    code, _ = to_its_end(stage, work)
    if code:
        tail = (work.parent / f"{work.name}.log").read_text()[-1500:]
        tally.failed.append(f"after {moment:.2f} s: exit code {code}: {tail}")
        return
    found = differences(whole, work)
    tally.differing += [f"after {moment:.2f} s: {'; '.join(found[:4])}"] if found else []
    tally.left += [f"after {moment:.2f} s: {what}" for what in left_over(work)]
    tally.repeated.append(epochs_begun(work) - tally.epochs)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=f"stages: {', '.join(STAGES)}"
    )
    parser.add_argument("--stage", nargs="+", default=list(STAGES), choices=STAGES, metavar="STAGE")
    parser.add_argument("--kills", type=int, default=50, help="per stage (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="per stage at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: %(default)s)")
    parser.add_argument(
        "--keep", action="store_true", help="keep the folders of kills that were not repaired"
    )
    options = parser.parse_args()
    wanted = [STAGES[name] for name in options.stage]
    warm(any(stage.keras for stage in wanted) or "evaluate" in options.stage)

    base = Path(tempfile.mkdtemp(prefix="kill-"))
    shared = base / "shared"
    shared.mkdir()
    (shared / "kill.yaml").write_text(PROFILE)
    draw = Stage("faces", lambda work: _cli("data", "render", shared / "faces", "--count", FACES))
    code, _ = to_its_end(draw, shared)
    if code:
        sys.exit((base / "shared.log").read_text())

    print(f"{'stage':<10} {'seconds':>7} {'kills':>6} {'mean moment':>12} {'whole':>6} {'repaired':>9} {'different':>9}"
          f" {'left over':>10} {'epochs repeated':>16}", flush=True)  # fmt: skip
    faults = 0
    whole: dict[str, Path] = {}
    for stage in wanted:
        tally = undisturbed(stage, base, whole)
        moments = random.Random(f"{options.seed} {stage.name}")
        end = time.monotonic() + 60 * options.minutes
        while len(tally.moments) < options.kills and time.monotonic() <= end:
            kill = len(tally.moments) + tally.too_late
            work = base / f"{stage.name}-{kill}"
            prepare(stage, work, whole)
            before = len(tally.broken) + len(tally.failed) + len(tally.differing)
            kill_once(stage, work, moments.uniform(0, tally.seconds), whole[stage.name], tally)
            if not options.keep or before == len(tally.broken) + len(tally.failed) + len(tally.differing):
                shutil.rmtree(work)
        faults += report(stage, tally)
    if options.keep and faults:
        print(f"kept in {base}")
    else:
        shutil.rmtree(base)
    return 1 if faults else 0


def report(stage: Stage, tally: Tally) -> int:
    """A line of the table, and what went wrong below it; the number of faults."""
    kills = len(tally.moments)
    mean = sum(tally.moments) / max(1, kills)
    repaired = kills - len(tally.failed) - len(tally.differing)
    most = f"{sum(tally.repeated)} (most {max(tally.repeated, default=0)})" if stage.keras else "-"
    print(f"{stage.name:<10} {tally.seconds:>7.2f} {kills:>6} {mean:>10.2f} s {kills - tally.unwhole:>6}"
          f" {repaired:>9} {len(tally.differing):>10} {len(tally.left):>10} {most:>16}", flush=True)  # fmt: skip
    if tally.too_late:
        print(f"  {tally.too_late} more came after its end")
    for word, found in (("broken", tally.broken), ("failed", tally.failed), ("differs", tally.differing)):
        for line in found[:10]:
            print(f"  {word} {line}")
    for line in tally.left[:5]:
        print(f"  left over {line}")
    twice = [number for number in tally.repeated if number > 1]
    if twice:
        print(f"  {len(twice)} kills cost more than one epoch: {twice}")
    return len(tally.broken) + len(tally.failed) + len(tally.differing) + len(twice)


if __name__ == "__main__":
    sys.exit(main())
