"""Notebooks of a few lines, as the chapters are."""

import nbformat

OUTPUT = "output = ''"


def write_notebook(folder, name, code="", parameters=OUTPUT, kernel="python3", tags=("parameters",)):
    """A notebook of two cells, the first of which holds its parameters; returns its path."""
    cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": list(tags)}), nbformat.v4.new_code_cell(code)]
    language = {"name": kernel, "language": "python", "display_name": kernel}
    path = folder / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": language}), path)
    return path
