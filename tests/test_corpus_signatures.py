import numpy as np
import pytest

from deepmatte.pixels import Floats, resize, to_bytes
from deepmatte.training.corpus import signatures
from deepmatte.training.corpus.signatures import Gallery, sign


def _blob(seed: int, height: int = 90, width: int = 131) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    colours, alpha = (resize(rng.random((6, 7, planes), np.float32), height, width) for planes in (3, 1))
    return colours, np.clip(alpha[..., 0] * 3 - 1, 0, 1)


@pytest.fixture
def gallery() -> Gallery:
    gallery = Gallery()
    for seed in range(150):
        gallery.add(f"blob {seed}", sign(*_blob(seed)))
    return gallery


def test_a_picture_at_another_size_and_depth_is_the_same(gallery: Gallery) -> None:
    colours, alpha = _blob(7, 45, 65)
    assert gallery.same(sign(to_bytes(colours), to_bytes(alpha))) == ["blob 7"]
    assert gallery.related(sign(to_bytes(colours), to_bytes(alpha))) == ["blob 7"]


def test_a_mirror_image_is_the_same(gallery: Gallery) -> None:
    colours, alpha = _blob(140)
    assert gallery.same(sign(colours[:, ::-1], alpha[:, ::-1])) == ["blob 140"]


def test_other_colours_are_a_relation_but_not_the_same(gallery: Gallery) -> None:
    colours, alpha = _blob(7)
    assert gallery.same(sign(1 - colours, alpha)) == []
    assert gallery.related(sign(1 - colours, alpha)) == ["blob 7"]


def test_other_proportions_are_a_relation_but_not_the_same(gallery: Gallery) -> None:
    assert gallery.same(sign(*_blob(7, 131, 90))) == []
    assert gallery.related(sign(*_blob(7, 131, 90))) == ["blob 7"]


def _spot(x: int, y: int, colour: tuple[float, ...], power: int = 2) -> tuple[Floats, Floats]:
    """A small subject in a large frame: a disc, or a diamond for the power 1."""
    rows, columns = np.mgrid[:500, :750].astype(np.float32)
    distance = (np.abs(rows - y) ** power + np.abs(columns - x) ** power) ** (1 / power)
    return np.broadcast_to(np.float32(colour), (500, 750, 3)), np.clip(11.5 - distance, 0, 1)


def test_small_subjects_are_told_apart() -> None:
    gallery = Gallery()
    gallery.add("red", sign(*_spot(150, 100, (1, 0, 0))))
    for other in (
        _spot(600, 400, (0, 0, 1), power=1),
        _spot(350, 250, (0, 1, 0)),
    ):
        assert gallery.same(sign(*other)) == gallery.related(sign(*other)) == []
    recoloured = sign(*_spot(150, 100, (0, 1, 0)))
    assert (gallery.same(recoloured), gallery.related(recoloured)) == ([], ["red"])


def test_a_small_subject_at_another_size_depth_and_side_is_the_same() -> None:
    gallery = Gallery()
    colours, alpha = _spot(150, 100, (1, 0.5, 0.25))
    gallery.add("spot", sign(colours, alpha))
    small = (to_bytes(resize(colours, 250, 375)), to_bytes(resize(alpha[..., None], 250, 375))[..., 0])
    for view in (small, (small[0][:, ::-1], small[1][:, ::-1])):
        assert gallery.same(sign(*view)) == gallery.related(sign(*view)) == ["spot"]


def test_strangers_are_neither(gallery: Gallery) -> None:
    assert gallery.related(sign(*_blob(999))) == []
    assert Gallery().related(sign(*_blob(7))) == []


def test_photographs_are_told_apart_by_their_colours() -> None:
    gallery = Gallery()
    gallery.add("sky", sign(_blob(0)[0]))
    gallery.add("sea", sign(_blob(1)[0]))
    assert gallery.related(sign(_blob(1)[0])) == ["sea"]


def test_the_bound_never_rules_out_what_is_near() -> None:
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 256, (2, 16, 16, 4), np.uint8)
    bound = signatures._distance(signatures._means(planes[0]), signatures._means(planes[1]))
    assert bound <= signatures._distance(planes[0] / np.float32(255), planes[1] / np.float32(255))
