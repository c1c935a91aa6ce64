"""Where things live: the one module that knows the project's folders."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PROFILES = NOTEBOOKS / "profiles"
REPORT = ROOT / "report"
FIGURES = REPORT / "figures"
RESULTS = REPORT / "results"
MODELS = REPORT / "models"
RUNS = ROOT / "runs"
CACHE = ROOT / "cache"
EXECUTED = ROOT / "build" / "notebooks"
