"""Where parts of a face lie in UTKFace's aligned pictures."""

import numpy as np

#: (top, bottom, left, right) in pixels of 128, the second of each pair exclusive. Read off the mean of the coursework's
#: 5,000 faces, whose pupils lie in rows 35 and 36 and whose lips part in row 87 or 88, with a margin for other faces.
#: Drawn faces are framed otherwise: their eyes lie about 23 rows lower, between rows 50 and 70.
REGIONS = {
    "forehead": (0, 27, 16, 112),
    "eyes": (27, 45, 16, 112),
    "nose": (45, 76, 42, 86),
    "mouth": (76, 102, 30, 98),
}
#: What lies in none of them: cheeks, jaw, chin, neck, ears, hair at the sides, background.
ELSEWHERE = "elsewhere"


def region_masks() -> dict[str, np.ndarray]:
    """Which pixels belong to each region, and to none: name to bool [128, 128]; every pixel is in exactly one.

    >>> {name: int(mask.sum()) for name, mask in region_masks().items()}
    {'forehead': 2592, 'eyes': 1728, 'nose': 1364, 'mouth': 1768, 'elsewhere': 8932}
    """
    masks = {}
    for name, (top, bottom, left, right) in REGIONS.items():
        masks[name] = np.zeros((128, 128), bool)
        masks[name][top:bottom, left:right] = True
    return masks | {ELSEWHERE: ~np.any(list(masks.values()), axis=0)}
