"""Notebooks, papermill, the report and the command line: the only room that knows them."""
