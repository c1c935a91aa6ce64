"""Where every figure of a report comes from, and the page `figures/README.md` that shows all of them."""

import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
import yaml

from agegender_lib import folders
from agegender_lib.files import replacing
from agegender_lib.pipeline.export.numbers import Numbers
from agegender_lib.pipeline.publish import shown
from agegender_lib.reporting.profiles import notebooks

PAGE = "README.md"
_SAVED = re.compile(r'save_figure\(.*"(\w+)"\)')
_SHOWN = re.compile(r"!\[(.*)\]\(figures/(\w+)\.svg\)(?:\{([^}]*)\})?")


def figure_sources() -> dict[str, tuple[str, int]]:
    """By its name, the notebook and the cell, from one, that saves a figure."""
    sources = {}
    for path in notebooks():
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
            sources |= dict.fromkeys(_SAVED.findall(cell.source), (path.name, number))
    return sources


def with_sources(texts: Iterable[str]) -> list[str]:
    """Cells of a report, each figure with the attribute `source`, and `href` where CITATION.cff has an address."""
    sources = figure_sources()
    address = yaml.safe_load((folders.ROOT / "CITATION.cff").read_text(encoding="utf-8")).get("repository-code")

    def pointed(match):
        if match[2] not in sources or not match[3]:
            return match[0]
        notebook, cell = sources[match[2]]
        href = f' href="{address.rstrip("/")}/blob/HEAD/notebooks/{notebook}"' if address else ""
        return f'{match[0][:-1]} source="{notebook}, cell {cell}"{href}}}'

    return [_SHOWN.sub(pointed, text) for text in texts]


def write_figure_page(folder: Path, output: Path) -> None:
    """Write `figures/README.md`: the report's figures with captions and notebooks, then those shown elsewhere.

    The `folder` has `report.ipynb`, figures and results; links to notebooks lead from `output`, where it will be
    published, and are left out outside of the repository.
    """
    place = (Path(output) / "figures").resolve()
    inside = place.is_relative_to(folders.ROOT)
    up = "../" * len(place.relative_to(folders.ROOT).parts) if inside else ""
    sources, numbers = figure_sources(), Numbers(folder / "results")
    cells = nbformat.read(folder / "report.ipynb", as_version=4).cells[1:]
    filled = "\n".join(numbers.fill(cell.source, "report.ipynb") for cell in cells)
    captions = {name: caption for caption, name, _ in _SHOWN.findall(filled)}
    names = shown(folder)
    kept = sorted(path.stem for path in (folder / "figures").glob("*.svg") if path.name in names)
    # as the report counts them
    headings = {name: f"Figure {number}: {name}" for number, name in enumerate(captions, start=1)}
    lines = ["# Figures", "", "Made by `make report`: each figure of the [report](../report.pdf), in its order."]
    for name in [*(name for name in captions if name in kept), *(name for name in kept if name not in captions)]:
        notebook, cell = sources.get(name, ("", 0))
        link = f"[{notebook}]({up}notebooks/{notebook})" if inside else notebook
        drawn = f"*Drawn by {link}, cell {cell}.*" if notebook else ""
        caption = captions.get(name, "Not in the report.")
        lines += ["", f"## {headings.get(name, name)}", "", f"![{name}]({name}.svg)", "", f"{caption} {drawn}".strip()]
    with replacing(folder / "figures" / PAGE) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
