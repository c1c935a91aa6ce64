"""Rotations with a scale and a shift, as they are known to be."""

import numpy as np


def known(scale=1.0, degrees=0.0, shift=(0.0, 0.0)):
    turn = np.deg2rad(degrees)
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([rotation, shift])


def moved(points, transform):
    return points @ transform[:, :2].T + transform[:, 2]
