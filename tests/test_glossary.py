"""GLOSSARY.md sends its readers to places that are there."""

import re

from agegender_lib import folders


def test_every_place_of_the_glossary_is_there():
    text = (folders.ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "|---" not in line][1:]
    for row in rows:
        places = re.findall(r"`([a-z]+/[\w/.]*)`", row)
        assert places, f"no place in: {row}"
        for place in places:
            root = folders.ROOT if place.startswith("notebooks/") else folders.ROOT / "agegender_lib"
            assert (root / place).exists(), f"{place} is named in: {row}"
