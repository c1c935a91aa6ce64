"""The run folder as a contract: its files and columns, reading, finding, and whose faces it was made from."""

from agegender_lib.runs.find import MADE_FROM, find_runs, model_file, model_name, published_runs, trained_runs
from agegender_lib.runs.folder import (
    CONFIG,
    DISTRIBUTIONS,
    HISTORY,
    METRICS,
    MODEL,
    PREDICTIONS,
    PROVENANCE,
    TABLES,
    answers_of,
    check_run,
    check_same_faces,
    finished,
    read_json,
)
from agegender_lib.runs.run import Run, read_run
from agegender_lib.runs.tables import CURVES, HISTORY_COLUMNS, PREDICTION_COLUMNS
from agegender_lib.runs.validation_rows import drawn_rows, held_out_rows, read_distributions
