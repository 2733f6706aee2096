"""Vessels of mesh: bins, pen pots, trays, bowls and sieves of expanded metal, chicken wire or welded wire.

Both walls are seen, the far one through the near one, and what stands for metal is a fifth to half of what is
seen of them: too much for a scaffold, too little for a body.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.light import some_light
from deepmatte.training.corpus.render.materials import some_material
from deepmatte.training.corpus.render.noise import smooth_noise
from deepmatte.training.corpus.render.rendering import (
    Assets,
    Choice,
    Generator,
    Kind,
    Parameters,
    Rendering,
    Span,
    from_premultiplied,
    pick,
)
from deepmatte.training.corpus.render.ribbons import Canvas
from deepmatte.training.corpus.render.tubes import draw_tubes, shade, some_camera, tubes_of

Doubles = NDArray[np.float64]

MESHES: Parameters = {
    "vessel": Choice(("round", "box", "bowl"), "what the mesh is bent to", (3, 1, 1)),
    "mesh": Choice(("expanded", "hexagons", "squares"), "how it is made", (4, 1, 2)),
    "pitch_px": Span(6.0, 36.0, "from one opening to the next, in pixels of a picture of 512", "logarithmic"),
    "solid": Span(0.12, 0.4, "how wide a wire is, in shares of the pitch", "logarithmic"),
    "aspect": Span(0.6, 2.2, "how much taller an opening is than wide", "logarithmic"),
    "zoom": Span(0.7, 1.8, "size, 1 fills the picture", "logarithmic"),
    "material": Choice(("metal", "paint", "plastic", "rust"), "what it is made of", (6, 3, 1, 0.5)),
    "dirt": Span(0.0, 0.4, "how differently bright it is along a wire"),
}
_SCALE = 0.72  # of the picture's side, for a vessel about as tall as it, zoomed by 1
_NODES = 4  # of a line, for each opening that it passes
_MOST_NODES = 120_000
# How far aside a wire is at each node, in halves of the pitch: it meets one neighbour at 0, the other at 1,
# in expanded metal in a point, in chicken wire along a twist.
_BENDS = {"expanded": (0.0, 0.5, 1.0, 0.5), "hexagons": (0.0, 0.0, 1.0, 1.0)}


class Wall:
    """What a vessel's mesh is bent to: a surface about the y axis, from the rim down to the foot.

    tall: its height; rim, foot: half its width there; depth: of its section beside its width; corners: the
    power of the section, 2 for an ellipse, more for a box; belly: how much wider it is half way.
    """

    def __init__(self, rng: Generator, vessel: str) -> None:
        self.tall, self.rim = rng.uniform(0.5, 1.15), rng.uniform(0.25, 0.45)
        self.foot = self.rim * rng.uniform(0.6, 1.02)
        self.depth, self.corners = 1.0, 2.0
        self.belly = rng.choice([0.0, 0.0, 0.0, 0.2]) * self.rim
        self.is_bowl = vessel == "bowl"
        if self.is_bowl:
            self.tall, self.foot = self.rim * rng.uniform(0.5, 1.1), 0.05 * self.rim
        if vessel == "box":
            self.depth, self.corners, self.belly = rng.uniform(0.5, 1), rng.uniform(4, 12), 0.0

    @property
    def girth(self) -> float:
        """How long the rim is."""
        return 2 * np.pi * self.rim * (1 + self.depth) / 2

    def at(self, share: Doubles | float, turn: Doubles | float) -> Doubles:
        """Return places (K, 3) at shares of the height, 0 at the rim, and angles in radians; one may be the
        same for all.
        """
        share, turn = (np.array(each) for each in np.broadcast_arrays(share, turn))
        if self.is_bowl:
            radius = self.foot + (self.rim - self.foot) * np.sqrt(np.clip(1 - share**2, 0, 1))
        else:
            radius = self.rim + (self.foot - self.rim) * share + self.belly * np.sin(np.pi * share)
        cos, sin = np.cos(turn), np.sin(turn)
        section = (np.abs(cos) ** self.corners + np.abs(sin) ** self.corners) ** (-1 / self.corners)
        across, deep = radius * section * cos, radius * section * self.depth * sin
        return np.stack([across, (share - 0.5) * self.tall, deep], axis=1)


def meshes(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw a vessel of mesh."""
    values = pick(rng, MESHES)
    light = some_light(rng)
    camera = some_camera(rng, _SCALE * values["zoom"], 0.3, 3.0)
    wall = Wall(rng, values["vessel"])
    common = some_material(rng, values["material"], light, assets)
    trim = common if rng.random() < 0.7 else some_material(rng, "metal", light, assets)
    pitch = values["pitch_px"] / (512 * camera.scale)
    lines = [(line, values["solid"] * pitch, common) for line in lines_of(wall, values, pitch)]
    lines += [(line, width, trim) for line, width in _trimmings(rng, wall, pitch * values["solid"])]
    spots = rng.random((len(lines), 2))
    tubes = tubes_of(
        [camera.see(line) for line, _, _ in lines],
        [max(width * camera.scale, 0.4 / 512) for _, width, _ in lines],
        [material.read(spot[None])[0] for spot, (_, _, material) in zip(spots, lines, strict=True)],
    )
    canvas = Canvas(size)
    # The far wall lies in the near one's shade.
    spots = smooth_noise(rng, 40, 256)
    draw_tubes(
        canvas, tubes, common.finish, shade(tubes.places, spots, rng.uniform(0.1, 0.6), values["dirt"])
    )
    return from_premultiplied(*canvas.reduce(), values)


def lines_of(wall: Wall, values: dict[str, Any], pitch: float) -> list[Doubles]:
    """Return the wires of a wall's mesh, each (K, 3), and no more of them than can be drawn."""
    around = max(round(wall.girth / pitch), 8)
    down = max(round(wall.tall / (pitch * values["aspect"])), 2)
    most = _MOST_NODES / (2 * _NODES)
    if around * down > most:
        around, down = (max(round(count * (most / (around * down)) ** 0.5), 2) for count in (around, down))
    step = 2 * np.pi / around
    turns = np.arange(around) * step
    share = np.linspace(0, 1, down * _NODES + 1)
    if values["mesh"] == "squares":
        circle = np.linspace(0, 2 * np.pi, around * _NODES + 1)
        hoops = [wall.at(height, circle) for height in np.linspace(0, 1, down + 1)]
        return hoops + [wall.at(share, turn) for turn in turns]
    bend = np.resize(_BENDS[values["mesh"]], len(share)) * step / 2
    # Every other wire bends the other way, so that neighbours meet.
    return [wall.at(share, turn + side * bend) for turn in turns for side in (1, -1)]


def _trimmings(rng: Generator, wall: Wall, width: float) -> list[tuple[Doubles, float]]:
    """Return the rim, the foot and perhaps a handle of a vessel, and how wide they are."""
    circle = np.linspace(0, 2 * np.pi, 161)
    out = [
        (wall.at(height, circle), max(rng.uniform(0.01, 0.05), 1.2 * width))
        for height in ((0.0,) if wall.is_bowl else (0.0, 1.0))
    ]
    if rng.random() < 0.3:  # a seam
        out.append((wall.at(np.linspace(0, 1, 21), rng.uniform(0, 2 * np.pi)), 2.5 * width))
    if wall.is_bowl and rng.random() < 0.7:  # a sieve's handle
        along = np.linspace(wall.rim, wall.rim * rng.uniform(2, 3), 21)
        for side in (-1, 1):
            aside = side * 0.06 * np.linspace(1, rng.uniform(0.2, 1), 21)
            out.append((np.stack([along, 0 * along - wall.tall / 2, aside], axis=1), 0.02))
    elif rng.random() < 0.15:
        turn = np.linspace(0, np.pi, 41)
        high = rng.uniform(0.3, 0.7) * wall.tall
        arch = [wall.rim * np.cos(turn), -wall.tall / 2 - high * np.sin(turn), 0 * turn]
        out.append((np.stack(arch, axis=1), 0.015))
    return out


SHAPE_MESHES = (
    Kind("meshes", "meshes", meshes, "bins, trays, bowls and sieves of mesh, both walls of them", MESHES),
)
