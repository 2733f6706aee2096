import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from deepmatte.training import noise

CPU = torch.device("cpu")


def test_fields_are_their_coarse_values_enlarged() -> None:
    rng = np.random.default_rng(0)
    coarse = [noise.draw_smooth(90, wavelength, rng) for wavelength in (90, 9, 31)]
    assert [len(each) for each in coarse] == [2, 11, 4]
    found = noise.spread(coarse, 90, CPU)
    for field, each in zip(found, coarse, strict=True):
        grid = torch.from_numpy(each)[None, None]
        expected = F.interpolate(grid, size=90, mode="bicubic", align_corners=True)[0, 0].clamp(0, 1)
        torch.testing.assert_close(field, expected, atol=1e-5, rtol=0)


def test_grain_is_normal_and_each_start_its_own() -> None:
    starts = [0, 70_000, noise._TABLE - 100]  # the last one goes on at the table's beginning
    grain = noise.grain(starts, (3, 120, 170), CPU)
    for part in grain:
        assert abs(part.mean()) < 0.02
        assert abs(part.std() - 1) < 0.02
    assert torch.equal(grain[2].view(-1)[100:], grain[0].view(-1)[:-100])
    assert abs((grain[0] * grain[1]).mean()) < 0.02
