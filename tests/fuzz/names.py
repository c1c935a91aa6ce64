"""File names: any text, and the real form with something wrong in it."""

from random import Random

from hypothesis import strategies as st

#: What stands where a field of `[age]_[gender]_[race]_[datetime]` should.
ODD = (
    "", " ", "0", "1", "4", "5", "26", "026", "116", "117", "999", "1000", "-1", "+1", "1.0", "1e2", "0x1a", "nan",
    "٢٦", "²", "1_", "_", "a", "٠", "\t1", "1 ", " 1", "1\n", "9" * 5000, "\0", "\udcff", "‮1", "../1", "\x1b[2J",
)  # fmt: skip
STAMPS = ("20170116184039763", "1", "", "2017 0116", "20170116184039763x", "٢", "0" * 300, "1.5", "2017\n")
ENDINGS = (
    ".jpg.chip.jpg", ".jpg", ".jpeg", ".JPG", "jpg", " .jpg.chip.jpg", ".jpg\n", ".jpg\r", ".jpg ", ".jpg.chıp.jpg",
    ".jpg.chip.jpg.exe", ".png", "", ".", ".jpg/", ".jpg\0.exe", ".jpg.chip", "." * 300 + "jpg", " " * 5000, ".ⓙpg",
    ".jpg" * 50, ".tar",
)  # fmt: skip


def a_name(rng: Random) -> str:
    """A name of a file: good as often as not."""
    if rng.random() < 0.5:
        return f"{rng.randint(0, 116)}_{rng.randint(0, 1)}_{rng.randint(0, 4)}_{rng.randint(0, 10**17)}.jpg"
    if rng.random() < 0.1:
        return rng.choice(
            (".DS_Store", "Thumbs.db", "._26_1_2_1.jpg", "labels.csv", "con", "a" * 250 + ".jpg", ".")
        )
    fields = [rng.choice(ODD) if rng.random() < 0.2 else str(rng.randint(0, high)) for high in (116, 1, 4)]
    fields.append(rng.choice(STAMPS))
    if rng.random() < 0.2:
        fields = rng.sample(fields, rng.randint(0, 4))
    return "_".join(fields) + rng.choice(ENDINGS)


_near = st.builds(
    lambda fields, stamp, ending, glue: glue.join([*fields, stamp]) + ending,
    st.lists(st.one_of(st.integers(-1, 120).map(str), st.sampled_from(ODD), st.text(max_size=4)), max_size=5),
    st.one_of(st.sampled_from(STAMPS), st.text("0123456789", max_size=20)),
    st.one_of(st.sampled_from(ENDINGS), st.text(".jpegchi ", max_size=12)),
    st.sampled_from(("_", "_", "_", "__", "-", " _ ", "/")),
)
_good = st.builds(
    lambda age, gender, race, stamp, ending: f"{age}_{gender}_{race}_{stamp}{ending}",
    st.integers(0, 117),
    st.integers(0, 1),
    st.integers(0, 4),
    st.from_regex("[0-9]{1,17}", fullmatch=True),
    st.sampled_from((*ENDINGS, ".jpg", ".jpg.chip.jpg", ".jpeg", " .jpg.chip.jpg")),
)
_touched = st.builds(
    lambda name, place, text: name[:place] + text + name[place + len(text) :],
    _good,
    st.integers(0, 30),
    st.text(max_size=2),
)
_long = st.builds(
    lambda part, times, ending: part * times + ending,
    st.sampled_from((".", " ", "_", "1_", ".jpg", " .", "é", "\0")),
    st.integers(1, 70_000),
    st.sampled_from(ENDINGS),
)

#: Text of every kind, near misses and very long names.
NAMES = st.one_of(
    st.text(st.characters(codec=None), max_size=60), _near, _near, _good, _touched, _touched, _long
)
