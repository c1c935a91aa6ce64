"""Writes THIRD_PARTY.md, the licences of everything that is installed: ``python tests/licences.py`` after a new pin."""

import importlib.metadata
import re
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
FILE = ROOT / "THIRD_PARTY.md"
#: What is installed to run the project, and all of it with what its tests need.
RUN, ALL = "requirements.txt", "requirements-test.txt"

#: What the packages' own metadata do not say, or say of their Python code only, or not in every pinned version.
SAID_ELSEWHERE = {
    "axe-playwright-python": "MIT; axe-core inside: MPL-2.0",
    "contourpy": "BSD-3-Clause",
    "namex": "Apache-2.0 (its repository)",
    "pi-heif": "BSD-3-Clause; libheif and libde265 inside: LGPL-3.0",
    "pypandoc-binary": "MIT; the pandoc program inside: GPL-2.0-or-later, started as a program of its own",
}
#: Pinned for some Pythons or systems only: read there, or on PyPI.
NOT_HERE = {
    "aiohappyeyeballs": "PSF",
    "aiohttp": "Apache-2.0 AND MIT",
    "aiosignal": "Apache-2.0",
    "appnope": "BSD-2-Clause",
    "colorama": "BSD",
    "frozenlist": "Apache-2.0",
    "importlib-metadata": "Apache-2.0",
    "lazy-importer": "Apache-2.0",
    "multidict": "Apache-2.0",
    "overrides": "Apache-2.0",
    "propcache": "Apache-2.0",
    "pywinpty": "MIT",
    "tensorflow": "Apache-2.0",
    "yarl": "Apache-2.0",
    "zipp": "MIT",
}
_SHORT = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF",
}


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: str = ALL) -> dict[str, str]:
    """Every package of a list and its version; of several, the one for this system and Python."""
    versions: dict[str, str] = {}
    for wanted in requirements(file):
        (specifier,) = wanted.specifier
        if wanted.marker is None or wanted.marker.evaluate():
            versions[_name(wanted.name)] = specifier.version
        else:
            versions.setdefault(_name(wanted.name), specifier.version)
    return versions


def requirements(file: str = ALL) -> list[Requirement]:
    """The lines of a list, without their hashes."""
    return [Requirement(line.split(" --hash=")[0].strip(" \\")) for line in lines(file)]


def lines(file: str = ALL) -> list[str]:
    """The logical lines of a list of pinned packages, without comments."""
    text = (ROOT / file).read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M).replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def licence(package: importlib.metadata.Distribution) -> str:
    """A package's licence as its own metadata give it; "unknown" where they do not."""
    data = package.metadata
    if said := SAID_ELSEWHERE.get(_name(data["Name"])):
        return said
    classified = [
        line.split(" :: ")[-1]
        for line in data.get_all("Classifier") or []
        if line.startswith("License ::") and not line.endswith(" approved")
    ]
    text = (data.get("License") or "").strip()
    # a whole licence text is no name of one
    short = text if text and "\n" not in text and len(text) < 60 and text != "UNKNOWN" else ""
    named = classified or [short or "unknown"]
    return data.get("License-Expression") or " AND ".join(_SHORT.get(name, name) for name in named)


def installed() -> dict[str, str]:
    """The licence of each pinned package that is installed here."""
    wanted = pinned()
    return {
        name: licence(package)
        for package in importlib.metadata.distributions()
        if (name := _name(package.metadata["Name"])) in wanted
    }


def listed() -> dict[str, str]:
    """What THIRD_PARTY.md says, package to licence."""
    return dict(re.findall(r"^\| `([^`]+)` \| [^|]+ \| ([^|]+) \|$", FILE.read_text(encoding="utf-8"), re.M))


def page() -> str:
    """THIRD_PARTY.md, of what is pinned."""
    known = NOT_HERE | installed()
    rows = [f"| `{name}` | {version} | {known[name]} |" for name, version in sorted(pinned().items())]
    head, heading, _ = FILE.read_text(encoding="utf-8").partition("## Packages\n\n")
    return head + heading + "\n".join(["| package | version | licence |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
