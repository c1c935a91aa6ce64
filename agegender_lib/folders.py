"""Where things live: the one module that knows the project's folders.

Everything that is made on the way (decoded faces, runs, executed notebooks) lies under one working folder, the
checkout itself unless the environment variable AGEGENDER_WORK names another.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PROFILES = NOTEBOOKS / "profiles"
STUDIES = NOTEBOOKS / "studies"
REPORT = ROOT / "report"
MODELS = REPORT / "models"

WORK = Path(os.environ.get("AGEGENDER_WORK") or ROOT).resolve()
RUNS = WORK / "runs"
CACHE = WORK / "cache"
BUILD = WORK / "build"
EXECUTED = BUILD / "notebooks"
