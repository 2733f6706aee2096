"""What every kind of rendering promises: the same pixels of a seed, documented ranges, fine alpha."""

import functools

import numpy as np
import pytest

from deepmatte.training.corpus.render import KINDS, USUAL
from deepmatte.training.corpus.render.rendering import Rendering, Span, extend_colours

SIZE = 41

every_kind = pytest.mark.parametrize("name", USUAL)


@functools.cache
def rendered(name: str, index: int = 1) -> Rendering:
    """Return one picture of a kind, drawn once for all tests."""
    return KINDS[name].render(5, index, SIZE)


def test_there_are_kinds_in_every_group() -> None:
    assert {KINDS[name].group for name in USUAL} == {
        "strands",
        "foliage",
        "textiles",
        "vapour",
        "glass",
        "shapes",
        "meshes",
    }


@every_kind
def test_the_same_seed_draws_the_same_pixels_and_another_index_does_not(name: str) -> None:
    first, again = rendered(name), KINDS[name].render(5, 1, SIZE)
    np.testing.assert_array_equal(again.alpha, first.alpha)
    np.testing.assert_array_equal(again.colours, first.colours)
    assert again.parameters == first.parameters
    assert np.abs(rendered(name, 2).alpha - first.alpha).mean() > 0.001


@every_kind
def test_something_is_soft_and_something_left_free(name: str) -> None:
    alphas = np.stack([rendered(name, index).alpha for index in (1, 2)])
    assert ((alphas > 0.02) & (alphas < 0.98)).mean() > 0.01
    assert (alphas == 0).mean() > 0.02
    assert alphas.max() > 0.3


@every_kind
def test_what_was_drawn_lies_within_what_is_documented(name: str) -> None:
    for index in (1, 2):
        for key, parameter in KINDS[name].parameters.items():
            value = rendered(name, index).parameters[key]
            if isinstance(parameter, Span):
                assert parameter.low <= value <= parameter.high, key
            else:
                assert value in parameter.options, key


@every_kind
def test_alpha_is_finer_than_8_bits(name: str) -> None:
    alphas = np.stack([rendered(name, index).alpha for index in (1, 2)])
    levels = 255 * alphas[(alphas > 0) & (alphas < 1)]
    assert (np.abs(levels - np.rint(levels)) > 0.01).mean() > 0.8


@every_kind
def test_colours_go_on_where_nothing_is_seen(name: str) -> None:
    rendering = rendered(name)
    extended = extend_colours(rendering.colours, rendering.alpha)
    np.testing.assert_allclose(rendering.colours, extended, atol=1e-6)


# Threads and twigs are thinner than a pixel here; fur stands for all strands, which take long.
THIN = ("lace", "net", "twigs")
SCALED = [name for name in USUAL if name not in THIN and KINDS[name].group != "strands"]


@pytest.mark.parametrize("name", [*SCALED, "fur"])
def test_a_rendering_hardly_changes_with_its_size(name: str) -> None:
    large = KINDS[name].render(5, 1, 2 * SIZE).alpha
    halved = large.reshape(SIZE, 2, SIZE, 2).mean(axis=(1, 3))
    assert np.abs(halved - rendered(name).alpha).mean() < 0.03
