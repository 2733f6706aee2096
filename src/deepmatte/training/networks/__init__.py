"""One file per architecture, and their names."""

from typing import Any

from torch import nn

from deepmatte.training.networks.dim import DeepImageMatting
from deepmatte.training.networks.guided import GuidedNet

BUILDERS: dict[str, type[DeepImageMatting] | type[GuidedNet]] = {"dim": DeepImageMatting, "guided": GuidedNet}


def build(name: str, **settings: Any) -> nn.Module:
    """Build a network by its name in BUILDERS. Raises KeyError for other names."""
    return BUILDERS[name](**settings)
