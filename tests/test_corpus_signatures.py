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
