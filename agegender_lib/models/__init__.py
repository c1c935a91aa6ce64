"""Builders that return plain Keras models: ModelA, ModelB, their heads, and the augmentation layer."""

import agegender_lib.quiet  # before Keras
from agegender_lib.models.augmentation import FaceAugmentation
from agegender_lib.models.backbones import BACKBONES, stages_of
from agegender_lib.models.convert import convert
from agegender_lib.models.heads import add_test_time_augmentation, ensemble_average
from agegender_lib.models.model_a import build_model_a
from agegender_lib.models.model_b import build_model_b, set_trainable
from agegender_lib.models.predict import predict
from agegender_lib.models.saving import load_model
from agegender_lib.models.summary import input_and_feature_map_size, summary_table
