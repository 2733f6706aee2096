"""Nets, lace, knitting and veils: what they cover, how they go on, how cloth folds."""

import numpy as np
import pytest

from deepmatte import images
from deepmatte.training.corpus.render import KINDS
from deepmatte.training.corpus.render.quads import atlas_of, draw_quads, halvings
from deepmatte.training.corpus.render.rendering import Assets, pick
from deepmatte.training.corpus.render.ribbons import Canvas
from deepmatte.training.corpus.render.textiles.cloth import fold_cover
from deepmatte.training.corpus.render.textiles.drapes import DRAPE, Sheet, hang, sheet_quads
from deepmatte.training.corpus.render.textiles.lacework import border_tile, lace_tile
from deepmatte.training.corpus.render.textiles.threads import MESHES, STITCHES, knit_tile, net_tile

STRAIGHT = {"knots": 0.0, "slack": 0.0, "twist": 0.0, "fuzz": 0.0, "toward": np.array([-0.6, -0.8])}
LACE = {
    "ground": "hexagon",
    "grounds": 14,
    "thread": 0.15,
    "cord": 0.012,
    "filling": 1.0,
    "toward": np.zeros(2),
}


@pytest.mark.parametrize(("cells", "width"), [(6, 0.2), (9, 0.1), (20, 0.3), (40, 0.1)])
def test_a_straight_square_net_covers_what_its_threads_do(cells, width):
    tile = net_tile(np.random.default_rng(0), "square", cells, width, STRAIGHT, 168)
    assert tile[..., 3].mean() == pytest.approx(1 - (1 - width) ** 2, rel=0.03)


def test_diamonds_cover_more_for_their_threads_lie_aslant():
    tile = net_tile(np.random.default_rng(0), "diamond", 5, 0.05, STRAIGHT, 240)
    assert tile[..., 3].mean() == pytest.approx(1 - (1 - 0.05 * np.sqrt(2)) ** 2, rel=0.06)


def test_holes_are_round_and_free():
    tile = net_tile(np.random.default_rng(0), "holes", 7, 0.3, STRAIGHT, 168)
    per_cell = np.sqrt(3) / 2  # of a mesh of 1, in rows one closer than wide
    assert 1 - tile[..., 3].mean() == pytest.approx(np.pi * 0.35**2 / per_cell, rel=0.1)
    assert (tile[..., 3] == 0).mean() > 0.3


@pytest.mark.parametrize("mesh", MESHES)
def test_nets_go_on_beyond_their_tile(mesh):
    values = {**STRAIGHT, "knots": 1.6, "slack": 0.1, "twist": 0.3}
    goes_on(net_tile(np.random.default_rng(2), mesh, 5, 0.2, values, 120))


@pytest.mark.parametrize("stitch", STITCHES)
def test_knitting_goes_on_beyond_its_tile(stitch):
    values = {**STRAIGHT, "slack": 0.1, "twist": 0.3, "fuzz": 0.3}
    goes_on(knit_tile(np.random.default_rng(2), stitch, 4, 0.3, values, 120))


def test_lace_goes_on_beyond_its_tile():
    goes_on(lace_tile(np.random.default_rng(2), LACE, 160))


def goes_on(tile):
    """Check that the step across a tile's edge is no larger than those beside it."""
    alpha = tile[..., 3]
    for turned in (alpha, alpha.T):
        steps = np.abs(np.diff(np.concatenate([turned[-8:], turned[:8]]), axis=0)).mean(axis=1)
        assert steps[7] < 1.6 * steps.max(initial=0, where=np.arange(15) != 7) + 0.01
    assert 0.05 < alpha.mean() < 1
    assert (tile[..., :3] <= tile[..., 3:] + 1e-6).all()


def test_lace_ends_in_scallops():
    rng = np.random.default_rng(1)
    inner = lace_tile(rng, LACE, 160)
    border = border_tile(rng, LACE, 160, inner)
    assert border[-3:, :, 3].max() == 0
    np.testing.assert_array_equal(border[:40, :, 3] >= inner[:40, :, 3] - 1e-6, True)


def test_a_thin_layer_covers_more_where_it_is_seen_aslant():
    np.testing.assert_allclose(fold_cover(0.3, np.array([1.0, 0.5])), [0.3, 1 - 0.7**2])


def flat(tile, side=2):
    steps = np.arange(9) / 8 * side * tile
    places = np.stack([*np.meshgrid(steps, steps), np.zeros((9, 9))], axis=2)
    return Sheet(places, np.broadcast_to([0.0, 0, 1], places.shape), steps, steps)


def test_layers_of_a_flat_net_cover_what_none_leaves_free():
    net = net_tile(np.random.default_rng(0), "square", 8, 0.2, STRAIGHT, 128)
    net[..., 3] = net[..., 3].mean()
    net[..., :3] = 0.5 * net[..., 3:]
    atlas, sheet = atlas_of(halvings([net]), repeats=True), flat(0.5)
    canvas = Canvas(75)
    one = sheet_quads(sheet, atlas, 0.5, np.ones((9, 9, 3)), np.ones((9, 9)))
    for layers in (1, 2):
        draw_quads(canvas, one, atlas)
        inner = canvas.reduce()[1][3:-3, 3:-3]
        np.testing.assert_allclose(inner, 1 - (1 - net[0, 0, 3]) ** layers, atol=1e-3)


def test_a_flat_sheet_covers_what_its_tile_does():
    net = net_tile(np.random.default_rng(0), "square", 6, 0.2, STRAIGHT, 96)
    atlas = atlas_of(halvings([net]), repeats=True)
    canvas = Canvas(90)
    draw_quads(canvas, sheet_quads(flat(0.5), atlas, 0.5, np.ones((9, 9, 3)), np.ones((9, 9))), atlas)
    assert canvas.reduce()[1].mean() == pytest.approx(1 - 0.8**2, rel=0.03)


def test_cloth_keeps_its_length_across_and_deep_folds_turn_over():
    values = {"drape": "blown", "folds": 4.0, "depth": 2.1, "turn": 0.0, "torn": False}
    sheet = hang(np.random.default_rng(0), values, 0.05)
    across = np.sqrt((np.diff(sheet.places, axis=1) ** 2).sum(axis=2))
    assert across.mean() == pytest.approx(sheet.u[1] - sheet.u[0], rel=0.1)
    assert (np.diff(sheet.places[..., 0], axis=1) < 0).any()
    shallow = hang(np.random.default_rng(0), {**values, "depth": 0.3}, 0.05)
    assert (np.diff(shallow.places[..., 0], axis=1) > 0).all()


@pytest.mark.parametrize("drape", DRAPE["drape"].options)
def test_nodes_keep_to_the_tiles_of_the_pattern(drape):
    rng = np.random.default_rng(3)
    sheet = hang(rng, {**pick(rng, DRAPE), "drape": drape}, 0.13)
    step = sheet.u[1] - sheet.u[0]
    assert 0.13 / step == pytest.approx(round(0.13 / step))
    assert sheet.u[-1] / 0.13 == pytest.approx(round(sheet.u[-1] / 0.13))
    np.testing.assert_allclose(np.sqrt((sheet.normals**2).sum(axis=2)), 1, atol=1e-6)
    np.testing.assert_allclose(sheet.at(sheet.u[2], sheet.v[1]), sheet.places[1, 2], atol=1e-9)


def test_textiles_fill_masks_and_take_prints(tmp_path):
    rng = np.random.default_rng(0)
    images.write_image(tmp_path / "photo.png", rng.integers(0, 256, (30, 40, 3), np.uint8))
    mask = np.zeros((60, 60), np.uint8)
    mask[20:40, 20:40] = 255
    images.write_image(tmp_path / "mask.png", mask)
    assets = Assets((tmp_path / "photo.png",), (tmp_path / "mask.png",))
    drawn = [KINDS["net"].render(1, index, 48, assets) for index in range(7)]
    bodies = [each for each in drawn if each.parameters["drape"] == "body"]
    assert bodies
    for body in bodies:
        assert body.alpha[:8].max() == 0
        assert body.alpha[20:28, 16:32].max() > 0.2
