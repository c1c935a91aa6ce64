"""Age estimation and gender classification from images of faces.

Rooms, of which each imports only from those before it; training, inference and evaluation stand side by side:

    cluster     many tasks on the workers of a Dask cluster
    data        labelled faces to a table and one array; near-duplicates, splits, folds, corruptions, synthetic faces
    runs        run folders: files, columns, reading, finding
    models      functions that build plain Keras models; backbones, heads, loading and saving
    training    from settings to a run folder; ablation studies, hyper-parameter search
    inference   a trained model in use: age distributions, Grad-CAM, predictions of corrupted faces
    evaluation  metrics, comparison, calibration, prediction intervals, subgroups, label errors, ablations, saliency
    photos      from a photograph to its aligned faces, their ages and genders
    plots       tables in, matplotlib figures out
    reporting   profiles of notebooks, and the report folder that they save into
    lab         widgets for JupyterLab
    pipeline    command line, papermill, the report's PDF

What notebooks call most:

    data.load_dataset               faces of a folder or an archive, or synthetic ones
    training.configure              the settings of a model, some of them replaced
    training.train_or_restore       a run folder: trained now, before, or published
    training.ablations.run_study    all runs of an ablation study
    runs.read_run                   a run's settings, history, predictions and metrics
    evaluation.evaluate             MAE, accuracy and other metrics with 95 % intervals
    evaluation.paired_comparison    two models on the same images
    evaluation.metrics_by_group     metrics by age, gender and race
    inference.grad_cams             where a prediction comes from
    reporting.report_folder.ReportFolder    save_figure, save_table, save_values, save_run

The files of a run folder: ``help(agegender_lib.runs)``. Words: GLOSSARY.md.
"""
