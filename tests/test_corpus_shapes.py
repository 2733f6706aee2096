"""Shapes: text, wires, things with holes, solids, and what they are made with."""

import numpy as np
import pytest

from deepmatte import images
from deepmatte.training.corpus.render import KINDS
from deepmatte.training.corpus.render.bodies import unit
from deepmatte.training.corpus.render.coverage import Mask, Pen, polygon, rounded_box
from deepmatte.training.corpus.render.light import Light
from deepmatte.training.corpus.render.materials import MATERIALS, TEXTURE, some_material
from deepmatte.training.corpus.render.rendering import Assets
from deepmatte.training.corpus.render.ribbons import Canvas
from deepmatte.training.corpus.render.shapes.hulls import box, faceted, outlines, revolved, swept, view
from deepmatte.training.corpus.render.shapes.letters import set_words, some_word, strokes
from deepmatte.training.corpus.render.shapes.meshes import Wall, lines_of
from deepmatte.training.corpus.render.shapes.objects import OBJECTS
from deepmatte.training.corpus.render.shapes.perforations import CUTOUTS, grid, hole
from deepmatte.training.corpus.render.shapes.plates import Plate, bent, render_plate
from deepmatte.training.corpus.render.shapes.scaffolds import STRUCTURES, ring
from deepmatte.training.corpus.render.tubes import Camera, draw_tubes, tubes_of

SQUARE = np.array([[0.1, 0.2], [0.9, 0.2], [0.9, 0.7], [0.1, 0.7]])
LAMP = Light(unit(np.array([-0.4, -0.6, 0.7])), np.ones(3), 0.4, 0.3, 0.2)
STRAIGHT_ON = Camera(np.eye(3), 1.0, (0.5, 0.5), 0.0)


def covered(draw, size=97):
    mask = Mask(size)
    draw(mask)
    return mask.coverage()


@pytest.mark.parametrize("radius_px", [0.4, 3.3, 20.7])
def test_a_disc_covers_pi_times_its_radius_squared(radius_px):
    disc = polygon((0.47, 0.51), np.full(200, radius_px / 97))
    assert covered(lambda mask: mask.fill([disc])).sum() == pytest.approx(np.pi * radius_px**2, rel=0.009)


def test_coverage_is_finer_than_8_bits_and_whole_within():
    alpha = covered(lambda mask: mask.fill([polygon((0.47, 0.51), np.full(200, 0.31))]), 197)
    assert len(np.unique(alpha)) > 350
    assert alpha[90, 90] == 1
    assert alpha[3, 3] == 0


def test_a_sheet_with_holes_on_a_grid_covers_what_the_holes_leave():
    pitch, radius = 0.083, 0.029
    places = grid(pitch, is_staggered=False, low=0.14, high=0.88)
    holes = [hole("round", place, radius, 0.0, np.zeros(8)) for place in places]
    whole = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    alpha = covered(lambda mask: (mask.fill([whole]), mask.clear(holes)), 160)
    left = 1 - len(places) * 28 / 2 * np.sin(2 * np.pi / 28) * radius**2
    assert alpha.mean() == pytest.approx(left, abs=0.001)


def test_a_stroke_is_as_wide_as_its_pen_and_a_narrow_pen_narrower_across():
    line = np.array([[0.2, 0.3], [0.2, 0.8]])
    size = 97
    for pen, width in ((Pen(0.05, is_round=False), 0.05), (Pen(0.05, False, 0.4), 0.02)):
        alpha = covered(lambda mask, pen=pen: mask.stroke([line], pen), size)
        assert alpha[50].sum() == pytest.approx(width * size, rel=0.01)


def test_masks_are_put_together_and_taken_from_each_other():
    left, right = SQUARE * [0.5, 1], SQUARE * [0.5, 1] + [0.3, 0.013]  # 0.1 by 0.487 is in both
    one, other = Mask(97), Mask(97)
    one.fill([left])
    other.fill([right])
    both, rest = Mask(97), Mask(97)
    both.add(one)
    both.add(other)
    rest.add(one)
    rest.take(other)
    assert both.coverage().mean() == pytest.approx(0.4 - 0.1 * 0.487, abs=0.0005)
    assert rest.coverage().mean() == pytest.approx(0.2 - 0.1 * 0.487, abs=0.0005)


def test_union_fills_where_outlines_overlap_and_even_odd_does_not():
    twice = [SQUARE, SQUARE]
    assert covered(lambda mask: mask.fill(twice, is_union=True)).sum() == pytest.approx(0.4 * 97**2, rel=0.01)
    assert covered(lambda mask: mask.fill(twice)).max() == 0


def test_a_box_with_round_corners_lacks_them():
    alpha = covered(lambda mask: mask.fill([rounded_box((0.5, 0.5), (0.4, 0.3), 0.1, nodes=30)]))
    assert alpha.mean() == pytest.approx(0.48 - (4 - np.pi) * 0.01, rel=0.003)


def test_a_flat_sheet_stays_where_it_is_and_a_rolled_one_is_narrower():
    np.testing.assert_allclose(bent(SQUARE, (0.0, 0.0), (0.0, 0.0)), SQUARE)
    rolled = bent(SQUARE, (1.2, 0.0), (0.0, 0.0))
    assert np.ptp(rolled[:, 0]) < np.ptp(SQUARE[:, 0])


def test_a_plates_thickness_adds_to_its_outline():
    def draw(mask, shift):
        mask.fill([SQUARE * 0.6 + 0.1], shift)

    rng = np.random.default_rng(0)
    material = some_material(rng, "metal", LAMP, Assets())
    flat, thick = (
        render_plate(np.random.default_rng(1), 160, Plate(draw, depth, 0.02, 0.5, 0.0, 1.0), material)[1]
        for depth in ((0.0, 0.0), (0.1, 0.0))
    )
    assert flat.mean() == pytest.approx(0.4 * 0.36, rel=0.01)
    assert thick.mean() == pytest.approx(0.4 * 0.36 + 0.1 * 0.3, rel=0.01)


@pytest.mark.parametrize("width_px", [0.4, 2.3, 9.0])
def test_a_tube_covers_its_length_times_its_width(width_px):
    line = np.linspace([0.2, 0.3, 0], [0.8, 0.55, 0], 9)
    canvas = Canvas(90)
    material = some_material(np.random.default_rng(0), "metal", LAMP, Assets())
    draw_tubes(canvas, tubes_of([line], [width_px / 90], [np.full(3, 0.6)]), material.finish)
    assert canvas.reduce()[1].sum() == pytest.approx(0.65 * 90 * width_px, rel=0.03)


def test_the_nearer_tube_passes_over_the_farther_wherever_it_comes_in_the_list():
    near = np.linspace([0.1, 0.5, 0.1], [0.9, 0.5, 0.1], 9)
    far = np.linspace([0.5, 0.1, -0.1], [0.5, 0.9, -0.1], 9)
    material = some_material(np.random.default_rng(0), "dull", LAMP, Assets())
    for lines, colours in (((near, far), (0, 2)), ((far, near), (2, 0))):
        canvas = Canvas(90)
        tubes = tubes_of(lines, [0.1, 0.1], [np.eye(3)[colour] * 0.8 for colour in colours])
        draw_tubes(canvas, tubes, material.finish)
        middle = canvas.reduce()[0][45, 45]
        assert middle[0] > middle[2] + 0.2


def test_a_ring_closes():
    line = ring((0.1, 0.2, 0.3), (1, 0, 0), (0, 1, 0))
    np.testing.assert_allclose(line[0], line[-1], atol=1e-12)


BALL = 0.3 * np.stack([np.sin(np.linspace(1e-3, np.pi - 1e-3, 40)), -np.cos(np.linspace(0, np.pi, 40))], 1)


def test_a_ball_covers_a_disc_and_faces_as_a_ball_does():
    ball = revolved(BALL)
    alpha = covered(lambda mask: mask.fill(outlines([ball], STRAIGHT_ON), is_union=True), 160)
    assert alpha.mean() == pytest.approx(np.pi * 0.09, rel=0.005)
    seen = view([ball], STRAIGHT_ON, 160)
    assert (seen.which >= 0).mean() == pytest.approx(np.pi * 0.09, rel=0.03)
    places = (np.argwhere(seen.which >= 0)[::97] + 0.5) / 160 - 0.5
    rows, columns = np.argwhere(seen.which >= 0)[::97].T
    expected = places[:, ::-1] / 0.3
    inner = np.hypot(*expected.T) < 0.9
    np.testing.assert_allclose(seen.normals[rows, columns, :2][inner], expected[inner], atol=0.06)


def test_a_capsule_and_a_cube_cover_what_they_should():
    capsule = swept(np.linspace([-0.25, 0.1, 0], [0.25, 0.1, 0], 9), 0.1)
    alpha = covered(lambda mask: mask.fill(outlines([capsule], STRAIGHT_ON), is_union=True), 160)
    assert alpha.mean() == pytest.approx(0.5 * 0.2 + np.pi * 0.01, rel=0.03)
    cube = faceted(np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * 0.25)
    for solids in (cube, [box((0.25, 0.25, 0.25), edge=0.02)]):
        alpha = covered(lambda mask, solids=solids: mask.fill(outlines(solids, STRAIGHT_ON), is_union=True))
        assert alpha.mean() == pytest.approx(0.25, rel=0.01)


def test_a_large_face_has_no_gaps_that_show_what_lies_behind():
    near = box((0.45, 0.45, 0.05), edge=0.02)
    behind = box((0.45, 0.45, 0.05), edge=0.02).moved(np.eye(3), np.array([0.0, 0.0, -0.4]))
    seen = view([near, behind], STRAIGHT_ON, 397)
    assert (seen.which[30:-30, 30:-30] == 0).all()


def test_the_nearer_solid_is_seen():
    ball = revolved(BALL)
    nearer = ball.moved(np.eye(3), np.array([0.1, 0.0, 0.5]), 0.3)
    for order in ([ball, nearer], [nearer, ball]):
        seen = view(order, STRAIGHT_ON, 97)
        assert order[seen.which[48, 58]] is nearer
        assert order[seen.which[48, 30]] is ball


@pytest.mark.parametrize("name", [*OBJECTS])
def test_objects_face_outwards(name):
    """What is strewn over the front and faces the viewer covers nearly all of the outline."""
    parts = OBJECTS[name](np.random.default_rng(4))
    alpha = covered(lambda mask: mask.fill(outlines(parts, STRAIGHT_ON), is_union=True), 97)
    assert (view(parts, STRAIGHT_ON, 97).which >= 0)[alpha == 1].mean() > 0.9


def test_letters_lie_on_their_grid_and_words_are_set_around_nought():
    for letter in "AgQ0&":
        for line in strokes(letter):
            assert line.min() >= -1e-9
            assert line[:, 0].max() < 4 + 1e-9
            assert line[:, 1].max() < 8 + 1e-9
    places = np.concatenate([line for letter in set_words(["Ohm", "x"], 0.3) for line in letter])
    assert np.ptp(places, axis=0).max() == pytest.approx(1)
    np.testing.assert_allclose(places.min(axis=0), -places.max(axis=0))
    for seed in range(60):
        word = some_word(np.random.default_rng(seed), 5)
        assert len(word) == 5
        assert all(strokes(letter) for letter in word)


@pytest.mark.parametrize("name", MATERIALS)
def test_materials_have_colours_and_the_light_changes_them(name):
    material = some_material(np.random.default_rng(3), name, LAMP, Assets())
    assert material.texture.shape == (TEXTURE, TEXTURE, 3)
    lit = material.finish.lit(np.full((2, 3), 0.5), unit(np.array([[-0.4, -0.6, 0.7], [0.5, 0.8, 0.1]])))
    assert 0 <= lit.min() <= lit.max() <= 1
    assert np.abs(lit[0] - lit[1]).max() > 0.02


@pytest.mark.parametrize("make", [*STRUCTURES.values()])
def test_structures_are_lines_in_space(make):
    for line, thickness, material in make(np.random.default_rng(2)):
        assert line.ndim == 2
        assert line.shape[1] == 3
        assert np.isfinite(line).all()
        assert thickness > 0
        assert material in (0, 1, 2)


@pytest.mark.parametrize("vessel", ["round", "box", "bowl"])
def test_meshes_lie_on_their_wall(vessel):
    wall = Wall(np.random.default_rng(3), vessel)
    for name in ("expanded", "hexagons", "squares"):
        places = np.concatenate(lines_of(wall, {"mesh": name, "aspect": 1.3}, 0.04))
        across = np.hypot(places[:, 0], places[:, 2])
        assert np.abs(places[:, 1]).max() == pytest.approx(wall.tall / 2)
        assert across[places[:, 1] == -wall.tall / 2].min() >= 0.99 * wall.rim * wall.depth
        assert across[places[:, 1] == wall.tall / 2].min() >= 0.99 * wall.foot * wall.depth
        assert across.max() <= np.sqrt(2) * (max(wall.rim, wall.foot) + wall.belly)


@pytest.mark.parametrize(("name", "nodes"), [("expanded", 1), ("hexagons", 2)])
def test_neighbouring_wires_meet_at_their_joints(name, nodes):
    """Each wire at half a pitch aside of where it began, with the next one that bends the other way."""
    wall = Wall(np.random.default_rng(5), "round")
    lines = lines_of(wall, {"mesh": name, "aspect": 1.0}, 0.06)
    there, back = lines[0], lines[3]
    assert np.allclose(lines[0][0], lines[1][0])
    meet = np.linalg.norm(there - back, axis=1) < 1e-9
    assert meet[:-1].reshape(-1, 4).sum(axis=1).tolist() == [nodes] * (len(meet) // 4)


def test_a_mesh_of_squares_has_the_openings_that_were_asked_for_unless_they_are_too_many():
    wall = Wall(np.random.default_rng(7), "round")
    lines = lines_of(wall, {"mesh": "squares", "aspect": 2.0}, 0.05)
    around, down = round(wall.girth / 0.05), round(wall.tall / 0.1)
    assert len(lines) == around + down + 1
    fine = lines_of(wall, {"mesh": "squares", "aspect": 1.0}, 0.0005)
    assert sum(map(len, fine)) < 2 * 120_000


@pytest.mark.parametrize("name", [*CUTOUTS])
def test_cutouts_have_holes_and_leave_something(name):
    around, within = CUTOUTS[name](np.random.default_rng(1), 0.07, 0.6)
    alpha = covered(lambda mask: ([mask.fill([line]) for line in around], mask.clear(within)))
    whole = covered(lambda mask: [mask.fill([line]) for line in around])
    assert 0.02 < alpha.mean() < whole.mean() - 0.001


def test_cutouts_of_photographs_keep_their_colours_and_their_alpha(tmp_path):
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[..., 1] = 200
    pixels[5:35, 10:50, 3] = 255
    images.write_image(tmp_path / "a.png", pixels[..., :3], pixels[..., 3])
    assets = Assets(masks=(tmp_path / "a.png",))
    shown = [KINDS["solids"].render(0, number, 97, assets) for number in range(8)]
    cut = [each for each in shown if each.parameters["object"] == "mask"]
    assert 0 < len(cut) < 8
    assert any(np.ptp(each.colours[each.alpha > 0.9], axis=0).max() < 0.01 for each in cut)
