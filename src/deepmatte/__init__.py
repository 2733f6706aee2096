"""Alpha mattes of hair, fur, lace, glass and smoke from a photo and a trimap.

Names are loaded when they are first used, so that `import deepmatte` is quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

from deepmatte.version import __version__ as __version__

if TYPE_CHECKING:
    from deepmatte import trimap as trimap
    from deepmatte.cutout import cut as cut
    from deepmatte.errors import BadInput as BadInput
    from deepmatte.errors import BadOutput as BadOutput
    from deepmatte.errors import MatteError as MatteError
    from deepmatte.errors import ModelUnavailable as ModelUnavailable
    from deepmatte.foreground import estimate_foreground as estimate_foreground
    from deepmatte.matting import MattingOptions as MattingOptions
    from deepmatte.matting import estimate_alpha as estimate_alpha
    from deepmatte.models import load_model as load_model
    from deepmatte.pixels import composite as composite

__all__ = [
    "BadInput",
    "BadOutput",
    "MatteError",
    "MattingOptions",
    "ModelUnavailable",
    "__version__",
    "composite",
    "cut",
    "estimate_alpha",
    "estimate_foreground",
    "load_model",
    "trimap",
]

_MODULE_OF = {
    "BadInput": "errors",
    "BadOutput": "errors",
    "MatteError": "errors",
    "MattingOptions": "matting",
    "ModelUnavailable": "errors",
    "composite": "pixels",
    "cut": "cutout",
    "estimate_alpha": "matting",
    "estimate_foreground": "foreground",
    "load_model": "models",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name == "trimap":
        return importlib.import_module("deepmatte.trimap")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'deepmatte' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"deepmatte.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
