"""The kinds made of strands: hair, fur, feathers, grass."""

import numpy as np
import pytest

from deepmatte import images
from deepmatte.pixels import to_bytes
from deepmatte.training.corpus.render import KINDS
from deepmatte.training.corpus.render.bodies import Cone, surface_of
from deepmatte.training.corpus.render.figures import person
from deepmatte.training.corpus.render.rendering import Assets
from deepmatte.training.corpus.render.strands.hair import is_behind, scalp_roots

STRANDS = [name for name, kind in KINDS.items() if kind.group == "strands"]
SIZE = 72


@pytest.fixture(scope="module")
def renders():
    return {name: [KINDS[name].render(5, index, SIZE) for index in range(2)] for name in STRANDS}


def test_the_kinds_are_there():
    assert set(STRANDS) >= {"hair", "curls", "flyaways", "fur", "whiskers", "feathers", "grass"}


@pytest.mark.parametrize("name", STRANDS)
def test_strands_have_something_opaque_something_soft_and_nothing(name, renders):
    soft = np.concatenate([each.alpha.ravel() for each in renders[name]])
    assert ((soft > 0.05) & (soft < 0.95)).mean() > 0.02
    assert (soft == 0).mean() > 0.02
    assert soft.max() > 0.9


def test_fur_takes_its_shape_from_masks_and_its_colours_from_cut_outs(tmp_path):
    alpha = np.zeros((60, 60))
    alpha[10:50, 20:40] = 1
    red = np.zeros((60, 60, 3))
    red[..., 0] = 0.9
    images.write_image(tmp_path / "cut-out.png", to_bytes(red), to_bytes(alpha))
    assets = Assets(masks=(tmp_path / "cut-out.png",))
    drawn = (KINDS["fur"].render(0, index, SIZE, assets) for index in range(9))
    masked = next(each for each in drawn if each.parameters["body"] == "mask")
    assert masked.alpha[36, 36] > 0.8
    assert masked.alpha[:, :6].max() < 0.5
    colours = masked.colours[masked.alpha > 0.5]
    assert colours[:, 0].mean() > 3 * colours[:, 1].mean()


def test_colours_come_from_photographs_where_asked_for(tmp_path):
    images.write_image(tmp_path / "blue.png", to_bytes(np.ones((40, 50, 3)) * [0.1, 0.2, 0.9]))
    assets = Assets(photographs=(tmp_path / "blue.png",))
    for index in range(12):
        drawn = KINDS["grass"].render(0, index, SIZE, assets)
        if drawn.parameters["colour"] == "photograph" and drawn.parameters["dry"] < 0.2:
            colours = drawn.colours[drawn.alpha > 0.5].mean(axis=0)
            assert colours[2] > colours[0]
            return
    pytest.fail("no rendering took its colours from the photograph")


def test_no_hair_grows_in_the_face():
    rng = np.random.default_rng(0)
    roots, _ = scalp_roots(rng, person(rng), 500, "middle")
    assert len(roots) == 500
    assert not ((roots[:, 2] > 0.25) & (roots[:, 1] > 0.0)).any()


def test_strands_behind_the_body_are_told_from_those_before_it():
    surface = surface_of(
        np.random.default_rng(0), [Cone((0.5, 0.2, 0), (0.5, 0.8, 0), (0.1, 0.1), "post")], roughness=0
    )
    line = np.linspace([0.5, 0.3, 0.0], [0.5, 0.7, 0.0], 10)
    offsets = np.array([[0, 0, -0.2], [0, 0.25, -0.2], [0, 0, 0.2], [0.3, 0, -0.2]])
    mostly, wholly = is_behind(surface, line + offsets[:, None])
    np.testing.assert_array_equal(mostly, [True, True, False, False])
    np.testing.assert_array_equal(wholly, [True, False, False, False])
