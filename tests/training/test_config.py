"""Settings of a training: what they are, and what is said of those that make no sense."""

import json
from dataclasses import asdict, replace

import pytest

from agegender_lib.errors import InputError
from agegender_lib.training import Stage, TrainingConfig, configure


def test_settings_survive_the_run_folder():
    config = configure(
        "model_b",
        stages=[dict(epochs=1, learning_rate=0.1, trainable="heads"), dict(epochs=2, learning_rate=0.2)],
        augmentation=dict(flip=False),
        architecture=dict(dense=7),
    )
    config = replace(config, age_sigma=(1.0, 0.1))
    assert config.stages == (Stage(1, 0.1, 1.0, "heads"), Stage(2, 0.2)) and config.epochs == 3
    kept = json.loads(json.dumps(asdict(config)))
    assert TrainingConfig.from_dict(kept) == config
    # a folder of an older version lacks the newer settings
    assert TrainingConfig.from_dict({"model": "model_b"}) == TrainingConfig("model_b")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batchsize": 3}, "'batchsize' is not a setting of model_a: did you mean batch_size"),
        ({"stages": [dict(epoch=3, learning_rate=1)]}, "'epoch' is not a setting of a stage .* did you mean epochs"),
        ({"stages": []}, "at least one stage"),
        ({"stages": [dict(epochs=0, learning_rate=1)]}, "epochs of a stage is 0: give a whole number of at least 1"),
        ({"stages": [dict(epochs=1, learning_rate="fast")]}, "learning_rate of a stage is 'fast': give a number"),
        ({"stages": [dict(epochs=1, learning_rate=1, trainable="mixed7")]}, "trainable of a stage is 'mixed7': choose"),
        ({"architecture": {"weights": "imagenet"}}, "weights are not part of the architecture: give --weights"),
        ({"augmentation": ["flip"]}, "augmentation is .* give a mapping"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd': choose one of adamw, adam"),
        ({"test_time_augmentation": "no"}, "test_time_augmentation is 'no': choose one of True, False"),
        ({"batch_size": 0}, "batch_size is 0: give a whole number of at least 1"),
        ({"gender_weight": -2}, "gender_weight is -2: give a number of at least 0"),
        ({"age_weight": float("nan")}, "age_weight is nan"),
        ({"label_smoothing": 1.5}, "label_smoothing is 1.5: give a number from 0 to 1"),
        ({"significand_bits": 25}, "significand_bits is 25: give a whole number from 2 to 24"),
        ({"sampling": "gender"}, "sampling is 'gender': choose one of None, race"),
        ({"split_sources": True, "fold": "1/5"}, "folds are of all sources together: .* or drop the fold"),
        ({"age_sigma": [3, 0.1]}, "'age_sigma' is not a setting of model_a"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        configure("model_a", **settings)
