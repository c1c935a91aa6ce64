"""Where parts of a face lie in UTKFace's aligned pictures."""

# (top, bottom, left, right) in pixels of 128, the second of each pair exclusive. Read off the mean of the coursework's
# 5,000 faces, whose pupils lie in rows 35 and 36 and whose lips part in row 87 or 88, with a margin for other faces.
# Drawn faces are framed otherwise: their eyes lie about 23 rows lower, between rows 50 and 70.
REGIONS = {
    "eyes": (27, 45, 16, 112),
    "mouth": (76, 102, 30, 98),
}
