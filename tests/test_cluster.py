"""A cluster of real processes: the same results as alone, also when workers, schedulers and clients go away."""

import contextlib
import json
import os
import re
import shutil
import sys
import threading
import time

import dask_jobqueue
import distributed
import pandas as pd
import psutil
import pytest
import yaml
from dask_processes import DaskProcesses
from kill_checks import broken, differences
from kill_checks import finished as whole
from made_runs import TINY
from tiny_faces import jpeg, truncated, write_folder

from agegender_lib import cluster, folders
from agegender_lib.data import load_faces, shared
from agegender_lib.errors import InputError
from agegender_lib.evaluation import read_runs
from agegender_lib.pipeline import cli
from agegender_lib.runs import finished
from agegender_lib.training.ablations import read_study, run_study

BASE = {
    **TINY,
    "architecture": {**TINY["architecture"], "image_size": 48},
    "stages": [{"epochs": 2, "learning_rate": 0.01}],
    "validation_size": 20,
    "test_time_augmentation": False,
}
FACTORS = [
    {"name": "decay", "seeds": [1, 2], "variants": {"some": {}, "none": {"weight_decay": 0}}},
    {"name": "batch", "seeds": [1, 2], "variants": {"four": {"batch_size": 4}, "six": {"batch_size": 6}}},
]
# what tells workers that they see the folder
MARK = ".folder-mark"


@pytest.fixture(scope="module")
def few(few_source):
    return load_faces(*few_source)


@pytest.fixture(scope="module")
def study_of(tmp_path_factory):
    def made(*factors):
        path = tmp_path_factory.mktemp("study") / "s.yaml"
        path.write_text(yaml.safe_dump({"base": BASE, "factors": list(factors)}, sort_keys=False))
        return read_study(path)

    return made


@pytest.fixture(scope="module")
def alone(study_of, few, tmp_path_factory):
    """Four of the 8 trainings of the study as one process trains them: the folder of their runs."""
    runs = tmp_path_factory.mktemp("alone")
    run_study(study_of({**FACTORS[0], "variants": {"some": {}}}, {**FACTORS[1], "seeds": [1]}), few, runs)
    return runs


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    started = DaskProcesses(tmp_path_factory.mktemp("dask"))
    yield started
    started.close()


@pytest.fixture
def dask(processes):
    """A scheduler with two workers, of which earlier tests may have used up some."""
    processes.fill_up()
    return processes


def in_background(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def done_runs(runs):
    return [path.parent.name for path in runs.glob("*/metrics.json")]


def kill_a_training_worker(processes, runs, names):
    """Once a run is finished, kill the first worker that has come to the second epoch of another of these names."""
    workers = {worker.pid: worker for worker in processes.workers}
    while True:
        for lock in runs.glob(".*.lock") if done_runs(runs) else ():
            run = runs / lock.name[1:].removesuffix(".lock")
            try:
                holder = json.loads(lock.read_bytes()[1:])["pid"]
            except (OSError, ValueError):
                continue
            if run.name in names and (run / "checkpoint.npz").exists() and not finished(run):
                worker = workers[psutil.Process(holder).ppid()]
                worker.kill()
                worker.wait()
                return
        time.sleep(0.01)


def test_a_study_goes_on_when_a_worker_is_killed(study_of, few, alone, dask, tmp_path):
    study, known = study_of(*FACTORS), done_runs(alone)
    killer = in_background(kill_a_training_worker, dask, tmp_path, known)
    with cluster.connected(dask.address) as client:
        found = run_study(study, few, tmp_path, client=client)
        assert not client.list_datasets()  # nothing is left with the scheduler
    killer.join(10)
    assert sorted(worker.poll() is None for worker in dask.workers) == [False, True]
    planned = run_study(study, few, tmp_path / "nothing", train_missing=False)
    pd.testing.assert_frame_equal(found, planned.assign(folder=[tmp_path / run for run in planned["run"]]))
    assert found["folder"].map(finished).all() and found["run"].nunique() == 8 and len(known) == 4
    assert {path.relative_to(tmp_path).parts[0] for path in whole(tmp_path)} == {MARK, *found["run"]}
    assert broken(tmp_path) == []
    # the killed one among them
    for run in known:
        assert differences(tmp_path / run, alone / run) == []


def test_a_client_comes_back_to_workers_that_do_not_see_its_folders(study_of, few, alone, dask, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "marked", lambda folder: "another folder of that name")
    monkeypatch.setattr(shared, "open_entry", lambda folder: None)
    # the members of the second are the first, and its second seed
    study = study_of({"name": "members", "variants": {"one": {}, "two": {"ensemble_size": 2}}})
    trained = dask.log().count("epoch   1/2")
    with monkeypatch.context() as interrupted, pytest.raises(KeyboardInterrupt):
        interrupted.setattr("agegender_lib.training.remote._unpack", ctrl_c)
        with cluster.connected(dask.address) as client:
            run_study(study, few, tmp_path, client=client)
    with cluster.connected(dask.address) as client:
        found = run_study(study, few, tmp_path, client=client)
        assert not client.list_datasets()
    assert dask.log().count("epoch   1/2") - trained == 3  # what went on without the client was not done again
    assert found["folder"].map(finished).all()
    (one, two) = found["folder"]
    members = read_runs(found)[two.name].metrics["members"]
    assert one.name in members and {path.name for path in tmp_path.iterdir()} == {two.name, *members}
    for member in members:
        assert differences(tmp_path / member, alone / member) == []


def ctrl_c(*_):
    raise KeyboardInterrupt


def kill_scheduler(processes, runs):
    while not done_runs(runs):
        time.sleep(0.01)
    processes.scheduler.kill()


def test_a_study_goes_on_with_a_new_scheduler(study_of, few, alone, dask, tmp_path_factory, tmp_path, monkeypatch):
    monkeypatch.setattr("agegender_lib.cluster.connection.PATIENCE", 1)
    study = study_of({**FACTORS[1], "seeds": [1]})
    first = DaskProcesses(tmp_path_factory.mktemp("first"))
    first.fill_up(1)
    in_background(kill_scheduler, first, tmp_path)
    with pytest.raises(InputError, match="the scheduler does not answer any more: the same command"):
        with cluster.connected(first.address) as client:
            run_study(study, few, tmp_path, client=client)
    first.close()
    assert done_runs(tmp_path)
    with cluster.connected(dask.file) as client:
        found = run_study(study, few, tmp_path, client=client)
    for run in found["run"]:
        assert differences(tmp_path / run, alone / run) == []


def test_corrupted_faces_are_predicted_as_alone(alone, few, dask, tmp_path):
    from agegender_lib.inference import corrupted_predictions

    run = next(path.parent for path in alone.glob("*/metrics.json"))
    for name in ("here", "there"):
        shutil.copytree(run, tmp_path / name)
    corrupted_predictions(tmp_path / "here", few, count=6)
    with cluster.connected(dask.address) as client:
        corrupted_predictions(tmp_path / "there", few, count=6, client=client)
    (here,), (there,) = (list((tmp_path / name).glob("robustness*")) for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()


def test_every_worker_searches(few, dask, tmp_path):
    from agegender_lib.training.search import run_search, search_table
    from agegender_lib.training.search.space import Parameter, Space

    space = Space("model_a", BASE, (Parameter("mixup", low=0, high=1),))
    with cluster.connected(dask.address) as client:
        study = run_search(few, space, trials=2, runs=tmp_path, client=client)
    table = search_table(study)
    assert table["state"].tolist() == ["complete"] * 2 and set(table["run"]) == set(done_runs(tmp_path))
    workers = {trial.user_attrs["worker"] for trial in study.trials}
    assert not any(worker.endswith(f"-{os.getpid()}") for worker in workers)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """75 framed faces, one of which is damaged."""
    files = {f"{number:02}.jpg": jpeg(number) for number in range(75)}
    return write_folder(tmp_path_factory.mktemp("photos"), {**files, "30.jpg": truncated()})


def predicted(photos, model, *options):
    code = cli.main(["predict", str(photos), "--aligned", "--model", str(model), *map(str, options)])
    assert code == 0


def kill_a_predicting_worker(processes, ready):
    workers = {worker.pid: worker for worker in processes.workers}
    with distributed.Client(processes.address, set_as_default=False) as client:
        pids = client.run(os.getpid)
        ready.set()
        while True:
            for address, tasks in client.processing().items():
                if any(task.startswith("photos") for task in tasks):
                    workers[pids[address]].kill()
                    return


def test_photos_are_read_once_each_also_when_a_worker_is_killed(photos, alone, dask, tmp_path, capsys):
    model = next(alone.glob("*/model.keras"))
    predicted(photos, model, "--csv", tmp_path / "a.csv", "--json", tmp_path / "a.json")
    before = capsys.readouterr()
    killer = in_background(kill_a_predicting_worker, dask, ready := threading.Event())
    assert ready.wait(60)
    remote = ("--scheduler", dask.address)
    predicted(photos, model, "--csv", tmp_path / "b.csv", "--json", tmp_path / "b.json", *remote)
    killer.join(10)
    assert sum(worker.poll() is None for worker in dask.workers) == 1
    assert pd.read_csv(tmp_path / "b.csv")["file"].tolist() == sorted(
        map(str, set(photos.iterdir()) - {photos / "30.jpg"})
    )
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "a.json").read_bytes()
    after = capsys.readouterr()
    assert [line for line in after.err.splitlines() if line.startswith("not read: ")] == [
        line for line in before.err.splitlines() if line.startswith("not read: ")
    ]


def refused(*options):
    with pytest.raises(InputError) as told, cluster.connected(*options):
        pass
    return str(told.value)


def test_what_cannot_be_connected_to_is_said_in_one_sentence(dask, tmp_path, monkeypatch):
    assert "no Dask scheduler answers at tcp://127.0.0.1:1 (" in refused("tcp://127.0.0.1:1")
    assert "give the one or the other" in refused("tcp://127.0.0.1:1", 2)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "distributed", None)
        assert 'pip install "agegender[cluster]"' in refused("tcp://127.0.0.1:1")
    # a worker of another version of the library
    shutil.copytree(folders.ROOT / "agegender_lib", tmp_path / "agegender_lib")
    (tmp_path / "agegender_lib" / "new.py").write_text("# new\n")
    worker = dask.add_worker(tmp_path)
    with distributed.Client(dask.address, set_as_default=False) as client:
        client.wait_for_workers(3)
    assert "and you have" in (said := refused(dask.address)) and "agegender 0" in said
    worker.kill()


def test_a_worker_that_does_not_see_a_folder_is_said_in_one_sentence(
    photos, alone, dask, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(cluster, "marked", lambda folder: "another folder of that name")
    model = next(alone.glob("*/model.keras"))
    options = ["--aligned", "--model", str(model), "--annotate", str(tmp_path / "new"), "--scheduler", dask.address]
    assert cli.main(["predict", str(photos), *options]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("agegender: ")]
    assert f"does not see {tmp_path / 'new'}" in line and not (tmp_path / "new").exists()


def test_a_cluster_of_this_machine_has_workers_of_one_thread(monkeypatch):
    for name in cluster.THREADS:
        monkeypatch.delenv(name)
    wanted = {f"{name}-{number}": (name,) for name in cluster.THREADS for number in range(2)}
    with cluster.connected(workers=2) as client:
        assert dict(cluster.results(client, os.getenv, wanted, "names")) == dict.fromkeys(wanted, "1")
        pids = set(client.run(os.getpid).values())
    assert len(pids) == 2 and os.getpid() not in pids and not any(map(psutil.pid_exists, pids))


def test_the_documented_script_asks_slurm_for_workers_of_one_thread(monkeypatch):
    text = (folders.ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from dask_jobqueue .*?)```", text, re.DOTALL)
    asked = []
    # no other machine is asked which of its addresses this one has, and no SLURM
    monkeypatch.setattr("distributed.comm.utils.get_ip", lambda: "127.0.0.1")
    monkeypatch.setattr(dask_jobqueue.SLURMCluster, "scale", lambda self, jobs: asked.append(jobs))
    monkeypatch.setattr("builtins.input", lambda words: "")
    exec(code, names := {})
    slurm = names["slurm"]
    with contextlib.closing(slurm):
        *head, command = slurm.job_script().strip().splitlines()
    wanted = "-p main,-A project,--cpus-per-task=1,--mem=4G,-t 04:00:00".split(",")
    assert asked[0] == 16 and {f"#SBATCH {line}" for line in wanted} < set(head)
    assert head[-2] == "cd /shared/agegender" and "TF_NUM_INTRAOP_THREADS=1" in head[-1]
    assert command.startswith(
        f"/shared/agegender/.venv/bin/python -m distributed.cli.dask_worker {slurm.scheduler_address} "
    )
    assert " --nthreads 1 " in command and " --lifetime 230m " in command
