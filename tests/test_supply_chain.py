"""What is installed: pinned with hashes, installed as pinned, and under licences that are known and listed."""

import ast
import importlib.metadata
import json
import re
import sys

import pytest
from packaging.requirements import Requirement

from tests import licences

#: They ask nothing of who uses this project but to keep a notice; MPL-2.0 asks it of changed files only.
FREE = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU",
    "MPL-2.0", "PSF", "PSF-2.0", "Zlib",
}  # fmt: skip


def free(licence: str) -> bool:
    return set(re.split(r" (?:AND|OR) ", licence)) <= FREE


@pytest.mark.parametrize("file", [licences.RUN, licences.ALL])
def test_every_package_is_pinned_with_a_hash(file):
    assert len(licences.lines(file)) > 100
    for line in licences.lines(file):
        wanted, *hashes = line.split(" --hash=")
        assert re.fullmatch(r"[\w.-]+==[\w.+!-]+( ; .+)?", wanted.strip()), wanted
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", part.strip()) for part in hashes), wanted


def test_pins_hold_what_the_project_asks_for():
    for text in importlib.metadata.requires("agegender"):
        wanted = Requirement(text)
        if any(f'"{extra}"' in str(wanted.marker) for extra in ("export", "cluster", "torch")):
            continue  # pinned in pyproject.toml only: neither running nor testing needs them
        pins = licences.pinned(licences.ALL if "extra" in str(wanted.marker) else licences.RUN)
        name = licences._name(wanted.name)
        assert name in pins and wanted.specifier.contains(pins[name]), text


@pytest.mark.parametrize(
    ("places", "extras"),
    [
        (["agegender_lib", "notebooks"], {"", "export", "parquet", "cluster", "jax", "torch"}),
        (["tests"], {"", "test", "export"}),
    ],
)
def test_every_imported_package_is_asked_for(places, extras):
    declared = {
        licences._name(wanted.name)
        for wanted in map(Requirement, importlib.metadata.requires("agegender"))
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras)
    }
    providers = importlib.metadata.packages_distributions()
    ours = {"agegender_lib", "tests", *(path.stem for path in licences.ROOT.glob("tests/**/*"))}
    ours.add("set_up")  # lies beside the notebooks
    ours.add("google")  # google.colab is there where it is asked for, and nowhere else
    for package in imported_packages(places) - set(sys.stdlib_module_names) - ours:
        names = {licences._name(name) for name in providers.get(package, [package])}
        assert names & declared, f"{package} is imported in {places}, but pyproject.toml does not ask for it"


def imported_packages(places: list[str]) -> set[str]:
    """Top-level names that are imported in the modules and notebooks of some folders, wherever they stand in them."""
    found = set()
    for file in (file for place in places for file in sorted((licences.ROOT / place).rglob("*"))):
        if file.suffix == ".py":
            code = file.read_text(encoding="utf-8")
        elif file.suffix == ".ipynb":
            cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
            code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
            code = re.sub(r"^\s*[%!].*$", "", code, flags=re.M)
        else:
            continue
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def test_every_licence_is_known_listed_and_free():
    listed = licences.listed()
    assert set(listed) == set(licences.pinned()), "run `python tests/licences.py`"
    for name, licence in licences.installed().items():
        assert listed.get(name) == licence, f"{name}: run `python tests/licences.py`"
    for name, licence in listed.items():
        assert name in licences.SAID_ELSEWHERE or free(licence), f"{name}: {licence}"
