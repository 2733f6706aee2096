"""The pipeline: a picture and a trimap in, an alpha out. Not: files, printing, runtimes by name.

expose → survey the whole picture → for each tile: frame → run the model → keep the core → keep what is known;
once more, if asked to, in the mirrored and perhaps enlarged picture with what is sure by then
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deepmatte import exposure, framing, guides
from deepmatte import trimap as trimaps
from deepmatte.errors import BadInput, ModelUnavailable
from deepmatte.models import Model, load_model
from deepmatte.models.catalogue import DEFAULT
from deepmatte.models.runtime import PRECISIONS, RUNTIMES
from deepmatte.pixels import CUBIC, AnyArray, Bytes, Floats, is_levels, resize, to_unit

Progress = Callable[[int, int], None]

# A second look sees a picture twice as large as it is, unless it has more pixels than this: what is fine in a
# small picture covers whole pixels in a large one (docs/decisions/second-look.md).
_LARGE_PX = 1_000_000

NOTHING_UNKNOWN = "trimap has no unknown pixels, so alpha is the trimap itself"


class MatteWarning(UserWarning):
    """The result is valid but probably not what was wanted."""


@dataclass(frozen=True)
class MattingOptions:
    """How to compute an alpha. Raises BadInput for values that cannot be used."""

    model: str = DEFAULT  # a name that `deepmatte models` lists, or the path of an .onnx file
    tile_px: int = framing.CORE_PX  # longest side of what is computed at once: smaller takes less memory
    # bf16 takes half the time and moves no alpha of the default model by more than 4/255
    # (docs/decisions/runtime.md); "auto" uses it where processor and runtime have it, else f32.
    precision: str = "auto"
    runtime: str = "auto"  # OpenVINO where it is installed, else ONNX Runtime
    # Whether what the first answer is sure of counts as known for a second, in the mirrored picture, and the
    # rest is a mean of both: better, for 1.8 to 3 times the time
    # (docs/decisions/second-look.md).
    second_look: bool = False

    def __post_init__(self) -> None:
        if not self.model:
            raise BadInput("model is an empty text; expected a name or the path of an .onnx file")
        if not isinstance(self.tile_px, int | np.integer) or self.tile_px < 64:
            raise BadInput(f"tile_px is {self.tile_px!r}; expected a whole number, 64 or more")
        _check_choice("precision", self.precision, PRECISIONS)
        _check_choice("runtime", self.runtime, RUNTIMES)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BadInput(f"{name} is {value!r}; expected one of {', '.join(choices)}")


def estimate_alpha(
    image: AnyArray,
    trimap: AnyArray,
    options: MattingOptions | None = None,
    *,
    model: Model | None = None,
    progress: Progress | None = None,
) -> Floats:
    """Return how much of each pixel is foreground, (H, W) float32 in [0, 1].

    image: (H, W, 3), uint8, uint16, bool or floats in [0, 1], colours as stored in files (gamma-encoded).
    trimap: (H, W), any map that trimap.parse reads; its known pixels come out as exactly 0 or 1.
    model: one that load_model returned, instead of the one that the options name.
    progress: called with the number of tiles done and their total.
    Raises BadInput for arrays that cannot be used, ModelUnavailable for a model that cannot be loaded.
    Warns with MatteWarning when the trimap has no unknown pixels.
    """
    image = np.asarray(image)
    _check_image(image)
    known = trimaps.parse(trimap)
    trimaps.check_size(known.shape, image.shape)
    if not trimaps.has_unknown(known):
        to_unit(image)  # whose range is checked, though it is not looked at
        warnings.warn(NOTHING_UNKNOWN, MatteWarning, stacklevel=2)
    return solve(image, known, options or MattingOptions(), model, progress)


def open_model(options: MattingOptions) -> Model:
    """Load the model that the options ask for. Raises ModelUnavailable."""
    return load_model(options.model, precision=options.precision, runtime=options.runtime)


def solve(
    image: AnyArray,
    known: Bytes,
    options: MattingOptions,
    model: Model | None = None,
    progress: Progress | None = None,
) -> Floats:
    """Return the alpha of a checked picture (H, W, 3) and a parsed trimap (H, W) of the same size."""
    if not trimaps.has_unknown(known):
        return trimaps.keep_known(np.zeros(known.shape, np.float32), known)
    model = model or open_model(options)
    _check_inputs(model)
    image = exposure.expose(image)
    tell = progress or _tell_nobody
    if not options.second_look:
        return _look(image, known, options.tile_px, model, tell)
    # Each look is half of the progress: nobody knows the second's tiles before the first has ended.
    alpha = _look(image, known, options.tile_px, model, lambda done, total: tell(done, 2 * total))
    surer = trimaps.settle(known, alpha)
    if not trimaps.has_unknown(surer):
        tell(2, 2)
        return alpha
    # In a mirror: a network errs otherwise there, and a mean of both answers errs less. The second, which
    # knows more, counts twice.
    again = _look_closer(
        image[:, ::-1],
        surer[:, ::-1],
        known[:, ::-1],
        options.tile_px,
        model,
        lambda done, total: tell(total + done, 2 * total),
    )[:, ::-1]
    again -= alpha
    again *= 2 / 3
    again += alpha
    np.copyto(alpha, again, where=surer == trimaps.UNKNOWN)
    return alpha


def _look(
    image: AnyArray,
    known: Bytes,
    tile_px: int,
    model: Model,
    progress: Progress,
    given: Bytes | None = None,
) -> Floats:
    """Return the alpha (H, W) that a model sees in a picture with a trimap that has unknown pixels.

    given: for a second look, the trimap as it was given (guides.survey).
    """
    alpha = np.zeros(known.shape, np.float32)
    survey = guides.survey(np.moveaxis(to_unit(image), -1, 0), known, given)
    tiles = framing.tiles(known, model.spec.stride, tile_px, model.spec.margin_px)
    for done, tile in enumerate(tiles, start=1):
        planes = framing.planes(image, known, survey, tile.padded)
        fields = framing.fields(survey, known.shape, tile.padded)
        reads = (
            framing.pick(planes, framing.PLANES, model.spec.planes),
            framing.pick(fields, framing.FIELDS, model.spec.fields),
        )
        framing.keep_core(alpha, tile, model.session.run(*reads))
        progress(done, len(tiles))
    return trimaps.keep_known(np.clip(alpha, 0, 1, out=alpha), known)


def _look_closer(
    image: AnyArray, known: Bytes, given: Bytes, tile_px: int, model: Model, progress: Progress
) -> Floats:
    """Return what `_look` does, of a picture made twice as large before, if it is not large."""
    if known.size > _LARGE_PX:
        return _look(image, known, tile_px, model, progress, given)
    height, width = known.shape
    image = np.clip(resize(to_unit(image), 2 * height, 2 * width, CUBIC), 0, 1)
    known, given = (part.repeat(2, 0).repeat(2, 1) for part in (known, given))
    alpha = _look(image, known, tile_px, model, progress, given)
    return np.clip(resize(alpha[..., None], height, width, CUBIC)[..., 0], 0, 1)


def _tell_nobody(done: int, total: int) -> None:
    """Take the place of a progress that nobody asked for."""


def _check_image(image: AnyArray) -> None:
    if image.ndim != 3 or image.shape[2] != 3:
        hint = ": leave out the fourth channel" if image.ndim == 3 and image.shape[2] == 4 else ""
        raise BadInput(f"image has shape {image.shape}; expected (height, width, 3){hint}")
    if image.size == 0:
        raise BadInput(f"image has shape {image.shape}; expected at least one pixel")
    if image.dtype.kind not in "bf" and not is_levels(image):
        raise BadInput(f"image is {image.dtype}; expected uint8, uint16, bool or floats in [0, 1]")


def _check_inputs(model: Model) -> None:
    given = {*framing.PLANES, *framing.FIELDS}
    if missing := [name for name in (*model.spec.planes, *model.spec.fields) if name not in given]:
        raise ModelUnavailable(
            f"model {model.spec.name!r} reads {', '.join(missing)}, which this version of deepmatte does not"
            f" give ({', '.join((*framing.PLANES, *framing.FIELDS))}): use a model exported by this version"
        )
