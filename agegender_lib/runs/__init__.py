"""The run folder: its files and columns, reading, finding, and whose faces it was made from.

A run folder is all that one training leaves. A killed training resumes from ``checkpoint.npz``; the folder is finished
once ``metrics.json`` is there.

config.json
    ``training``: the settings, see ``training.TrainingConfig``; ``data``: name and fingerprint (SHA-256 of faces and
    labels); ``weights``: what the training began from. The folder's name is the model and a hash of these.
provenance.json
    ``data`` with ``images`` and ``rendered`` (synthetic faces), ``versions``, ``commit``, ``machine``, ``seconds``.
history.csv
    A row per epoch: ``epoch`` and ``stage`` (from 1), ``seconds``, ``learning_rate``, and ``loss, gender_loss,
    gender_accuracy, age_loss, age_mae`` of the training images, with ``val_`` before them of the validation images;
    where the tasks' gradients were compared, ``gradient_cosine`` and ``gradient_norm_ratio``.
model.keras, model.h5
    Float32 [n, 128, 128, 3] in [0, 1] to ``gender_output`` (P(female), [n, 1]) and ``age_output`` (years, [n, 1]).
predictions.csv
    A row per face, of the saved model: ``file``, ``split`` (train, validation, unused), ``age`` (years), ``gender``
    (0 male, 1 female), ``race`` (0 to 4 of UTKFace, else a name), ``duplicate_group`` (-1: none), ``age_predicted``
    (years), ``p_female``; where ages are ranges, ``age_low`` and ``age_high`` of the label, and ``age`` is the middle.
metrics.json
    ``images, age_mae, gender_accuracy`` of ``train`` and ``validation``, and ``unrounded_validation`` where the saved
    weights are rounded; ``epochs``, ``seconds``, ``seconds_per_epoch``, ``images_per_second`` (of
    prediction), ``parameters``, ``file_bytes``, ``precision``, ``weights_origin``, ``members`` (run folders of an
    ensemble).

Made when asked for, see ``inference`` and ``photos``: ``age_distributions.npz``, ``robustness_*.csv.gz``,
``end_to_end_*.csv.gz``.
"""

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
    check_run,
    check_same_faces,
    finished,
    kept_predictions,
    read_json,
)
from agegender_lib.runs.tables import (
    CURVES,
    HISTORY_COLUMNS,
    PREDICTION_COLUMNS,
    Run,
    labels_of,
    predictions_table,
    read_run,
)
from agegender_lib.runs.validation_rows import read_distributions, sampled_validation_rows, validation_rows
