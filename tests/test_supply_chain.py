"""What is installed: pinned with hashes, installed as pinned, and under licences that are known and listed."""

import importlib.metadata
import re

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


def test_every_package_is_pinned_with_a_hash():
    assert len(licences.lines()) > 100
    for line in licences.lines():
        wanted, *hashes = line.split(" --hash=")
        assert re.fullmatch(r"[\w.-]+==[\w.+!-]+( ; .+)?", wanted.strip()), wanted
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", part.strip()) for part in hashes), wanted


def test_pins_hold_what_the_project_asks_for():
    pins = licences.pinned()
    metadata = importlib.metadata.metadata("agegender")
    for text in metadata.get_all("Requires-Dist"):
        wanted = Requirement(text)
        name = licences._name(wanted.name)
        assert name in pins and wanted.specifier.contains(pins[name]), text


def test_installed_is_what_is_pinned():
    for wanted in licences.requirements():
        if wanted.marker is None or wanted.marker.evaluate():
            assert wanted.specifier.contains(importlib.metadata.version(wanted.name)), str(wanted)


def test_every_licence_is_known_listed_and_free():
    listed = licences.listed()
    assert set(listed) == set(licences.pinned()), "run `python tests/licences.py`"
    for name, licence in licences.installed().items():
        assert listed.get(name) == licence, f"{name}: run `python tests/licences.py`"
    for name, licence in listed.items():
        assert name in licences.SAID_ELSEWHERE or free(licence), f"{name}: {licence}"


@pytest.mark.parametrize("licence", ["unknown", "GPL-3.0-or-later", "Proprietary", "MIT AND GPL-2.0-only"])
def test_other_licences_would_be_noticed(licence):
    assert not free(licence)
