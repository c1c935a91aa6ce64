"""Pictures to upright pixels, faces into UTKFace's frame, warnings, intervals: everything that needs no network."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny_faces import bomb, jpeg, picture, truncated

from agegender_lib.data.drawing.face import draw_face
from agegender_lib.errors import InputError
from agegender_lib.photos import pictures
from agegender_lib.photos.alignment import SIDE, TEMPLATE, corners, crop, frame, inverse, similarity
from agegender_lib.photos.detector import FaceDetector
from agegender_lib.photos.end_to_end import place_face
from agegender_lib.photos.intervals import correction, corrections_file, intervals, read_corrections
from agegender_lib.photos.pictures import open_picture
from agegender_lib.photos.quality_checks import CUT_OFF, SMALL, outside, sharpness, warnings_of

IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])
FACE = np.asarray(draw_face(30, 1, 0, np.random.default_rng(0)))


def saved(image, kind, **options):
    memory = io.BytesIO()
    image.save(memory, kind, **options)
    return memory.getvalue()


def known(scale=1.0, degrees=0.0, shift=(0.0, 0.0)):
    turn = np.deg2rad(degrees)
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([rotation, shift])


def moved(points, transform):
    return points @ transform[:, :2].T + transform[:, 2]


GREY = np.linspace(0, 1, 40)[None, :].repeat(40, axis=0)


def test_what_is_transparent_is_white():
    image = picture(3, 64).convert("RGBA")
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, 32:] = 255
    image.putalpha(Image.fromarray(alpha))
    found = open_picture(saved(image, "PNG"))
    assert (found[:, :32] == 255).all()
    np.testing.assert_array_equal(found[:, 32:], np.asarray(picture(3, 64))[:, 32:])


def test_the_camera_says_what_is_up():
    upright = picture(3, 64).crop((0, 0, 64, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    found = open_picture(saved(lying, "PNG", exif=exif))
    np.testing.assert_array_equal(found, np.asarray(upright))
    exif[0x0112] = 1
    assert open_picture(saved(lying, "PNG", exif=exif)).shape == (64, 40, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_huge_picture_is_shrunk_and_a_small_one_is_not(monkeypatch, kind):
    monkeypatch.setattr(pictures, "LONGEST_SIDE", 100)
    image = picture(3, 400).resize((400, 200))
    found = open_picture(saved(image, kind))
    assert found.shape == (50, 100, 3)
    wanted = np.asarray(image.resize((100, 50), Image.Resampling.BOX), dtype=int)
    assert np.abs(found - wanted).mean() < 4
    assert open_picture(saved(picture(3, 90), kind)).shape == (90, 90, 3)


def test_paths_bytes_images_and_arrays_are_the_same(tmp_path):
    data = saved(picture(5, 64), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    wanted = np.asarray(picture(5, 64))
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), data, Image.open(io.BytesIO(data)), wanted):
        np.testing.assert_array_equal(open_picture(source), wanted)


def test_what_is_no_picture_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "t.jpg").write_text("text")
    cases = {
        "no picture": b"text",
        r"t\.jpg is no picture": tmp_path / "t.jpg",
        "does not exist": tmp_path / "none.jpg",
        "is no file": tmp_path,
        "damaged or cut short": truncated(),
        r"damaged or cut short.*": saved(picture(1, 300), "PNG")[:-2000],
        "more than 89 million pixels": bomb(30000),
        "20 x 20 pixels": jpeg(picture(1, 20)),
        r"float64 \[40, 40\]": GREY,
    }
    for words, source in cases.items():
        with pytest.raises(InputError, match=words) as refused:
            open_picture(source)
        assert "\n" not in str(refused.value)


def test_a_similarity_is_found_again():
    wanted = known(2.3, 77, (-14, 9))
    np.testing.assert_allclose(similarity(TEMPLATE, moved(TEMPLATE, wanted)), wanted, atol=1e-9)
    back = inverse(wanted)
    np.testing.assert_allclose(moved(moved(TEMPLATE, wanted), back), TEMPLATE, atol=1e-9)


def test_a_face_in_its_frame_is_left_as_it_is():
    np.testing.assert_array_equal(crop(FACE, IDENTITY), FACE)
    np.testing.assert_allclose(corners(IDENTITY), [[0, 0], [128, 0], [128, 128], [0, 128]])


@pytest.mark.parametrize("seed", range(3))
def test_a_face_put_into_a_photo_comes_back(seed):
    canvas, placed = place_face(FACE, np.random.default_rng(seed))
    assert canvas[:3, :3].min() > 5 and canvas[-3:, -3:].min() > 5  # a background, not black
    transform = frame(moved(TEMPLATE, placed))
    found = crop(canvas, transform)
    inner = slice(6, -6)  # the face's edge fades into the background
    apart = np.abs(found.astype(int) - FACE)[inner, inner].mean()
    # a face that was shrunk has lost its details
    assert apart < (3 if np.hypot(*placed[:, 0]) >= 1 else 7)
    np.testing.assert_allclose(corners(transform), moved(corners(IDENTITY), placed), atol=1e-6)
    shifted = crop(canvas, transform + known(0, 0, (4, 0)))
    assert np.abs(shifted.astype(int) - FACE)[inner, inner].mean() > 2 * apart


def test_shrinking_is_antialiased():
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    found = crop(stripes, known(0.2))
    assert np.abs(found.astype(int) - 127.5).max() < 30


def test_outside_the_photo_is_black():
    white = np.full((100, 100, 3), 255, np.uint8)
    transform = known(1, 0, (64, 0))  # the photo's left edge lies in the crop's middle
    found = crop(white, transform)
    assert (found[:, :62] == 0).all() and (found[:98, 66:] == 255).all()
    assert outside(transform, (100, 100)) == pytest.approx(1 - 64 * 100 / 128**2, abs=0.01)
    assert outside(IDENTITY, (128, 128)) == 0
    assert outside(known(1, 30, (20, -40)), (4000, 4000)) > 0


def sharp(seed=0):
    """A crop with as much detail as an ordinary one."""
    fine = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(fine).resize((128, 128), Image.Resampling.BICUBIC))


def test_each_flaw_raises_its_own_warning():
    transform, size = known(1, 10, (-300, -300)), (2000, 2000)
    landmarks = moved(TEMPLATE, inverse(transform))
    soft = np.asarray(Image.fromarray(sharp()).resize((20, 20)).resize((128, 128), Image.Resampling.BICUBIC))
    assert warnings_of(soft, landmarks, transform, size) == ["blurred"]

    upscaled = known(SIDE / (SMALL - 1), 10, (-3000, -3000))
    assert warnings_of(soft, moved(TEMPLATE, inverse(upscaled)), upscaled, size) == ["small"]
    larger = known(SIDE / (SMALL + 1), 10, (-3000, -3000))
    assert "small" not in warnings_of(soft, moved(TEMPLATE, inverse(larger)), larger, size)

    for way in ([18, 0], [-18, 0], [0, 13], [0, -13]):
        turned = TEMPLATE.copy()
        turned[2] += way
        assert warnings_of(sharp(), moved(turned, inverse(transform)), transform, size) == ["turned"]

    half_out = known(1, 0, (SIDE * (CUT_OFF + 0.02), 0))
    assert warnings_of(sharp(), moved(TEMPLATE, inverse(half_out)), half_out, size) == ["cut off"]
    hardly_out = known(1, 0, (SIDE * (CUT_OFF - 0.02), 0))
    assert warnings_of(sharp(), moved(TEMPLATE, inverse(hardly_out)), hardly_out, size) == []


def test_sharpness_knows_detail_from_contrast_at_the_edges():
    framed = sharp().copy()
    framed[:, :12] = 0
    assert sharpness(framed) == sharpness(sharp())


class Network:
    """Stands for MTCNN: knows where faces are in a picture of a given width."""

    def __init__(self, rows, width):
        self.rows, self.width, self.seen = np.asarray(rows, float), width, None

    def detect_faces(self, pixels, **_):
        self.seen = pixels
        rows = self.rows.copy()
        rows[:, 1:5] *= pixels.shape[1] / self.width
        rows[:, 6:] *= pixels.shape[1] / self.width
        return rows


def detector_of(network):
    detector = FaceDetector.__new__(FaceDetector)
    detector._network = network
    return detector


def row(left, top, width, height, confidence, points):
    return [0, left, top, width, height, confidence, *points[:, 0], *points[:, 1]]


def test_a_large_photo_is_searched_at_its_least_size_and_answered_in_its_own_pixels():
    points = np.array([[110.0, 120], [160, 118], [140, 150], [115, 180], [158, 182]])
    rows = [
        row(90, 80, 50, 60, 0.95, points),
        row(100, 90, 80, 100, 0.99, points + 200),
        row(0, 0, 99, 99, 0.5, points),
    ]
    network = Network(rows, 3072)
    found = detector_of(network).find(np.zeros((1536, 3072, 3), np.uint8))
    assert network.seen.shape == (512, 1024, 3)
    np.testing.assert_allclose(found.boxes, [[100, 90, 80, 100], [90, 80, 50, 60]], atol=1e-6)
    np.testing.assert_allclose(found.confidence, [0.99, 0.95])
    # a pixel of the searched picture covers three: half of one is one and a half
    np.testing.assert_allclose(found.landmarks[1], points + 1.5, atol=1e-6)


def test_a_tiny_photo_is_padded_for_the_networks_pyramid():
    network = Network(np.empty((0, 16)), 30)
    assert len(detector_of(network).find(np.full((30, 40, 3), 200, np.uint8))) == 0
    assert network.seen.shape == (64, 64, 3) and (network.seen[30:] == 0).all()


def spread_around(ages, deviation):
    years = np.arange(117)
    values = np.exp(-0.5 * ((years - np.asarray(ages)[:, None]) / deviation) ** 2)
    return values / values.sum(axis=1, keepdims=True)


def held_out(count, believed, true=6.0, seed=0):
    """Predictions whose errors have the standard deviation ``true`` while the model believes in another."""
    rng = np.random.default_rng(seed)
    files = [f"{k}.jpg" for k in range(count)]
    values = spread_around(rng.uniform(40, 70, count), believed)
    means = values @ np.arange(117)
    predictions = pd.DataFrame(
        {"file": files, "age_predicted": means, "age": means + rng.normal(0, true, count)}
    )
    return predictions, pd.DataFrame(values, index=files, columns=range(117))


@pytest.mark.parametrize("believed", [2.0, 6.0, 12.0])
def test_a_corrected_interval_holds_four_ages_of_five_whatever_the_model_believed(believed):
    kind, change = correction(*held_out(2000, believed))
    assert kind == "cqr_m" and change == pytest.approx(6 / believed, rel=0.08)
    new, distributions = held_out(2000, believed, seed=1)
    found = {"correction": kind, "change": change}
    for correct, wanted in ((found, 0.8), (None, None)):
        low, high = intervals(new["age_predicted"], distributions.to_numpy(), correct)
        held = ((low <= new["age"]) & (new["age"] <= high)).mean()
        if wanted:
            assert held == pytest.approx(wanted, abs=0.03)
        elif believed != 6:
            assert abs(held - 0.8) > 0.1


def test_without_distributions_the_years_around_an_age_are_the_same_for_all():
    predictions, _ = held_out(1000, 6.0)
    kind, change = correction(predictions, None)
    assert kind == "absolute_residual" and change == pytest.approx(1.2816 * 6, rel=0.08)
    low, high = intervals(np.array([30.0, 3.0]), None, {"correction": kind, "change": change})
    np.testing.assert_allclose(high - [30, 3], change)
    assert low[0] == pytest.approx(30 - change) and low[1] == 0
    assert np.isnan(intervals(np.array([30.0]), None, None)).all()


def test_too_few_faces_correct_nothing():
    with pytest.raises(InputError, match="3 held-out faces are too few"):
        correction(*held_out(3, 6.0))


class Weights:
    def __init__(self, *values):
        self.values = [np.asarray(value, np.float32) for value in values]

    def get_weights(self):
        return self.values


def test_a_correction_is_for_one_model_only(tmp_path):
    from agegender_lib.files import write_json
    from agegender_lib.photos.intervals import weights_digest

    model = tmp_path / "m.keras"
    assert read_corrections(model, Weights([1, 2])) is None
    found = {"correction": "cqr_m", "change": 1.2, "weights": weights_digest(Weights([1, 2], [3]))}
    write_json(corrections_file(model), found)
    assert read_corrections(model, Weights([1, 2], [3])) == found
    assert read_corrections(tmp_path / "m.h5", Weights([3], [1, 2])) == found
    assert read_corrections(model, Weights([1, 2], [4])) is None
    corrections_file(model).write_text('{"correction": "cqr_m"}')
    with pytest.raises(InputError, match=r"m\.intervals\.json cannot be read"):
        read_corrections(model, Weights([1, 2]))
    write_json(corrections_file(model), found | {"change": -1})
    with pytest.raises(InputError, match="holds no correction"):
        read_corrections(model, Weights([1, 2], [3]))
