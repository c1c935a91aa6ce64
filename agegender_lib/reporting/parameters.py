"""The cell of a notebook that holds its parameters, read as Python is."""

import ast
from pathlib import Path
from typing import Any

import nbformat

from agegender_lib.errors import InputError

TAG = "parameters"
#: Stands for the value of a parameter that only running the cell tells.
UNKNOWN = ...


def parameters_of(notebook: Path) -> dict[str, Any]:
    """The parameters of a notebook: every name that its cell of parameters gives a value, however that is written.

    papermill reads such cells line by line and loses names, such as that of ``data = "a"  # or data = "b"``. Values are
    those of literals, and :data:`UNKNOWN` for all others. An InputError names notebook and line of what is not Python.
    """
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError) as error:
        raise InputError(f"the notebook {notebook} cannot be read ({error}): fix it") from error
    tagged = [cell.source for cell in cells if TAG in cell.metadata.get("tags", ())]
    if len(tagged) != 1:
        raise InputError(
            f"{notebook} has {len(tagged)} cells with the tag {TAG!r}: give it to the one that holds its parameters"
        )
    try:
        statements = ast.parse(tagged[0]).body
    except SyntaxError as error:
        raise InputError(
            f"{notebook}, line {error.lineno} of its cell of parameters, is not Python ({error.msg}): "
            f"{(error.text or '').strip()[:80]!r}"
        ) from None
    return {name: value for statement in statements for name, value in _assigned(statement)}


def _assigned(statement: ast.stmt) -> list[tuple[str, Any]]:
    names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    value: Any = UNKNOWN
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    if isinstance(statement, ast.Assign | ast.AnnAssign) and all(isinstance(t, ast.Name) for t in targets):
        try:
            value = ast.literal_eval(statement.value)
        except (ValueError, TypeError):  # an expression, or a name without a value
            pass
    return [(name, value) for name in names]
