"""A cluster of real processes: the same results as alone, also when workers and schedulers die."""

import json
import threading
import time

import psutil
import pytest
import yaml
from dask_processes import DaskProcesses
from kill_checks import differences
from made_runs import TINY

from agegender_lib import cluster
from agegender_lib.data import load_faces
from agegender_lib.evaluation import compare_variants, read_runs
from agegender_lib.training.ablations import read_study, run_study

BASE = {
    **TINY,
    "architecture": {**TINY["architecture"], "image_size": 48},
    "stages": [{"epochs": 3, "learning_rate": 0.01}],
    "validation_size": 20,
}
FACTORS = [
    {"name": "decay", "seeds": [1, 2], "variants": {"some": {}, "none": {"weight_decay": 0}}},
    {"name": "batch", "seeds": [1, 2], "variants": {"four": {"batch_size": 4}, "six": {"batch_size": 6}}},
]


@pytest.fixture(scope="module")
def few(few_source):
    return load_faces(*few_source)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "s.yaml"
    path.write_text(yaml.safe_dump({"base": BASE, "factors": FACTORS}, sort_keys=False))
    return read_study(path)


@pytest.fixture(scope="module")
def alone(study, few, tmp_path_factory):
    """The study as one process trains it: its tables, and the folder of its runs."""
    runs = tmp_path_factory.mktemp("alone")
    return tables(run_study(study, few, runs)), runs


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    processes = DaskProcesses(tmp_path_factory.mktemp("dask"))
    yield processes
    processes.close()


def tables(found):
    return {
        factor: compare_variants(own, read_runs(own)).to_csv(index=False) for factor, own in found.groupby("factor")
    }


def kill_one_at_work(processes, runs, done=2):
    """Once so many runs are finished, kill the first worker that has finished an epoch of another."""
    workers = {worker.pid: worker for worker in processes.workers}
    while True:
        if len(list(runs.glob("*/metrics.json"))) >= done:
            for lock in runs.glob(".*.lock"):
                run = runs / lock.name[1:].removesuffix(".lock")
                try:
                    pid = json.loads(lock.read_bytes()[1:])["pid"]
                except (OSError, ValueError):
                    continue
                if (run / "checkpoint.npz").exists() and not (run / "metrics.json").exists():
                    worker = workers[psutil.Process(pid).ppid()]
                    worker.kill()
                    worker.wait()
                    return
        time.sleep(0.01)


def test_a_study_goes_on_when_a_worker_is_killed(study, few, alone, dask, tmp_path):
    dask.add_worker(), dask.add_worker()
    killer = threading.Thread(target=kill_one_at_work, args=(dask, tmp_path), daemon=True)
    killer.start()
    with cluster.connected(dask.address) as client:
        found = run_study(study, few, tmp_path, client=client)
        assert not client.list_datasets()
    killer.join(10)
    assert sorted(worker.poll() is None for worker in dask.workers) == [False, True]
    assert tables(found) == alone[0]
    # what tells workers that they see the folder
    assert differences(tmp_path, alone[1]) == ["only in one of both: .folder-mark"]
