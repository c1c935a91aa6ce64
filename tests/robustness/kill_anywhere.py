"""Kill commands at random moments, run them again, and compare with an undisturbed run.

    python tests/robustness/kill_anywhere.py --stage import train --kills 50 --seed 1

A stage's command runs once to its end. Then, as often as asked, it starts anew, is killed with its processes at a
random moment of the time that it needs, all files are read, it runs again, and what it came to is compared: all but
times, to the last bit. Time is counted from the first file that the command writes, so that the moments do not lie in
the imports. Processes are killed by their group, which Windows does not know.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from kill_checks import broken, differences, left_over  # noqa: E402

PROFILE = """
validation_size: 60
weights: none
weights_f: none
model_a:
  {stages: [{epochs: 4, learning_rate: 0.002}], batch_size: 20, ema_momentum: 0.8, ensemble_size: 1,
   architecture: {widths: [8, 8], stem: 8, image_size: 48}}
model_b: &tuned
  stages: [{epochs: 3, learning_rate: 0.003, trainable: heads, cached_features: true},
           {epochs: 2, learning_rate: 0.0003}]
  batch_size: 20
  ema_momentum: 0.5
  significand_bits: null
  architecture: {backbone: mobilenet_vggface2, image_size: 32}
model_f: *tuned
"""
CHAPTER = """
import sys, yaml
from agegender_lib import folders
from agegender_lib.pipeline.execute import execute
profile, data, output, *names = sys.argv[1:]
values = yaml.safe_load(open(profile)) | {"data": data, "output": output}
for name in names:
    execute(folders.NOTEBOOKS / f"{name}.ipynb", values)
"""


SHARED = ["--data", "{base}/faces", "--profile", "{base}/kill.yaml", "--runs", "{work}/runs"]
COMMAND, CELLS = ["-m", "agegender_lib"], ["-c", CHAPTER, "{base}/kill.yaml", "{base}/faces", "{work}/out"]
DRAW = [*COMMAND, "data", "render", "{base}/faces", "--count", "120"]  # half are held out, for a running median
#: Each stage's command, and the one whose results it finds.
STAGES = {
    "import": ([*COMMAND, "data", "check", "{base}/faces"], None),
    "train": ([*COMMAND, "train", "model_a", *SHARED], "import"),
    "finetune": ([*COMMAND, "train", "model_b", *SHARED], "import"),
    "papermill": ([*CELLS, "02_model_a"], "import"),
    "evaluate": ([*CELLS, "04_comparison"], "trained"),
    "export": ([*COMMAND, "report", "--pdf-only", "--output", "{work}/report"], "report"),
    "trained": ([*CELLS, "02_model_a", "03_pretrained"], "import"),
}


def start(command, base, work) -> subprocess.Popen:
    """Run a command in a process group of its own."""
    arguments = [part.format(base=base, work=work) if "{" in part[:1] else part for part in command]
    environment = os.environ | {"AGEGENDER_WORK": str(work), "SOURCE_DATE_EPOCH": "1700000000"}
    options = {"cwd": ROOT, "env": environment, "start_new_session": True}
    with open(f"{work}.log", "a") as said:
        return subprocess.Popen([sys.executable, *arguments], stdout=said, stderr=said, **options)


def begun(process, work) -> float:
    """The moment when it first makes a file or a folder."""
    before = set(work.rglob("*"))
    while process.poll() is None and set(work.rglob("*")) == before:
        time.sleep(0.01)
    return time.monotonic()


def to_its_end(command, base, work) -> float:
    """The seconds that it takes from its first file on."""
    process = start(command, base, work)
    beginning = begun(process, work)
    if process.wait():
        raise RuntimeError(Path(f"{work}.log").read_text()[-3000:])
    return time.monotonic() - beginning


def prepared(needs, base, work) -> Path:
    """A working folder with what a stage needs in it."""
    work.mkdir()
    if needs == "report":
        for name in ("results", "figures"):
            shutil.copytree(ROOT / "report" / name, work / "report" / name)
    elif needs:
        if not (base / needs).exists():
            to_its_end(STAGES[needs][0], base, prepared(STAGES[needs][1], base, base / needs))
        shutil.copytree(base / needs, work, dirs_exist_ok=True)
    return work


def kill(command, base, work, moment, whole) -> list[str] | None:
    """What is wrong after a kill and another run; None where the command had come to its end."""
    process = start(command, base, work)
    begun(process, work)
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGKILL)
    if process.wait() == 0:
        return None
    faults = broken(work)
    try:
        to_its_end(command, base, work)
    except RuntimeError as error:
        return [*faults, f"does not go on: {error}"]
    return faults + differences(whole, work) + [f"left over: {name}" for name in left_over(work)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill commands at random moments and run them again.")
    parser.add_argument("--stage", nargs="+", default=list(STAGES)[:-1], choices=STAGES)
    parser.add_argument("--kills", type=int, default=50, help="of each stage (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: %(default)s)")
    options, base, total = parser.parse_args(), Path(tempfile.mkdtemp(prefix="kill-")), 0
    (base / "kill.yaml").write_text(PROFILE)
    to_its_end(DRAW, base, prepared(None, base, base / "drawn"))
    for name in options.stage:
        command, needs = STAGES[name]
        whole, work = prepared(needs, base, base / f"{name}-whole"), base / f"{name}-killed"
        seconds, moments = to_its_end(command, base, whole), random.Random(f"{options.seed} {name}")
        kills, faults = 0, []
        while kills < options.kills:
            moment = moments.uniform(0, seconds)
            found = kill(command, base, prepared(needs, base, work), moment, whole)
            kills += found is not None
            faults += [f"  killed after {moment:.2f} s: {fault}" for fault in found or ()]
            shutil.rmtree(work)
        print(f"{name}: {kills} kills within {seconds:.1f} s, {len(faults)} faults", *faults[:20], sep="\n")
        total += len(faults)
    shutil.rmtree(base)
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
