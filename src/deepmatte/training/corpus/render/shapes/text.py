"""Letters and words: raised, cut out, painted with a brush, bent from wire, or as neon tubes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deepmatte.pixels import Floats
from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.coverage import Mask, Pen, polygon, rounded_box
from deepmatte.training.corpus.render.light import Light, some_light
from deepmatte.training.corpus.render.materials import MATERIALS, some_material
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
from deepmatte.training.corpus.render.ribbons import Canvas, Ribbons
from deepmatte.training.corpus.render.shapes.letters import set_words, some_word
from deepmatte.training.corpus.render.shapes.plates import Plate, bent, render_plate
from deepmatte.training.corpus.render.tubes import draw_tubes, tubes_of

Doubles = NDArray[np.float64]
Letters = list[list[Doubles]]

TEXT: Parameters = {
    "form": Choice(
        ("raised", "sign", "stencil", "neon", "wire", "brush"),
        "what letters are made as",
        (4, 2, 2, 2.5, 1.5, 2),
    ),
    "letters": Span(1, 9, "letters in a word", "whole"),
    "words": Span(1, 3, "words, one below the other", "whole"),
    "zoom": Span(0.65, 1.2, "width of the widest word, 1 fills the picture", "logarithmic"),
    "weight": Span(0.25, 1.8, "width of a stroke, in quarters of a letter's width", "logarithmic"),
    "contrast": Span(0.5, 1.9, "how wide strokes down are beside strokes across", "logarithmic"),
    "spacing": Span(0.2, 0.7, "room between letters as a share of their width"),
    "slant": Span(-0.1, 0.4, "how far letters lean; half stand upright"),
    "bend": Span(-1.5, 1.5, "how far lines bend, in radians; half are straight"),
    "thickness_px": Span(0.4, 22, "thickness seen aslant, in pixels of a picture of 512", "logarithmic"),
    "bevel": Span(0.05, 1.0, "width of the rounded edge, as a share of half a stroke", "logarithmic"),
    "material": Choice(
        MATERIALS,
        "what they are made of, unless they glow",
        (4, 3, 3, 1, 1.5, 1, 2),
    ),
}


def text(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Draw letters or words."""
    values = pick(rng, TEXT)
    light = some_light(rng)
    letters = _letters(rng, values)
    drawn = {"neon": _neon, "wire": _wire, "brush": _brush}.get(values["form"], _plate)
    return from_premultiplied(*drawn(rng, size, assets, letters, values, light), values)


def _letters(rng: Generator, values: dict[str, Any]) -> Letters:
    """Return the strokes of letters where they are in the picture; the room of one is told as `cell`."""
    count = int(np.ceil(values["words"] * (1 if values["letters"] < 3 else rng.uniform(0.5, 1))))
    words = [
        some_word(rng, max(1, int(values["letters"]) - int(rng.integers(0, 3)) * (row > 0)))
        for row in range(count)
    ]
    letters = set_words(words, values["spacing"])
    first = np.concatenate(letters[0])
    values["cell"] = float(max(np.ptp(first[:, 1]) / 6, 1e-3)) * values["zoom"]
    slant = values["slant"] if rng.random() < 0.5 else 0.0
    bend = values["bend"] if rng.random() < 0.5 else 0.0
    turn = rng.normal(0, 0.15) if rng.random() < 0.8 else rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    tilt = tuple(rng.normal(0, 0.3, 2)) if rng.random() < 0.6 else (0.0, 0.0)
    centre = 0.5 + rng.normal(0, 0.04, 2)

    def seen(line: Doubles) -> Doubles:
        x, y = line[:, 0] - slant * line[:, 1], line[:, 1]
        if abs(bend) > 0.05:  # along a circle
            radius = 1 / bend
            x, y = (radius - y) * np.sin(x * bend), y * 0 + radius - (radius - y) * np.cos(x * bend)
        placed = np.stack([x, y], axis=1) * values["zoom"] + 0.5
        return np.asarray((bent(placed, (0.0, 0.0), tilt) - 0.5) @ rotation.T + centre)

    return [[seen(line) for line in letter] for letter in letters]


def _plate(
    rng: Generator, size: int, assets: Assets, letters: Letters, values: dict[str, Any], light: Light
) -> tuple[Floats, Floats]:
    """Draw letters that stand out, that are cut out of a sign, or that stand before one."""
    material = some_material(rng, values["material"], light, assets)
    width = min(values["weight"] * values["cell"], 0.12)
    pen = Pen(width, bool(rng.random() < 0.5), values["contrast"])
    lines = [line for letter in letters for line in letter]
    board = _board(rng, lines, width)

    def draw_letters(mask: Mask, shift: tuple[float, float]) -> None:
        mask.stroke(lines, pen, shift)

    def draw_board(mask: Mask, shift: tuple[float, float]) -> None:
        mask.fill(board, shift)

    def draw_stencil(mask: Mask, shift: tuple[float, float]) -> None:
        sheet, cut = Mask(mask.size), Mask(mask.size)
        sheet.fill(board, shift)
        cut.stroke(lines, pen, shift)
        sheet.take(cut)
        mask.add(sheet)

    slant = rng.uniform(0, 2 * np.pi)
    thickness = min(values["thickness_px"] / 512, 2.5 * width)
    depth = (thickness * np.cos(slant), thickness * np.sin(slant))
    bevel, scale = values["bevel"] * width / 2, rng.uniform(0.5, 2.5)
    bumps = rng.uniform(0, 0.25) * (rng.random() < 0.4) * (values["material"] != "metal")
    form = values["form"]
    if form == "stencil":
        depth = (depth[0] * 0.3, depth[1] * 0.3)
        return render_plate(rng, size, Plate(draw_stencil, depth, 2 / 512, 0.5, bumps, scale), material)
    raised = Plate(draw_letters, depth, bevel, rng.uniform(0.3, 1.2), bumps, scale)
    front, cover = render_plate(rng, size, raised, material)
    if form == "raised":
        return front, cover
    behind = some_material(rng, str(rng.choice(["paint", "wood", "metal", "photograph"])), light, assets)
    small = (depth[0] * 0.4, depth[1] * 0.4)
    back, under = render_plate(rng, size, Plate(draw_board, small, 3 / 512, 0.6, 0.0, scale), behind)
    cast = np.array(depth) * 0.8 * size
    shadow = ndimage.shift(ndimage.gaussian_filter(cover, 1.2 + 0.004 * size), -cast[::-1], order=1)
    back *= 1 - np.float32(rng.uniform(0.2, 0.6)) * np.clip(shadow, 0, 1)[..., None]
    return front + back * (1 - cover)[..., None], cover + under * (1 - cover)


def _board(rng: Generator, lines: list[Doubles], width: float) -> list[Doubles]:
    """Return the outlines of a sign around lines, and of the holes it hangs by."""
    places = np.concatenate(lines)
    low, high = places.min(axis=0) - width, places.max(axis=0) + width
    middle, half = (low + high) / 2, (high - low) / 2 + rng.uniform(0.01, 0.06)
    if rng.random() < 0.25:
        angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
        return [middle + 1.3 * half * np.stack([np.cos(angle), np.sin(angle)], axis=1)]
    outlines = [rounded_box(middle, half, rng.choice([0.004, 0.02, 0.05]))]
    if rng.random() < 0.6:
        radius = rng.uniform(0.006, 0.014)
        outlines += [
            polygon(middle + (half - 2.2 * radius) * np.array([x, y]), np.full(24, radius))
            for x in (-1, 1)
            for y in (-1, 1)
        ]
    return outlines


def _glow(rng: Generator) -> Doubles:
    """Return the colour of a gas that glows: (3,)."""
    pure = lights.vivid(rng)[1]
    pure = pure / pure.max()
    return np.asarray(np.clip((pure - 0.35) * 1.6, 0.05, 1))


def _neon(
    rng: Generator, size: int, assets: Assets, letters: Letters, values: dict[str, Any], light: Light
) -> tuple[Floats, Floats]:
    """Draw tubes that glow, on a frame."""
    frame = some_material(rng, str(rng.choice(["metal", "paint", "plastic"])), light, assets)
    width = float(np.clip(values["weight"] * values["cell"] * 0.45, 3 / 512, 11 / 512))
    canvas = Canvas(size)
    lines = [line for letter in letters for line in letter]
    places = np.concatenate(lines)
    low, high = places.min(axis=0), places.max(axis=0)
    bars = [
        np.array([[low[0] - 0.02, y, -0.1], [high[0] + 0.02, y, -0.1]])
        for y in rng.uniform(low[1], high[1], 2)
    ]
    if rng.random() < 0.6:
        draw_tubes(canvas, tubes_of(bars, [width * 0.5] * 2, [frame.texture[3, 5] * 0.7] * 2), frame.finish)
    glows = [_glow(rng) for _ in range(2)]
    is_two = rng.random() < 0.4
    core = rng.uniform(0.5, 1.0)
    spread, dim = rng.uniform(0.012, 0.05), rng.uniform(0.15, 0.6)
    halo = np.zeros((size, size, 4), np.float32)
    for number, glow in enumerate(glows[: 1 + is_two]):
        own = [line for i, letter in enumerate(letters) for line in letter if i % (1 + is_two) == number]
        if not own:
            continue
        mask = Mask(size)
        mask.stroke(own, Pen(width))
        tube = mask.coverage()
        around = ndimage.gaussian_filter(tube, spread * size) + ndimage.gaussian_filter(
            tube, spread * size / 4
        )
        share = np.clip(dim * around, 0, 1)[..., None]
        halo += np.concatenate([share * glow, share], axis=2).astype(np.float32)
        for thick, mix in ((1.0, 0.12), (0.66, 0.5 * core), (0.36, core)):
            wide = [np.broadcast_to(width * thick, len(line)) for line in own]
            colour = glow * 0.92 + mix * (1 - glow * 0.92)
            for line, widths in zip(own, wide, strict=True):
                nodes = (1, len(line))
                canvas.draw(
                    Ribbons(line[None], widths[None], np.broadcast_to(colour, (*nodes, 3)), np.ones(nodes))
                )
    colours, alpha = canvas.reduce()
    halo = np.clip(halo, 0, 1)
    return colours + halo[..., :3] * (1 - alpha)[..., None], alpha + halo[..., 3] * (1 - alpha)


def _wire(
    rng: Generator, size: int, assets: Assets, letters: Letters, values: dict[str, Any], light: Light
) -> tuple[Floats, Floats]:
    """Draw letters bent from wire or tube."""
    material = some_material(rng, str(rng.choice(["metal", "metal", "paint", "plastic"])), light, assets)
    width = float(np.clip(values["weight"] * values["cell"] * 0.5, 1 / 512, 26 / 512))
    lines = []
    for letter in letters:
        for line in letter:
            t = np.linspace(0, 1, len(line))
            depth = 0.02 * np.sin(t * rng.uniform(2, 6) + rng.uniform(0, 6))
            lines.append(np.concatenate([line, depth[:, None]], axis=1))
    if rng.random() < 0.5:  # strung on one more
        ends = np.array([line[int(rng.integers(len(line)))] for line in lines])
        lines.append(ends[np.argsort(ends[:, 0], kind="stable")] - np.array([0, 0, 0.1]))
    colours = [material.read(rng.random(2) + np.linspace(0, 0.4, len(line))[:, None]) for line in lines]
    canvas = Canvas(size)
    draw_tubes(canvas, tubes_of(lines, [width] * len(lines), colours), material.finish)
    return canvas.reduce()


def _brush(
    rng: Generator, size: int, assets: Assets, letters: Letters, values: dict[str, Any], light: Light
) -> tuple[Floats, Floats]:
    """Draw letters with a brush whose bristles run dry."""
    width = float(np.clip(values["weight"], 0.3, 1.2)) * values["cell"]
    tones = lights.vivid(rng) if rng.random() < 0.5 else lights.tones(rng, lights.HAIR)
    photograph = assets.photograph(rng)
    if photograph is not None and rng.random() < 0.3:
        tones = lights.tones_of(rng, photograph)
    bristles, dry = int(np.clip(width * size * 1.3, 12, 90)), rng.uniform(0.0, 0.7)
    canvas = Canvas(size)
    angle = rng.uniform(0.3, 1.2)
    flat = np.array([np.cos(angle), -np.sin(angle)])
    for letter in letters:
        for line in letter:
            t = np.linspace(0, len(line) - 1, 60)
            way = np.stack([np.interp(t, np.arange(len(line)), line[:, axis]) for axis in (0, 1)], axis=1)
            along = np.gradient(way, axis=0)
            along /= np.maximum(np.hypot(*along.T)[:, None], 1e-9)
            across = 0.75 * np.stack([-along[:, 1], along[:, 0]], axis=1) + 0.45 * flat
            across = ndimage.gaussian_filter1d(across, 2, axis=0, mode="nearest")
            offset = np.sort(rng.uniform(-0.5, 0.5, bristles)) * width
            places = way + offset[:, None, None] * across + rng.normal(0, 0.0015, (bristles, 1, 2))
            wet = smooth_noise(rng, 5, 60)[rng.integers(60, size=bristles)] * 0.35
            wet = wet + rng.normal(0.9, 0.3, (bristles, 1)) - dry * np.linspace(0, 1, 60) ** 1.5
            shade = rng.normal(0.6, 0.3, (bristles, 1, 1)).clip(0, 1)
            colours = np.broadcast_to(tones[0] + shade * (tones[1] - tones[0]), (bristles, 60, 3))
            widths = np.broadcast_to(width / bristles * rng.uniform(1, 2.6, (bristles, 1)), (bristles, 60))
            canvas.draw(Ribbons(places, widths, colours * light.colour, np.clip(wet * 1.5, 0, 1)))
    return canvas.reduce()


SHAPE_TEXT = (Kind("text", "shapes", text, "letters and words: signs, neon, brush and wire", TEXT),)
