"""Faces that several test files share, drawn once; and no test reaches another machine."""

import os
import runpy
import tempfile
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest

from agegender_lib import folders
from agegender_lib.cluster import THREADS
from agegender_lib.data import SYNTHETIC_FACES, load_faces, plan_faces, render_faces

#: Files of minutes: with several processes they come first, or all but one would wait for them at the end.
LONGEST = "report_run cluster train_quick_profile train train_resume ablations search killed_training flat".split()
OFFLINE = Path(__file__).parent / "offline"


# Bad input: a little each time, always the same; `HYPOTHESIS_PROFILE=long pytest tests/robustness` takes an hour, draws
# anew every time, and keeps what failed in .hypothesis. Health checks and deadlines time the machine, not the code.
hypothesis.settings.register_profile(
    "ci",
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.register_profile(
    "long",
    hypothesis.settings.get_profile("ci"),
    max_examples=2000,
    derandomize=False,
    database=hypothesis.database.DirectoryBasedExampleDatabase(".hypothesis"),
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config):
    """Nothing leaves this machine, from here or from any process that a test starts."""
    if not hasattr(config, "workerinput"):  # with -n: the workers inherit the environment
        # two workers, and each knows the other: see agegender_lib.pipeline.chapters
        for name in THREADS:
            os.environ.setdefault(name, "1")
        folder = tempfile.mkdtemp(prefix="agegender-network-")
        os.environ["AGEGENDER_NETWORK_NOTES"] = str(Path(folder) / "notes.txt")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(OFFLINE), *filter(None, [os.environ.get("PYTHONPATH")])])
        runpy.run_path(str(OFFLINE / "sitecustomize.py"))


def pytest_sessionfinish(session):
    notes = Path(os.environ["AGEGENDER_NETWORK_NOTES"])
    if not hasattr(session.config, "workerinput") and notes.exists():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    notes = Path(os.environ["AGEGENDER_NETWORK_NOTES"])
    if notes.exists():
        terminalreporter.section("these wanted to reach another machine", red=True)
        terminalreporter.write(notes.read_text(encoding="utf-8"))


def pytest_collection_modifyitems(items):
    place = {f"test_{name}.py": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))
    # bad input must not hang: a test of it ends after minutes, or, where it draws thousands of inputs, after hours
    seconds = 600 * max(1, hypothesis.settings.default.max_examples / 100)
    for item in items:
        if item.path.name.startswith("test_bad"):
            item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture(scope="session")
def drawn_source(tmp_path_factory):
    """A folder of 600 drawn faces and a cache folder, for tests that load them in another process."""
    folder = tmp_path_factory.mktemp("drawn")
    return render_faces(folder / "faces", 600), folder / "cache"


@pytest.fixture(scope="session")
def drawn(drawn_source):
    """The 600 drawn faces, loaded."""
    return load_faces(*drawn_source)


@pytest.fixture(scope="session")
def third(drawn):
    """The first 400 of them, a third of those that the quick profile draws."""
    rows = drawn.table["file"].isin(plan_faces(400)["file"])
    return replace(drawn, table=drawn.table[rows].reset_index(drop=True), images=drawn.images[rows.to_numpy()])


@pytest.fixture(scope="session")
def few(drawn):
    """Every tenth of them: 60 faces, 20 of which tiny trainings hold out."""
    return replace(drawn, table=drawn.table.iloc[::10].reset_index(drop=True), images=drawn.images[::10])


@pytest.fixture(scope="session")
def few_source(tmp_path_factory):
    """A folder of 60 drawn faces and a cache folder, for commands that train."""
    folder = tmp_path_factory.mktemp("few")
    return render_faces(folder / "faces", 60), folder / "cache"


@pytest.fixture
def tiny_b(monkeypatch, tmp_path):
    """Settings of a ModelB on a tiny backbone, and a file of weights for it."""
    # Keras is slow to import, and most tests do without it
    import numpy as np
    from tiny_backbone import tiny_backbone

    from agegender_lib.models import BACKBONES
    from agegender_lib.models.backbones import Backbone
    from agegender_lib.training import configure

    scale = BACKBONES["inception_v3"].preprocess
    monkeypatch.setitem(BACKBONES, "tiny", Backbone(tiny_backbone, scale, (("all", "relu2"),)))
    network = tiny_backbone(False, None, (128, 128, 3))
    for layer in network.layers:
        if layer.name.startswith("norm"):
            layer.set_weights([np.full(16, value, "float32") for value in (1.1, 0.1, 0.2, 0.5)])
    network.save_weights(tmp_path / "tiny.weights.h5")
    config = configure(
        "model_b",
        architecture=dict(backbone="tiny", dense=8),
        stages=[dict(epochs=1, learning_rate=0.01, trainable="heads"), dict(epochs=2, learning_rate=0.01)],
        validation_size=20,
        batch_size=8,
    )
    return config, tmp_path / "tiny.weights.h5"


@pytest.fixture
def agegender(tmp_path, monkeypatch, capsys):
    """Call the command line in process; returns exit code, what it printed and what it complained."""
    from agegender_lib.pipeline import cli

    monkeypatch.setattr("agegender_lib.data.load_sources.__defaults__", (tmp_path / "cache", False))
    monkeypatch.setattr("agegender_lib.data.load_faces.__defaults__", (tmp_path / "cache",))
    monkeypatch.setattr("agegender_lib.data.load_dataset.__defaults__", ("", SYNTHETIC_FACES, tmp_path / "cache"))
    monkeypatch.setattr(folders, "BUILD", tmp_path / "build")

    def call(*arguments):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as leaving:  # argparse's way out
            code = leaving.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, for one test file; its tests are skipped where there is none."""
    from browser import chromium

    with chromium() as browser:
        yield browser
