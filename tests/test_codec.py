import numpy as np
import pytest

from deepmatte import codec


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 5)])
def test_pixels_of_any_layout_in_memory_come_back(dtype: type, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 250, shape, dtype)
    for each in (pixels, pixels[::-1, ::2]):
        back = codec.to_vips(each).numpy()
        np.testing.assert_array_equal(back.reshape(each.shape), each)


class Failure(Exception):
    def __init__(self, detail: str) -> None:
        self.detail = detail


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ("  first\nsecond\n", "first"),
        ("first\nsystem error: No space left on device\n", "No space left on device"),
        ("", "no reason given"),
        ("odd\x07bell", "odd?bell"),
        ("x" * 300, "x" * 160),
    ],
)
def test_an_error_is_one_line_that_can_be_printed(detail: str, said: str) -> None:
    assert codec.explain(Failure(detail)) == said


def test_lack_of_memory_is_no_damage() -> None:
    with pytest.raises(MemoryError):
        codec.explain(Failure("vips_tracked: out of memory -- size == 231MB\n"))
