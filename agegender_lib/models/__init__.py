"""Builders that return plain Keras models: ModelA, ModelB, their heads, and the augmentation layer."""

import agegender_lib.quiet  # before Keras

from .age_distribution import age_distribution
from .augmentation import FaceAugmentation
from .backbones import BACKBONES, stages_of
from .convert import convert
from .describe import describe, sides
from .grad_cam import explainer, grad_cam, grad_cams, randomised
from .heads import average_flips, average_members
from .model_a import build_model_a
from .model_b import build_model_b, set_trainable
from .predict import predict
from .saving import load_model
