"""Things with holes: perforated sheets, sieves, gratings, ornaments, eaten leaves, rings and chains."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.coverage import Mask, Pen
from deepmatte.training.corpus.render.light import Light, some_light
from deepmatte.training.corpus.render.materials import MATERIALS, TEXTURE, Finish, Material, some_material
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
from deepmatte.training.corpus.render.shapes.perforations import CUTOUTS, leaf_veins
from deepmatte.training.corpus.render.shapes.plates import Plate, bent, render_plate
from deepmatte.training.corpus.render.shapes.scaffolds import ring, straight
from deepmatte.training.corpus.render.tubes import draw_tubes, some_camera, tubes_of

Doubles = NDArray[np.float64]

HOLES: Parameters = {
    "form": Choice((*CUTOUTS, "chain"), "what has holes", (3, 2, 2, 2.5, 2, 1.5, 2)),
    "pitch_px": Span(7, 60, "distance of holes, in pixels of a picture of 512", "logarithmic"),
    "open": Span(0.35, 0.92, "share of the room that holes take of what they could"),
    "thickness_px": Span(0.3, 14, "thickness seen aslant, in pixels of a picture of 512", "logarithmic"),
    "bevel_px": Span(0.8, 8, "width of the rounded edge, in pixels of a picture of 512", "logarithmic"),
    "bend": Span(-1.6, 1.6, "how far it is rolled, in radians; half are flat"),
    "tilt": Span(-0.5, 0.5, "how aslant it is seen"),
    "zoom": Span(0.75, 1.6, "size, 1 fills the picture", "logarithmic"),
    "material": Choice(
        MATERIALS,
        "what it is made of, unless it is a leaf",
        (4, 2, 1.5, 1.5, 1.5, 1.5, 2),
    ),
}


def holes(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw something with holes."""
    values = pick(rng, HOLES)
    light = some_light(rng)
    if values["form"] == "chain":
        return _chain(rng, size, assets, values, light)
    material = some_material(rng, values["material"], light, assets)
    if values["form"] == "leaf":
        material = Material(Finish(light, 0.0, 0.3, material.finish.mirror), _leaf_texture(rng))
    around, within = CUTOUTS[values["form"]](rng, values["pitch_px"] / 512, values["open"])
    seen, lean = _view(rng, values)
    around, within = [seen(line) for line in around], [seen(line) for line in within]

    def draw(mask: Mask, shift: tuple[float, float]) -> None:
        sheet = Mask(mask.size)
        for outline in around:
            sheet.fill([outline], shift)
        sheet.clear(within, shift)
        mask.add(sheet)

    slant = rng.uniform(0, 2 * np.pi)
    # A hole is not hidden by its own side.
    thickness = (
        min(values["thickness_px"], 0.25 * values["pitch_px"])
        / 512
        * (0.25 if values["form"] == "leaf" else 1)
    )
    plate = Plate(
        draw,
        (thickness * np.cos(slant), thickness * np.sin(slant)),
        values["bevel_px"] / 512,
        rng.uniform(0.3, 1.0),
        rng.uniform(0.0, 0.5) * {"metal": 0.2, "photograph": 0.3}.get(values["material"], 1.0),
        rng.uniform(0.4, 1.5),
        lean,
    )
    colours, alpha = render_plate(rng, size, plate, material)
    if values["form"] == "leaf":
        rib, *veins = [seen(line) for line in leaf_veins(rng)]
        marks = Mask(size)
        marks.stroke([rib], Pen(0.007 * values["zoom"]))
        marks.stroke(veins, Pen(0.0026 * values["zoom"]))
        share = (0.5 * marks.coverage())[..., None]
        tone = np.clip(material.texture.mean(axis=(0, 1)) * rng.choice([0.6, 1.6]), 0, 1) * light.colour
        colours = colours * (1 - share) + share * alpha[..., None] * np.clip(tone, 0, 1)
    return from_premultiplied(colours, alpha, values)


def _view(rng: Generator, values: dict[str, Any]) -> tuple[Any, tuple[float, float]]:
    """Return the function that says where places of the unit square are seen, and how a plate leans there."""
    turn = rng.uniform(0, 2 * np.pi) if values["form"] in ("leaf", "pierced") else rng.normal(0, 0.25)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    bend = (values["bend"], 0.0) if rng.random() < 0.5 else (0.0, values["bend"])
    if rng.random() < 0.5:
        bend = (0.0, 0.0)
    tilt = (values["tilt"], rng.uniform(-0.4, 0.4))
    narrow = np.array([1.0, rng.uniform(0.6, 1.0)])
    waves = rng.uniform(0, 0.02) * np.stack([smooth_noise(rng, 3, 64) for _ in range(2)], axis=2)
    is_soft = values["form"] in ("leaf", "pierced", "cells")

    rolled = values["zoom"] ** -1 * float(sum(bend)), turn + (np.pi / 2 if bend[1] else 0.0)

    def seen(line: Doubles) -> Doubles:
        placed = bent(line, bend, tilt, waves if is_soft else None) - 0.5
        return np.asarray(placed * narrow @ rotation.T * values["zoom"] + 0.5)

    return seen, rolled


def _leaf_texture(rng: Generator) -> Doubles:
    """Return green or autumn colours with veins: (TEXTURE, TEXTURE, 3)."""
    tones = lights.tones(rng, lights.GRASS) if rng.random() < 0.6 else lights.tones(rng, _AUTUMN)
    mottle = np.clip(0.5 + 0.3 * smooth_noise(rng, rng.uniform(3, 9), TEXTURE, octaves=4), 0, 1)
    brown = np.clip(smooth_noise(rng, 5, TEXTURE, octaves=4) - rng.uniform(0.5, 2.0), 0, 1)[..., None]
    colours = tones[0] + mottle[..., None] * (tones[1] - tones[0])
    return np.asarray(np.clip(colours + brown * (np.array([0.36, 0.24, 0.12]) - colours), 0.01, 1))


_AUTUMN: lights.Palette = (
    ((150, 60, 20), (226, 142, 50)),
    ((120, 24, 18), (200, 70, 44)),
    ((146, 112, 32), (232, 204, 92)),
    ((84, 54, 34), (154, 112, 74)),
)


def _chain(rng: Generator, size: int, assets: Assets, values: dict[str, Any], light: Light) -> Rendering:
    """Draw chains, or rings that hang in each other."""
    material = some_material(rng, str(rng.choice(["metal", "metal", "plastic", "rust"])), light, assets)
    camera = some_camera(rng, 0.9 * values["zoom"], 0.3, 0.4, 1.0)
    link = np.clip(values["pitch_px"] / 512 * 2.2, 0.04, 0.2)
    thick = link * rng.uniform(0.13, 0.3)
    lines: list[Doubles] = []
    for _ in range(int(rng.integers(1, 5))):
        count = int(1.6 / (link * 1.45)) + 2
        sag, start = rng.uniform(-0.5, 0.5), rng.uniform(-0.4, 0.4)
        turn, slope = rng.uniform(-0.5, 0.5), rng.uniform(-1.2, 1.2)
        long = rng.uniform(1.0, 1.5)
        for number in range(count):
            x = (number - count / 2) * link * 1.45 * long * 0.8
            middle = np.array([x, start + slope * x + sag * x * x * 2, 0.0])
            way = np.array([1.0, slope + 4 * sag * x, 0.0])
            way /= np.sqrt((way**2).sum())
            spin = turn + (0.75 if number % 2 else -0.75) + rng.normal(0, 0.12)  # never edge-on
            aside = np.cos(spin) * np.array([-way[1], way[0], 0]) + np.sin(spin) * np.array([0.0, 0.0, 1.0])
            lines.append(ring(middle, way * link * long, aside * link * 0.66, 49))
    if rng.random() < 0.4:
        lines.append(straight((-0.7, rng.uniform(-0.3, 0.3), 0.0), (0.7, rng.uniform(-0.3, 0.3), 0.0), 60))
    colours = [material.read(rng.random(2) + np.linspace(0, 0.3, len(line))[:, None]) for line in lines]
    tubes = tubes_of([camera.see(line) for line in lines], [2 * thick * camera.scale] * len(lines), colours)
    depth = tubes.places[:, 2]
    shade = 0.75 + 0.25 * (depth - depth.min()) / max(float(np.ptp(depth)), 1e-6)
    canvas = Canvas(size)
    draw_tubes(canvas, tubes, material.finish, shade)
    return from_premultiplied(*canvas.reduce(), values)


SHAPE_HOLES = (
    Kind("holes", "shapes", holes, "sheets, sieves, ornaments, leaves and chains with holes", HOLES),
)
