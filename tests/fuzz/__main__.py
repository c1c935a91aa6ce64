"""``python -m tests.fuzz``: thousands of cases, a table of what became of them, and the first fault kept."""

import argparse
import json
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "helpers")]  # as pytest does

STALLED = 300  # seconds without a word from a worker, after which it hangs where no alarm is heard
COLUMNS = ("target", "cases", "accepted", "refused", "seconds", "worst s", "peak MB")


def main() -> int:
    """Run the command; 1 when a case was at fault."""
    options = _parser().parse_args()
    if options.worker:
        return _work(options.worker, options.cases, options.seed, options.first, Path(options.save))
    from fuzz.targets import TARGETS

    wanted = options.target or list(TARGETS)
    shares = sum(TARGETS[name].share for name in wanted) or 1
    print(("{:<12}" + "{:>10}" * 6).format(*COLUMNS))
    for name in wanted:
        if TARGETS[name].share == 0:
            count = options.cases if len(wanted) == 1 else 36
        else:
            count = round(options.cases * TARGETS[name].share / shares)
        count = options.first + 1 if options.first is not None else count
        with tempfile.TemporaryDirectory(prefix="fuzz-") as root:
            fault = _supervise(name, count, options, root)
            if fault:
                kept = Path(options.save) / f"{name}-seed{options.seed}-case{fault['case']}".replace(" ", "_")
                shutil.rmtree(kept, ignore_errors=True)
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copytree(Path(root) / "case", kept, symlinks=True, ignore=_no_pipes)
                print(f"\nFAULT in {name}, case {fault['case']} of seed {options.seed}\n{fault['fault']}")
                print(
                    f"its files: {kept}\nagain: python -m tests.fuzz --target {name!r} --seed {options.seed} "
                    f"--cases {count} --first {fault['case']}"
                )
                return 1
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--cases", type=int, default=20_000, help="of all targets together (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="another seed, other cases (default: %(default)s)"
    )
    parser.add_argument("--target", action="append", help="only this one; can be given again")
    parser.add_argument("--first", type=int, help="begin at this case and do only it")
    parser.add_argument(
        "--save", default="fuzz-faults", metavar="FOLDER", help="where a fault's files are kept"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


def _no_pipes(folder, names):
    return [
        name for name in names if not (Path(folder) / name).is_file() and not (Path(folder) / name).is_dir()
    ]


def _supervise(name, count, options, root) -> dict | None:
    """Let a worker do a target's cases; its fault, or that it crashed or hangs."""
    command = [sys.executable, __file__, "--worker", name, "--cases", str(count), "--seed", str(options.seed)]
    command += ["--save", root] + (["--first", str(options.first)] if options.first is not None else [])
    with open(Path(root) / "said", "w+") as said:
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, bufsize=1)
        waiting = selectors.DefaultSelector()
        waiting.register(worker.stdout, selectors.EVENT_READ)
        case = -1
        while True:
            if not waiting.select(STALLED):
                worker.kill()
                return {"case": case, "fault": f"hangs for {STALLED} seconds"}
            line = worker.stdout.readline()
            if not line:
                break
            news = json.loads(line)
            if "case" in news:
                case = news["case"]
            if "fault" in news:
                worker.wait()
                return news
            if "row" in news:
                print(
                    ("{:<12}" + "{:>10,}" * 3 + "{:>10.1f}{:>10.2f}{:>10.0f}").format(*news["row"]),
                    flush=True,
                )
        if worker.wait():
            said.seek(0)
            return {"case": case, "fault": f"the process died ({worker.returncode})\n{said.read()[-3000:]}"}
    return None


def _work(name, count, seed, first, root) -> int:
    from fuzz.cases import drawn
    from fuzz.guard import Sandbox
    from fuzz.targets import TARGETS, run_case

    say, sys.stdout = sys.stdout, sys.stderr
    target = TARGETS[name]
    sandbox = Sandbox(root)
    cases = drawn(target.cases, count, seed)
    target.warm()
    start = time.process_time()
    accepted, worst, peak = 0, 0.0, 0.0
    for number, case in enumerate(cases):
        if first is not None and number != first:
            continue
        print(json.dumps({"case": number}), file=say, flush=True)
        outcome = run_case(target, case, sandbox)
        accepted += not outcome.refusal
        worst = max(worst, outcome.watch.seconds)
        peak = max(peak, outcome.watch.megabytes)
        if outcome.fault:
            print(
                json.dumps({"case": number, "fault": f"{case!r:.300}\n{outcome.fault}"}), file=say, flush=True
            )
            return 0
        if first is not None:
            print(repr(outcome), file=sys.stderr)
    done = len(cases) if first is None else 1
    row = (name, done, accepted, done - accepted, time.process_time() - start, worst, peak)
    print(json.dumps({"row": row}), file=say, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
