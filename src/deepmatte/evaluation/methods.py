"""Matting methods that can be measured: our pipeline, rivals, and folders of mattes made by anything.

All of them are plain data that another process can be given; what is heavy is loaded at the first use.
"""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import importlib.util
import io
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepmatte import images, matting, trimap
from deepmatte.errors import BadInput, ModelUnavailable
from deepmatte.evaluation.benchmarks import Case, find_partners
from deepmatte.models import Model, catalogue, compile_model
from deepmatte.outputs import is_folder_name, show
from deepmatte.pixels import AnyArray, Bytes, Floats, to_bytes, to_unit
from deepmatte.version import __version__

# image (H, W, 3), uint8 or uint16, and trimap (H, W) of {0, 128, 255} → alpha (H, W) in [0, 1].
Estimate = Callable[[AnyArray, Bytes], AnyArray]

OURS = "deepmatte"
OURS_TWICE = "second-look"  # matting.MattingOptions(second_look=True)
# Our names for pymatting's functions estimate_alpha_*.
CLASSIC = {
    "closed-form": "cf",  # Levin, Lischinski and Weiss 2008
    "knn": "knn",  # Chen, Li and Tang 2013
    "learning-based": "lbdm",  # Zheng and Kambhamettu 2009
    "large-kernel": "lkm",  # He, Sun and Tang 2010
    "random-walk": "rw",  # Grady et al. 2005
}
INFORMATION_FLOW = "information-flow"  # Aksoy, Aydin and Pollefeys 2017
NAMES = (OURS, OURS_TWICE, *CLASSIC, INFORMATION_FLOW)


@dataclass(frozen=True)
class Method:
    """A method that is run. To be given to another process, estimate must be a function of a module, or data.

    identity: what its mattes depend on besides the pictures, such as a version or a checksum;
    compiles: it loads or compiles something at its first use.
    """

    name: str
    estimate: Estimate
    identity: str = ""
    compiles: bool = False
    is_timed = True

    def warm_up(self) -> None:
        """Run on a small made picture, so that the first real one is not charged with compiling."""
        if not self.compiles:
            return
        height, width = 48, 64  # the least that all of them take
        across, down = np.meshgrid(np.arange(width), np.arange(height))
        image = np.stack([4 * across, 5 * down, 90 + 0 * down], axis=-1)
        known = np.full((height, width), trimap.UNKNOWN, np.uint8)
        known[:, :16], known[:, 48:] = trimap.FOREGROUND, trimap.BACKGROUND
        self.estimate(image.astype(np.uint8), known)

    def matte(self, case: Case, image: AnyArray, known: Bytes) -> AnyArray:
        """Return the alpha of a picture. Raises whatever the method does."""
        return self.estimate(image, known)

    def fingerprint(self, case: Case) -> str:
        """Return what the matte of a case depends on besides the picture and its trimap."""
        return self.identity


@dataclass(frozen=True)
class Predictions:
    """Mattes that lie in a folder: TRIMAP_SET/NAME.png, or NAME.png where there is one trimap set.

    Any format that keeps a grey picture will do, 8 or 16 bits or float TIFF.
    """

    name: str
    directory: Path
    paths: dict[tuple[str, str], Path]  # of trimap set and name
    is_timed = False

    def warm_up(self) -> None:
        """Do nothing: nothing is compiled."""

    def matte(self, case: Case, image: AnyArray, known: Bytes) -> AnyArray:
        """Return the alpha that lies there. Raises BadInput for files that hold none."""
        path = self.paths[case.trimap_set, case.name]
        levels = images.read_map(path)
        try:
            return to_unit(levels)
        except BadInput as error:
            raise BadInput(f"{show(path)}: {error}") from None

    def fingerprint(self, case: Case) -> str:
        """Return the checksum of the file."""
        return hashlib.sha256(self.paths[case.trimap_set, case.name].read_bytes()).hexdigest()


def open_method(name: str) -> Method:
    """Return a method by its name: one of NAMES, or a model as `deepmatte models` lists it or a file.

    Raises BadInput for other names, ModelUnavailable for a model that cannot be loaded, ModuleNotFoundError
    where the package that a method needs is not installed.
    """
    if name in CLASSIC:
        _need("pymatting")
        version = importlib.metadata.version("pymatting")
        return Method(name, _Classic(CLASSIC[name]), f"pymatting {version}", compiles=True)
    if name == INFORMATION_FLOW:
        return Method(name, information_flow, f"OpenCV {_alphamat().__version__}")
    if name == OURS:
        return open_model()
    if name == OURS_TWICE:
        return _open(name, matting.MattingOptions(second_look=True))
    if is_method(name):
        return open_model(name)
    raise BadInput(f"there is no method {name!r}; expected one of {', '.join(NAMES)}, or a model")


def is_method(name: str) -> bool:
    """Return whether open_method knows a name."""
    return name in NAMES or name in catalogue.names() or name.endswith(".onnx")


def open_model(model: str | None = None, name: str | None = None) -> Method:
    """Return our pipeline, with the default model or another one. name: instead of the model's or its file's.

    Raises ModelUnavailable.
    """
    if model is None:
        return _open(name or OURS, matting.MattingOptions())
    usual = model if model in catalogue.names() else Path(model).stem
    return _open(name or usual, matting.MattingOptions(model=model))


def _open(name: str, options: matting.MattingOptions) -> Method:
    content, spec = catalogue.load_bytes(options.model)
    checksum = hashlib.sha256(content).hexdigest()
    # What the file holds counts, not where it lies.
    settings = dataclasses.replace(options, model=spec.name)
    identity = f"deepmatte {__version__}, {spec.name} {checksum}, {settings}"
    return Method(name, _Pipeline(options, checksum), identity, compiles=True)


@dataclass(frozen=True)
class _Pipeline:
    """The pipeline that users run. checksum: of the model's file, which may be another one by the time it is
    opened: another run may have exported over it.
    """

    options: matting.MattingOptions
    checksum: str

    def __call__(self, image: AnyArray, known: Bytes) -> Floats:
        return matting.solve(image, known, self.options, self._model)

    @functools.cached_property
    def _model(self) -> Model:
        content, spec = catalogue.load_bytes(self.options.model)
        if hashlib.sha256(content).hexdigest() != self.checksum:
            raise ModelUnavailable(
                f"the model file {show(self.options.model)} has changed since this run began; go on with"
                " --resume, or measure a copy that nothing writes to"
            )
        return compile_model(content, spec, self.options.precision, self.options.runtime)

    def __getstate__(self) -> dict[str, Any]:
        # A model cannot go to another process, which opens its own.
        return {"options": self.options, "checksum": self.checksum}


@dataclass(frozen=True)
class _Classic:
    """One of pymatting's methods, with its default settings."""

    suffix: str

    def __call__(self, image: AnyArray, known: Bytes) -> AnyArray:
        # Solvers that do not converge say so by an error; what they print on the way is no news.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            import pymatting

            solve = getattr(pymatting, f"estimate_alpha_{self.suffix}")
            shares = np.where(known == trimap.UNKNOWN, 0.5, known / 255)
            alpha: AnyArray = solve(to_unit(image).astype(np.float64), shares)
            return alpha


def information_flow(image: AnyArray, known: Bytes) -> AnyArray:
    """Return OpenCV's alpha of a picture: in 256 steps, as it makes them. Arrays as in Estimate."""
    pixels = to_bytes(to_unit(image))[..., ::-1]
    return to_unit(np.asarray(_alphamat().alphamat.infoFlow(np.ascontiguousarray(pixels), known)))


def _alphamat() -> Any:
    _need("cv2")
    import cv2

    if not hasattr(cv2, "alphamat"):
        raise BadInput(
            f"{INFORMATION_FLOW} needs an OpenCV with alphamat, which OpenCV {cv2.__version__} here was built"
            " without (as the wheels of opencv-contrib-python are); see docs/evaluation.md"
        )
    return cv2


def _need(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)


def open_predictions(directory: Path, cases: Iterable[Case], name: str | None = None) -> Predictions:
    """Return the mattes in a folder as a method. name: instead of the folder's.

    Raises BadInput that names the files that are missing, there twice, or for no case.
    """
    cases = list(cases)
    if not directory.is_dir():
        raise BadInput(f"{show(directory)} is no folder; expected one that holds a matte for each picture")
    trimap_sets = sorted({case.trimap_set for case in cases})
    has_sets = any((directory / each).is_dir() for each in trimap_sets)
    if not has_sets and len(trimap_sets) > 1:
        raise BadInput(
            f"{show(directory)} holds no folder {trimap_sets[0]}; expected a folder of mattes for each of the"
            f" benchmark's trimap sets: {', '.join(trimap_sets)}"
        )
    paths: dict[tuple[str, str], Path] = {}
    faults: list[str] = []
    for each in trimap_sets:
        names = {case.name for case in cases if case.trimap_set == each}
        found = find_partners(directory / each if has_sets else directory, names, faults)
        paths |= {(each, name): path for name, path in found.items()}
    if faults:
        raise BadInput(f"{'; '.join(faults)}: expected one matte for each picture of the benchmark")
    return Predictions(name or directory.resolve().name, directory, paths)


def check_names(names: Iterable[str]) -> None:
    """Raise BadInput where two methods have one name, or one has a name that no folder could have."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadInput(
                f"two methods are called {name}; expected different names: say NAME=PATH for one of them"
            )
        if not is_folder_name(name):
            raise BadInput(f"{name!r} cannot be a method's name; expected letters, digits, - and _")
        seen.add(name)
