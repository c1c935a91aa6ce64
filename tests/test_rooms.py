"""The rooms of the library: nothing imports what comes after it, and every test file says whose it is."""

import ast
from pathlib import Path

import pytest

LIBRARY, TESTS = Path("agegender_lib"), Path("tests")
#: From the lowest to the highest; those of one line stand side by side and do not import each other.
FLOORS = (
    ("errors", "folders"),
    ("cluster", "files", "lock", "quiet"),
    ("data",),
    ("runs",),
    ("models",),
    ("training", "inference", "evaluation"),
    ("photos",),
    ("plots",),
    ("reporting",),
    ("lab", "pipeline"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def imported(code):
    """The rooms that a module's code imports, wherever in it."""
    for node in ast.walk(ast.parse(code)):
        names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        yield from (name.split(".")[1] for name in names if name.startswith("agegender_lib."))


def too_high(room, code):
    """The rooms that code in ``room`` must not import, and does."""
    return [other for other in imported(code) if other != room and FLOOR[other] >= FLOOR[room]]


def room_of(path):
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def test_no_module_imports_a_later_room():
    modules = [path for path in LIBRARY.rglob("*.py") if not room_of(path).startswith("__")]
    found = {str(path): too_high(room_of(path), path.read_text(encoding="utf-8")) for path in modules}
    assert {path: rooms for path, rooms in found.items() if rooms} == {}
    assert {room_of(path) for path in modules} == set(FLOOR)


@pytest.mark.parametrize(
    ("room", "code"),
    [
        ("data", "from agegender_lib.runs import Run"),
        ("training", "def f():\n    from agegender_lib import evaluation"),
        ("inference", "import agegender_lib.training.train"),
        ("lab", "from agegender_lib.pipeline.cli import main"),
    ],
)
def test_a_wrong_import_would_be_found(room, code):
    assert too_high(room, code)


def test_a_test_file_is_named_for_its_module():
    rooms = {path.parent.name for path in TESTS.glob("*/test_*.py")} & set(FLOOR)
    for path in (path for room in rooms for path in (TESTS / room).glob("test_*.py")):
        modules = (LIBRARY / path.parent.name).rglob("*")  # a package, too: search
        # of the whole room: what holds for every figure
        names = {module.stem for module in modules if module.suffix == ".py" or module.is_dir()} | {"plots"}
        name = path.stem.removeprefix("test_")
        assert any(name == other or name.startswith(f"{other}_") for other in names), path
