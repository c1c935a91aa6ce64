"""A finished report moves into its folder: all of it, or nothing yet."""

import os
import re
import shutil
from importlib.resources import files
from pathlib import Path

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.files import clear_left_over
from agegender_lib.pipeline.model_card import PAGES
from agegender_lib.pipeline.readme import ELSEWHERE

#: Made anew by every report; what an earlier one left there goes. Models are replaced file by file.
GENERATED = ("figures", "results")
PDF = "report.pdf"
_STUDIES = Path("results", "ablations")
# What is published only where something shows it; tables of runs and studies, in folders of their own, all are.
_CHOSEN = (".svg", ".png", ".csv")
# The new report inside the report folder: first while it is copied, then whole.
_COPYING, _WHOLE, _OLD = ".next.part", ".next", ".next.old"


def publish(staging: Path, output: Path) -> Path:
    """Move a finished report into its folder; what an earlier one left there goes, but for the repository's studies.

    Figures and tables that nothing shows (see :func:`shown`) stay in `staging`. The rest is copied beside the earlier
    report first. Only then, by renaming, is that replaced: a kill leaves either the earlier report, or one that
    :func:`finish_publishing` makes whole.
    """
    try:
        fresh = output / _COPYING
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        names = shown(staging)

        def not_shown(folder: str, found: list[str]) -> list[str]:
            chosen = Path(folder).name in GENERATED
            left_out = [name for name in found if chosen and name.endswith(_CHOSEN) and name not in names]
            # chapter 11 reads these where the faces themselves are not at hand
            return [name for name in left_out if not name.startswith(ELSEWHERE)]

        for name in GENERATED:
            shutil.copytree(staging / name, fresh / name, ignore=not_shown)
        if output.resolve() == folders.REPORT:
            for study in (output / _STUDIES).glob("*"):  # hours of training each, shown in a chapter or not yet
                if not (fresh / _STUDIES / study.name).exists():
                    shutil.copytree(study, fresh / _STUDIES / study.name)
        if (staging / "models").is_dir():
            shutil.copytree(staging / "models", fresh / "models")
        for page in (*PAGES, PDF):
            if (staging / page).is_file():
                shutil.copyfile(staging / page, fresh / page)
        os.replace(fresh, output / _WHOLE)
        finish_publishing(output)
        return output / PDF
    except OSError as error:
        raise InputError(
            f"the report cannot be written to {output} ({error.strerror or error}): make room or give another "
            f"--output; it is complete in {staging}"
        ) from error


def shown(folder: Path) -> set[str]:
    """Files of figures and tables that the report, its pages or the README show.

    Of a figure the file is named there (`figures/ages.svg`), of a table its name in quotes (`row("headline", ...)`).
    """
    pages = [files("agegender_lib.pipeline").joinpath(page) for page in PAGES.values()]
    sources = [folder / "report.ipynb", folders.ROOT / "README.md", *pages]
    text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    return {
        *re.findall(r"figures/([\w.-]+)", text),
        *(f"{name}.csv" for name in re.findall(r"[\"'](\w+)\\?[\"']", text)),
    }


def finish_publishing(output: Path) -> None:
    """Put what :func:`publish` had copied in the place of the earlier report; does nothing where all is done."""
    clear_left_over(output)
    clear_left_over(output / "models")
    fresh, old = output / _WHOLE, output / _OLD
    if fresh.is_dir():
        for name in GENERATED:
            if (fresh / name).is_dir():
                shutil.rmtree(old, ignore_errors=True)
                if (output / name).exists():
                    os.replace(output / name, old)
                os.replace(fresh / name, output / name)
        files = sorted(file for file in fresh.rglob("*") if file.is_file())
        for file in files:
            target = output / file.relative_to(fresh)
            target.parent.mkdir(exist_ok=True)
            os.replace(file, target)
        shutil.rmtree(fresh)
    shutil.rmtree(old, ignore_errors=True)
