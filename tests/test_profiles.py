import io

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from deepmatte import profiles
from deepmatte.errors import BadInput
from deepmatte.pixels import AnyArray, to_bytes, to_unit

RGB = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _p3() -> bytes:
    """libvips' own Display P3."""
    dot = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    return bytes(dot.icc_transform("p3").get("icc-profile-data"))


def _by_pillow(pixels: AnyArray, icc: bytes, wanted: bytes) -> AnyArray:
    source, target = (ImageCms.ImageCmsProfile(io.BytesIO(each)) for each in (icc, wanted))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return np.asarray(
        ImageCms.profileToProfile(Image.fromarray(pixels), source, target, renderingIntent=intent)
    )


def test_colours_of_the_same_profile_are_left_alone() -> None:
    for icc in (None, b"anything"):
        assert profiles.convert(RGB, icc, icc) is RGB


def test_colours_become_what_pillow_makes_of_them() -> None:
    for icc, wanted in ((SRGB, _p3()), (_p3(), SRGB)):
        ours = to_bytes(to_unit(profiles.convert(RGB, icc, wanted))).astype(int)
        assert np.abs(ours - _by_pillow(RGB, icc, wanted)).max() <= 1


def test_no_profile_is_srgb() -> None:
    np.testing.assert_array_equal(to_bytes(to_unit(profiles.convert(RGB, SRGB, None))), RGB)
    np.testing.assert_array_equal(to_bytes(to_unit(profiles.convert(RGB, None, SRGB))), RGB)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_come_back(dtype: type) -> None:
    pixels = RGB if dtype is np.uint8 else RGB.astype(np.uint16) * 257
    back = profiles.convert(profiles.convert(pixels, None, _p3()), _p3(), None)
    assert back.dtype == np.uint16
    assert np.abs(to_unit(back) - to_unit(pixels)).max() < 1 / 255


@pytest.mark.parametrize("broken", [b"no profile", SRGB[:128] + bytes(len(SRGB) - 128)])
@pytest.mark.parametrize("is_source", [False, True])
def test_a_profile_that_is_none_is_one_line(broken: bytes, is_source: bool) -> None:
    with pytest.raises(BadInput, match="a colour profile cannot be used") as caught:
        profiles.convert(RGB, *((broken, None) if is_source else (None, broken)))
    assert "\n" not in str(caught.value)
    assert not profiles.is_usable(broken)
    assert profiles.is_usable(SRGB)


@pytest.mark.parametrize(("channels", "fits"), [(1, False), (3, True), (4, False)])
def test_a_profile_fits_the_channels_it_was_made_for(channels: int, fits: bool) -> None:
    assert profiles.fitting(SRGB, channels) == (SRGB if fits else None)
    assert profiles.fitting(SRGB + bytes(7), channels) == (SRGB if fits else None)  # what follows is cut off
    for broken in (None, b"", SRGB[:-1], SRGB[:36] + b"nope" + SRGB[40:]):
        assert profiles.fitting(broken, 3) is None


def test_a_profile_grows_to_a_multiple_of_four() -> None:
    """PNG's library refuses others, at the very end of the work."""
    assert len(SRGB) % 4 == 0
    for more in (1, 2, 3):
        size = len(SRGB) + more
        fitting = profiles.fitting(size.to_bytes(4, "big") + SRGB[4:] + bytes(more), 3)
        assert fitting == (len(SRGB) + 4).to_bytes(4, "big") + SRGB[4:84] + bytes(16) + SRGB[100:] + bytes(4)
        assert profiles.is_usable(fitting)
