"""Models without weights: sessions that answer by a rule a test can work out by hand."""

from collections.abc import Callable

import numpy as np

from deepmatte import framing
from deepmatte.models import Model
from deepmatte.models.spec import ModelSpec
from deepmatte.pixels import Floats


class RuleSession:
    """Answers with what a function makes of the planes, and keeps the sizes it was asked for."""

    def __init__(self, rule: Callable[[Floats], Floats]) -> None:
        self.rule = rule
        self.sizes: list[tuple[int, ...]] = []

    def run(self, planes: Floats, fields: Floats) -> Floats:
        """Return alpha (H, W) for planes (C, H, W) and fields (G, H / 4, W / 4)."""
        self.sizes += [planes.shape, fields.shape]
        return self.rule(planes)


def rule_model(rule: Callable[[Floats], Floats], stride: int = 8, margin_px: int = 16) -> Model:
    """Return a model whose session follows a rule."""
    spec = ModelSpec(
        name="rule",
        version="1",
        planes=framing.PLANES,
        fields=framing.FIELDS,
        stride=stride,
        margin_px=margin_px,
        licence="Apache-2.0",
        trained="2025-01-31",
        source="written by hand for tests",
    )
    return Model(spec, RuleSession(rule))


def constant_model(value: float = 0.5) -> Model:
    """Return a model that gives one value everywhere."""
    return rule_model(lambda planes: np.full(planes.shape[1:], value, np.float32))


def red_model() -> Model:
    """Return a model whose alpha is the red of each pixel: what it sees is what comes out."""
    return rule_model(lambda planes: planes[0].copy())
