"""Scenes for Blender, rendered by its Cycles in a process of its own, and its pictures developed.

Blender comes as the Python module `bpy`. It is never imported here: `scene` runs in another process,
with this interpreter or the one that the environment variable DEEPMATTE_BLENDER names, so that neither a
crash nor its global state reaches a job.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.errors import MatteError
from deepmatte.grids import reduce_by
from deepmatte.pixels import AnyArray, Floats
from deepmatte.training.corpus.render.blender import scene

Doubles = NDArray[np.float64]

PYTHON = "DEEPMATTE_BLENDER"
# Side of a pixel in pixels of the rendering; how often each of those is sampled for colours, for alpha, and
# for both where alpha depends on how light is refracted; and how long one may take.
FINER = 2
SAMPLES, ALPHA_SAMPLES, GLASS_SAMPLES = 10, 36, 48
_LIMIT_S = 3600
# Where bright colours begin to be held back, as a film does.
_SHOULDER = 0.75


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface: vertices (V, 3) and faces (F, 4) in the picture's space, with x to the right, y downwards
    and z towards the viewer in shares of its side.

    material: inputs of Blender's principled shader; remesh: how fine it is melted into one, 0 for not at all.
    """

    vertices: Doubles
    faces: NDArray[np.intp]
    material: dict[str, Any]
    is_smooth: bool = True
    remesh: float = 0.0


@dataclass(frozen=True, eq=False)
class Fibres:
    """Strands (N, K, 3) in the picture's space, their radii (N, K) and linear colours (N, 3); look: inputs of
    Blender's hair shader.
    """

    places: Doubles
    radii: Doubles
    tints: Doubles
    look: dict[str, float]


@dataclass(frozen=True, eq=False)
class Stage:
    """What is rendered.

    room: (H, W, 3), linear, what surrounds all; strength: how bright it is; lamps: places, colours, sizes and
    energies; focus, blur: what distance behind the middle is sharp, and how wide the lens is, 0 for a
    pinhole; motion: way and turn, or nothing; bounces: of light; seed: of Cycles;
    is_clear: whether light passes through what is seen, so that alpha comes of light's ways, else of what
    is covered.
    """

    meshes: list[Mesh]
    fibres: Fibres | None
    room: Doubles
    strength: float
    lamps: list[dict[str, Any]]
    seed: int
    focus: float = 0.0
    blur: float = 0.0
    motion: dict[str, Any] = field(default_factory=dict)
    bounces: int = 8
    is_clear: bool = False


def python() -> str:
    """Return the interpreter that has Blender. Raises MatteError where there is none."""
    if named := os.environ.get(PYTHON):
        return named
    if importlib.util.find_spec("bpy") is None:
        raise MatteError(
            "Blender's module bpy is not installed: pip install 'deepmatte[blender]' with Python 3.11, or let"
            f" {PYTHON} name an interpreter that has it"
        )
    return sys.executable


def require() -> None:
    """Raise MatteError where Blender is not installed."""
    python()


def render(stage: Stage, size: int) -> tuple[Floats, Floats]:
    """Return a stage's gamma-encoded colours times alpha (S, S, 3) and its alpha (S, S).

    Raises MatteError if Blender ends without a picture, or with one that cannot be.
    """
    with tempfile.TemporaryDirectory(prefix="deepmatte-blender-") as name:
        folder = Path(name)
        _write(stage, size * FINER, folder)
        _run([python(), str(Path(scene.__file__)), name])
        return develop(_read(folder / "picture.npy", size * FINER))


def develop(picture: AnyArray) -> tuple[Floats, Floats]:
    """Return gamma-encoded colours times alpha (S, S, 3) and alpha (S, S), FINER times reduced.

    picture: (S × FINER, S × FINER, 4), linear colours times alpha, then alpha. Bright colours are held back
    above a shoulder; sRGB's curve is IEC 61966-2-1's.
    """
    alpha = np.clip(picture[..., 3:].astype(np.float64), 0, 1)
    layer = np.concatenate([np.maximum(picture[..., :3], 0), alpha], axis=2)
    around = ndimage.gaussian_filter(layer, (1.5, 1.5, 0))
    # Where next to nothing is seen its colour is mostly noise, and its neighbours' is a better guess.
    share = np.clip(alpha / 0.3, 0, 1)
    own, near = (each[..., :3] / np.maximum(each[..., 3:], 1e-6) for each in (layer, around))
    colours = near + share * (own - near)
    room = 1 - _SHOULDER
    held = _SHOULDER + room * (1 - np.exp(-np.maximum(colours - _SHOULDER, 0) / room))
    colours = np.where(colours > _SHOULDER, held, colours)
    encoded = np.where(
        colours <= 0.0031308, 12.92 * colours, 1.055 * np.maximum(colours, 1e-9) ** (1 / 2.4) - 0.055
    )
    layer = np.concatenate([encoded * alpha, alpha], axis=2).astype(np.float32)
    reduced = reduce_by(np.moveaxis(layer, -1, 0), FINER)
    return np.moveaxis(reduced[:3], 0, -1), reduced[3]


def linear(colours: AnyArray) -> Doubles:
    """Return gamma-encoded colours as linear ones."""
    colours = np.asarray(colours, np.float64)
    return np.asarray(np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4))


def _write(stage: Stage, side: int, folder: Path) -> None:
    arrays: dict[str, Any] = {"room": stage.room}
    for number, mesh in enumerate(stage.meshes):
        arrays[f"vertices{number}"], arrays[f"faces{number}"] = _turned(mesh.vertices), mesh.faces
    if stage.fibres is not None:
        arrays["strands"], arrays["radii"] = _turned(stage.fibres.places), stage.fibres.radii
        arrays["tints"] = stage.fibres.tints
    np.savez(folder / "scene.npz", **arrays)
    settings = {
        "meshes": [
            {"material": mesh.material, "is_smooth": mesh.is_smooth, "remesh": mesh.remesh}
            for mesh in stage.meshes
        ],
        "hair": stage.fibres.look if stage.fibres else {},
        "world": {"strength": stage.strength},
        "lamps": stage.lamps,
        "camera": {"focus": stage.focus, "blur": stage.blur},
        "motion": stage.motion,
        "bounces": stage.bounces,
        "samples": GLASS_SAMPLES if stage.is_clear else SAMPLES,
        "alpha_samples": 0 if stage.is_clear else ALPHA_SAMPLES,
        "seed": stage.seed,
        "side": side,
    }
    (folder / "scene.json").write_text(json.dumps(settings), "utf-8")


def _turned(places: Doubles) -> Doubles:
    """Return places of the picture's space as the script has them."""
    x, y, z = np.moveaxis(places, -1, 0)
    return np.stack([x - 0.5, -z, 0.5 - y], axis=-1)


def _run(command: list[str]) -> None:
    """Run the script. Raises MatteError, on one line, if it does not end well."""
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_LIMIT_S)
    except OSError as error:
        raise MatteError(f"{command[0]} cannot be run ({error.strerror}); check {PYTHON}") from error
    except subprocess.TimeoutExpired as error:
        raise MatteError(f"Blender took more than {_LIMIT_S} s and was ended") from error
    if done.returncode:
        code = done.returncode
        how = f"exit code {code}" if code > 0 else signal.Signals(-code).name
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise MatteError(f"Blender ended with {how}: {lines[-1].strip() if lines else 'it said nothing'}")


def _read(path: Path, side: int) -> Floats:
    """Return the script's picture. Raises MatteError if there is none, or it is not what was asked for."""
    try:
        picture: Floats = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise MatteError("Blender ended without a picture") from error
    if picture.shape != (side, side, 4) or picture.dtype != np.float32 or not np.isfinite(picture).all():
        raise MatteError(
            f"Blender's picture is {picture.dtype} {picture.shape}; expected finite float32 {(side, side, 4)}"
        )
    return picture
