"""How every figure looks."""

from agegender_lib.plots.style import COLOURS, look_of


def test_models_keep_their_looks():
    looks = look_of(["Median", "ModelB", "ModelA original", "other", "ModelB again"])
    assert looks["ModelB"] == look_of(["ModelA", "ModelB"])["ModelB"] == (COLOURS["ModelB"], "s")
    assert looks["ModelA original"] == look_of(["Model A"])["Model A"] == (COLOURS["ModelA"], "o")
    assert len(set(looks.values())) == 5
