"""What an executed code cell shows in the PDF: its pictures and tables, steered by Quarto-like `#|` lines.

#| label: fig-ages               referenced as @fig-ages; tables: tbl-...
#| fig-cap: "Ages of the faces"  tbl-cap for a table; without caption nothing is numbered
#| width: 80%                    also alt and placement (auto, none, top, bottom) for pictures
#| echo: true                    show the code, and what it printed
#| output: true                  show what it printed; false shows nothing, not even pictures
#| include: false                leave the cell out altogether
"""

import base64
import re
from collections.abc import Iterator

import yaml
from nbformat import NotebookNode

from agegender_lib.errors import InputError
from agegender_lib.pipeline.export.wording import nearest, place_of

OPTIONS = ("label", "fig-cap", "tbl-cap", "width", "alt", "placement", "echo", "output", "include")
PICTURES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}  # the sharpest first


def picture_bytes(mime: str, data: str) -> bytes:
    """Decode a picture as notebooks store it: SVG as text, everything else in base64."""
    return data.encode() if mime == "image/svg+xml" else base64.b64decode(data)


def cell_pieces(number: int, cell: NotebookNode, pictures: dict[str, bytes]) -> Iterator[str]:
    """Give the Markdown of one executed code cell, piece by piece, adding its pictures to `pictures`.

    Raises
    ------
    InputError
        When the cell failed, its `#|` lines make no sense, or an output cannot be shown in a PDF.
    """
    place = place_of(number, cell)
    for out in cell.outputs:
        if out.output_type == "error":
            raise InputError(
                f"{place} failed with {out.ename} ({out.evalue}): mend it and run the notebook again"
            )
    options, code = _options(place, cell.source)
    if options.get("include") is False:
        return
    if options.get("echo"):
        yield _fenced("python", code)
    if options.get("output") is False:
        return
    shown = 0
    for out in cell.outputs:
        data = out.get("data", {})
        mime = next((mime for mime in PICTURES if mime in data), None)
        if mime:
            address = f"output:{number}-{len(pictures)}.{PICTURES[mime]}"
            pictures[address] = picture_bytes(mime, data[mime])
            caption, attributes = _caption(place, "fig", options), _attributes(options)
            yield f"![{caption}]({address}){{{attributes}}}"
        elif "text/html" in data:
            if not re.sub(r"<(style|script).*?</\1>|<[^>]*>", "", data["text/html"], flags=re.S).strip():
                raise InputError(
                    f"{place} shows HTML without any text, which no PDF can: give it `#| output: false`"
                )
            caption, attributes = _caption(place, "tbl", options), _attributes(options)
            yield f"::::: {{{attributes} .output}}\n{_fenced('{=output}', data['text/html'])}\n\n{caption}\n:::::"
        elif "text/markdown" in data or "text/latex" in data:
            yield data.get("text/markdown") or data["text/latex"]
        elif "text" in out or "text/plain" in data:
            if options.get("echo") or options.get("output"):
                yield _fenced("", out.get("text") or data["text/plain"])
            continue
        elif data:
            raise InputError(f"{place} shows {', '.join(data)}, which no PDF can: give it `#| output: false`")
        shown += 1
    if "label" in options and not shown:
        raise InputError(f"{place} has a label but no picture or table: show one there, or remove the label")


def _options(place: str, source: str) -> tuple[dict, str]:
    """Split a cell into its options and its code."""
    lines = source.split("\n")
    given = [line.strip()[2:].strip() for line in lines if line.strip().startswith("#|")]
    try:
        options = yaml.safe_load("\n".join(given)) or {}
    except yaml.YAMLError:
        options = None
    if not isinstance(options, dict):
        raise InputError(f"the #| lines of {place} cannot be read: write `#| key: value`, texts in quotes")
    for key in options:
        if key not in OPTIONS:
            raise InputError(f"unknown option {key!r} in {place}: {nearest(str(key), OPTIONS)}")
    return options, "\n".join(line for line in lines if not line.strip().startswith("#|")).strip()


def _caption(place: str, kind: str, options: dict) -> str:
    caption = options.get(f"{kind}-cap", "")
    if "label" in options and not caption:
        raise InputError(
            f"{place} has the label {options['label']!r} but no caption: add a line `#| {kind}-cap: ...`"
        )
    return caption


def _attributes(options: dict) -> str:
    label = [f"#{options['label']}"] if "label" in options else []
    return " ".join(
        label + [f'{key}="{options[key]}"' for key in ("width", "alt", "placement") if key in options]
    )


def _fenced(kind: str, text: str) -> str:
    """Fence a text with more backticks than it holds itself."""
    ticks = "`" * (1 + max([2] + [len(run) for run in re.findall("`+", text)]))
    return f"{ticks}{kind}\n{text.rstrip()}\n{ticks}"
