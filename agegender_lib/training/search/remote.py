"""A search by all workers of a Dask cluster: each works on the study as the same call in another process would."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from tqdm import tqdm

from agegender_lib import cluster
from agegender_lib.data import FaceSet
from agegender_lib.data.shared import open_shared, shared_faces
from agegender_lib.errors import InputError
from agegender_lib.models.weights import located
from agegender_lib.training.search.tables import FINISHED

_LOOK = 2.0  # seconds between two looks at how far the workers are


def search_remotely(client: cluster.Client, study: optuna.Study, faces: FaceSet, options: dict[str, Any]) -> None:
    """Let every worker that there is now do ``run_search`` with these ``options``, which are that function's."""
    runs, trials, seed = options["runs"].resolve(), options["trials"], options["seed"]
    options = {**options, "runs": runs, "weights": located(options["weights"])}
    mark = cluster.marked(runs)
    entry, shared = shared_faces(client, faces)
    count = min(trials, len(client.scheduler_info(n_workers=-1)["workers"]))
    given = options, mark, socket.gethostname(), entry
    tasks = {f"search-{study.study_name}-{trials}-{number}": given for number in range(count)}
    with _told(study):
        list(cluster.results(client, _searched, tasks, "searching workers", shared, f"{mark} {seed}", keep=True))


def _searched(options, mark, host, entry, faces=None):
    from agegender_lib.training.search.study import run_search

    here, runs = socket.gethostname(), options["runs"]
    if not cluster.is_marked(runs, mark):
        raise InputError(f"a worker on {here} does not see {runs}: give --runs a folder that all workers see")
    if options["storage"] is None and here != host:
        raise InputError(
            f"a worker runs on {here}, and SQLite's locks do not hold between machines: give --storage the URL of a "
            "database server"
        )
    run_search(faces or open_shared(entry), **options)


@contextmanager
def _told(study: optuna.Study) -> Iterator[None]:
    """Show the finished trials of all workers while the block runs."""
    ended = threading.Event()
    told = {trial.number for trial in study.get_trials(deepcopy=False, states=FINISHED)}

    def look():
        while True:
            last = ended.wait(_LOOK)
            for trial in study.get_trials(deepcopy=False, states=FINISHED):
                if trial.number not in told:
                    told.add(trial.number)
                    value = "" if trial.value is None else f": {trial.value:.3f} years, gender error included"
                    tqdm.write(f"trial {trial.number} {trial.state.name.lower()}{value}")
            if last:
                return

    teller = threading.Thread(target=look, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
