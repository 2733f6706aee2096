"""Fur, hair and glass in three dimensions, for Blender to render."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from deepmatte.training.corpus.render import light as lights
from deepmatte.training.corpus.render.blender import engine
from deepmatte.training.corpus.render.blender.engine import Fibres, Mesh, Stage, linear
from deepmatte.training.corpus.render.blender.scene import FROM_VIEWER
from deepmatte.training.corpus.render.bodies import Cone, outside, unit
from deepmatte.training.corpus.render.figures import ANIMALS, Figure, person
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
from deepmatte.training.corpus.render.shapes.hulls import Solid, revolved, swept
from deepmatte.training.corpus.render.shapes.objects import OBJECTS
from deepmatte.training.corpus.render.strands.hair import CURLS, FLYAWAYS, HAIR, long_hair
from deepmatte.training.corpus.render.tubes import Camera, some_camera

Doubles = NDArray[np.float64]

LENS: Parameters = {
    "lens": Choice(
        ("sharp", "shallow", "moving"), "pinhole, wide lens, or moved while the shutter is open", (5, 3, 2)
    ),
    "blur_px": Span(1.5, 14, "how much at most, in pixels of a picture of 512", "logarithmic"),
    "light": Span(0.25, 1.3, "how bright the room is beside the lamps"),
}
FUR_3D: Parameters = {
    "body": Choice(("face", "side", "sitting", "bird"), "what it grows on", (3, 2, 3, 1)),
    "zoom": Span(0.75, 1.4, "size of the body, 1 fills the picture", "logarithmic"),
    "hairs": Span(25000, 60000, "hairs", "whole"),
    "length": Span(0.02, 0.14, "length in shares of the picture", "logarithmic"),
    "width_px": Span(0.4, 1.4, "width of a hair, in pixels of a picture of 512", "logarithmic"),
    "lift": Span(0.1, 0.8, "0 lies flat, 1 stands up"),
    "gather": Span(0.0, 0.8, "how tightly tufts gather"),
    "mess": Span(0.05, 0.4, "how differently neighbours point"),
    "colour": Choice(("natural", "vivid", "photograph"), "where colours come from", (0.65, 0.12, 0.23)),
    **LENS,
}
HAIR_3D: Parameters = {
    "style": Choice(("long", "curls", "flyaways"), "how it grows: as the kinds hair, curls, flyaways"),
    "roughness": Span(0.15, 0.5, "how dull hair is"),
    **LENS,
}
GLASS_3D: Parameters = {
    "object": Choice(("vessel", "vessels", "balls", "crystal"), "what is made of glass", (5, 2, 1.5, 1.5)),
    "zoom": Span(0.8, 1.5, "size, 1 fills the picture", "logarithmic"),
    "index": Span(1.2, 1.6, "index of refraction"),
    "roughness": Span(0.0, 0.12, "how dull glass is; two thirds are clear"),
    "tint": Span(0.0, 0.8, "how strongly it is coloured; half are clear"),
    **LENS,
}


def blender_fur(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Render a furry animal or toy."""
    values = pick(rng, FUR_3D)
    figure = ANIMALS[values["body"]](rng)
    scale, x, y = {"face": (0.62, 0.5, 0.44), "bird": (0.5, 0.55, 0.5)}.get(
        values["body"], (0.37, 0.49, 0.38)
    )
    figure = figure.placed(
        scale * values["zoom"],
        (x, y),
        rng.normal(0, 0.12),
        rng.normal(0, 0.6 if values["body"] != "side" else 0.25),
    )
    tones = linear(lights.choose_tones(rng, values["colour"], assets, lights.FUR))
    body = _melted(list(figure.cones), {"Base Color": [*(tones[0] * 0.7).tolist(), 1.0], "Roughness": 0.9})
    fibres = _fur(rng, figure, values, tones)
    return _rendered(rng, size, assets, values, [body, *_eyes(rng, figure)], fibres)


def blender_hair(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Render a person's hair."""
    values = pick(rng, HAIR_3D)
    values |= pick(rng, {"long": HAIR, "curls": CURLS, "flyaways": FLYAWAYS}[values["style"]])
    yaw = {"front": 0.0, "side": np.pi / 2, "back": np.pi}[values["view"]] + rng.normal(0, 0.4)
    centre = (rng.uniform(0.4, 0.6), rng.uniform(0.32, 0.5))
    figure = person(rng).placed(values["head_px"] / 512, centre, rng.normal(0, 0.1), yaw)
    tones = linear(lights.choose_tones(rng, values["colour"], assets, lights.HAIR))
    grown = long_hair(rng, figure, values).strands
    # More strands than are grown: each has companions, but those that have left their lock.
    locked = grown.places[~grown.is_stray]
    copies = max(1, 22000 // max(len(locked), 1))
    spread = max(2.5 * values["width_px"] / 512, 0.012 * figure.scale)
    wander = np.linspace(0.4, 1.2, grown.places.shape[1])[:, None]
    shift = rng.normal(0, spread, (copies, len(locked), 1, 3)) * wander
    places = (locked + shift).reshape(-1, *grown.places.shape[1:])
    places = np.concatenate([places, grown.places[grown.is_stray]])
    shade = np.exp(rng.normal(0, 0.25, (len(places), 1)))
    tints = np.clip((tones[0] + rng.random((len(places), 1)) * (tones[1] - tones[0])) * shade, 0.002, 0.98)
    taper = np.interp(np.linspace(0, 1, places.shape[1]), [0, 0.8, 1], [1, 0.9, values["taper"]])
    radii = values["width_px"] / 1024 * taper * rng.uniform(0.7, 1.3, (len(places), 1))
    look = {"Roughness": values["roughness"], "Radial Roughness": 0.35, "Random Roughness": 0.3, "Coat": 0.0}
    skin = linear(np.array(lights.SKIN[int(rng.integers(len(lights.SKIN)))]) / 255)
    cloth = linear(rng.uniform(0.05, 0.9, 3))
    bare = [cone for cone in figure.cones if cone.part != "cloth"]
    meshes = [
        _melted(bare, {"Base Color": [*skin.tolist(), 1.0], "Roughness": 0.5, "Subsurface Weight": 0.1}),
        _melted(
            [cone for cone in figure.cones if cone.part == "cloth"],
            {"Base Color": [*cloth.tolist(), 1.0], "Roughness": 0.9},
        ),
        *_eyes(rng, figure),
    ]
    return _rendered(rng, size, assets, values, meshes, Fibres(places, radii, tints, look))


def blender_glass(rng: Generator, size: int, assets: Assets) -> Rendering:
    """Render something of glass."""
    values = pick(rng, GLASS_3D)
    tint = np.ones(3) if rng.random() < 0.5 else 1 - values["tint"] * (1 - lights.vivid(rng)[1])
    material = {
        "Base Color": [*linear(np.clip(tint, 0.05, 1)).tolist(), 1.0],
        "Transmission Weight": 1.0,
        "IOR": values["index"],
        "Roughness": values["roughness"] if rng.random() < 0.33 else 0.0,
    }
    camera = some_camera(rng, 0.75 * values["zoom"], 0.3, 0.6, 0.2)
    camera = Camera(camera.turn, camera.scale, camera.centre, 0.0)  # Blender sees to the perspective
    parts: list[tuple[Solid, Doubles, float]] = []
    if values["object"] == "balls":
        t = np.linspace(0.001, np.pi - 0.001, 48)
        ball = revolved(np.stack([np.sin(t), -np.cos(t)], axis=1))
        for _ in range(int(rng.integers(1, 7))):
            parts.append((ball, rng.normal(0, 0.3, 3), rng.uniform(0.07, 0.34)))
    else:
        count = int(rng.integers(2, 4)) if values["object"] == "vessels" else 1
        name = "crystal" if values["object"] == "crystal" else "vessel"
        for number in range(count):
            aside = np.array([(number - (count - 1) / 2) * 0.6, rng.normal(0, 0.03), rng.normal(0, 0.2)])
            parts += [(part, aside, 0.8 if count > 1 else 1.0) for part in OBJECTS[name](rng)]
    solids = [part.moved(np.eye(3), shift, enlarged) for part, shift, enlarged in parts]
    is_flat = any(solid.is_flat for solid in solids)
    return _rendered(
        rng, size, assets, values, [_mesh(solids, camera, material, not is_flat)], None, bounces=24
    )


def _rendered(
    rng: Generator,
    size: int,
    assets: Assets,
    values: dict[str, Any],
    meshes: list[Mesh],
    fibres: Fibres | None,
    bounces: int = 5,
) -> Rendering:
    blur = values["blur_px"] / 512
    way, turn = rng.normal(0, 1, 3) * np.array([1, 0.2, 1]), rng.normal(0, 1)
    way *= blur / max(float(np.hypot(way[0], way[2])), 1e-6)
    focus, depth = rng.uniform(-0.25, 0.25), 0.35
    stage = Stage(
        meshes,
        fibres,
        _room(rng, assets),
        values["light"],
        _lamps(rng),
        int(rng.integers(2**31)),
        focus if values["lens"] == "shallow" else 0.0,
        # A lens this wide spreads what is `depth` out of focus over blur on both sides.
        2 * blur * FROM_VIEWER / depth if values["lens"] == "shallow" else 0.0,
        {"way": way.tolist(), "turn": float(turn * blur)} if values["lens"] == "moving" else {},
        bounces,
        is_clear=fibres is None,
    )
    return from_premultiplied(*engine.render(stage, size), values)


def _room(rng: Generator, assets: Assets) -> Doubles:
    """Return what surrounds a scene: (64, 128, 3), linear, from a photograph or sky, horizon and ground."""
    photograph = assets.photograph(rng)
    up = np.linspace(1, -1, 64)[:, None, None]
    warmth = rng.normal(0, 0.08)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    sky, ground = rng.uniform(0.3, 1.2), rng.uniform(0.05, 0.4)
    share = np.clip(0.5 + up / rng.uniform(0.1, 1.0), 0, 1)
    room = np.broadcast_to((ground + share * (sky - ground)) * tint, (64, 128, 3))
    if photograph is not None and rng.random() < 0.6:
        rows = np.linspace(0, photograph.shape[0] - 1, 64).astype(np.intp)
        columns = np.linspace(0, photograph.shape[1] - 1, 64).astype(np.intp)
        half = linear(photograph[rows][:, columns])
        both = np.concatenate([half, half[:, ::-1]], axis=1)
        room = 0.25 * room + 1.4 * ndimage.gaussian_filter(
            both, (1, 1, 0), mode=("nearest", "wrap", "nearest")
        )
    return np.asarray(
        room * (1 + 0.15 * np.clip(smooth_noise(rng, 4, 128)[:64], -2, 2)[..., None]).clip(0, 2)
    )


def _lamps(rng: Generator) -> list[dict[str, Any]]:
    """Return a key lamp, and perhaps one behind and one beside."""
    lamps = []
    turn, height = rng.uniform(-1.3, 1.3), rng.uniform(-0.1, 1.2)
    places = [(np.sin(turn) * np.cos(height), -np.cos(turn) * np.cos(height), np.sin(height))]
    if rng.random() < 0.55:
        places.append((rng.uniform(-0.7, 0.7), 1.0, rng.uniform(0.1, 0.8)))
    if rng.random() < 0.4:
        places.append((rng.choice([-1.0, 1.0]), -0.2, rng.uniform(-0.2, 0.6)))
    for place in places:
        warmth, away = rng.normal(0, 0.12), rng.uniform(1.6, 3.0)
        lamps.append(
            {
                "place": (away * unit(np.array([place]))[0]).tolist(),
                "colour": np.clip([1 + warmth, 1.0, 1 - warmth], 0.4, 1.6).tolist(),
                "size": float(rng.uniform(0.15, 1.6)),
                "energy": float(rng.uniform(15, 70) * away**2 / 2),
            }
        )
    return lamps


def _melted(cones: list[Cone], material: dict[str, Any]) -> Mesh:
    """Return cones as one smooth surface."""
    solids = []
    for cone in cones:
        s = np.linspace(0, 1, 8)[:, None]
        line = np.array(cone.start) + s * (np.array(cone.end) - np.array(cone.start) + [0, 1e-4, 0])
        part = swept(line, np.linspace(*cone.radii, 8))
        middle = part.rings.mean(axis=1, keepdims=True)
        solids.append(Solid(middle + (part.rings - middle) * [1, 1, cone.flatness]))
    mesh = _mesh(solids, None, material, True)
    return Mesh(mesh.vertices, mesh.faces, material, True, 0.008)


def _mesh(solids: list[Solid], camera: Camera | None, material: dict[str, Any], is_smooth: bool) -> Mesh:
    """Return solids as one mesh of quadrangles."""
    vertices, faces, first = [], [], 0
    for solid in solids:
        rings = solid.rings if camera is None else camera.see(solid.rings)
        start, end = (np.broadcast_to(rings[i, :-1].mean(axis=0), rings[:1].shape) for i in (0, -1))
        rings = np.concatenate([start, rings, end])  # closed
        rows, columns = rings.shape[0], rings.shape[1] - 1  # the last place of a ring is its first
        number = first + np.arange(rows * columns).reshape(rows, columns)
        following = np.roll(number, -1, axis=1)
        quads = np.stack([number[:-1], number[1:], following[1:], following[:-1]], axis=2)
        vertices.append(rings[:, :-1].reshape(-1, 3))
        faces.append(quads.reshape(-1, 4))
        first += rows * columns
    return Mesh(np.concatenate(vertices), np.concatenate(faces), material, is_smooth)


def _eyes(rng: Generator, figure: Figure) -> list[Mesh]:
    """Return eyes and noses as glossy balls."""
    t = np.linspace(0.001, np.pi - 0.001, 24)
    balls = [
        revolved(np.stack([np.sin(t), -np.cos(t)], axis=1)).moved(
            np.eye(3), np.array(mark.place), min(mark.radii)
        )
        for mark in figure.marks
        if mark.what in ("eye", "muzzle")
    ]
    dark = {"Base Color": [*rng.uniform(0.005, 0.05, 3).tolist(), 1.0], "Roughness": 0.08}
    return [_mesh(balls, None, dark, True)] if balls else []


def _fur(rng: Generator, figure: Figure, values: dict[str, Any], tones: Doubles) -> Fibres:
    """Return hairs all around a figure, as far as it is not within itself."""
    roots, normals, ways = (np.concatenate(part) for part in zip(*_roots(rng, figure, values), strict=True))
    bare = [mark for mark in figure.marks if mark.what in ("eye", "muzzle")]
    for mark in bare:
        keep = np.sqrt(((roots - np.array(mark.place)) ** 2).sum(axis=1)) > 1.5 * min(mark.radii)
        roots, normals, ways = roots[keep], normals[keep], ways[keep]
    count, nodes = len(roots), 7
    along = np.linspace(0, 1, nodes)[None, :, None]
    swirl = rng.normal(0, 0.5, (40, 3))[cKDTree(rng.uniform(0.1, 0.9, (40, 3))).query(roots)[1]]
    flat = unit(ways + 0.5 * swirl + np.array([0, 0.3, 0]))
    start = unit(
        values["lift"] * normals + (1 - values["lift"]) * flat + rng.normal(0, values["mess"], (count, 3))
    )
    end = unit(start + 0.6 * flat + np.array([0, 0.35, 0]))
    lengths = values["length"] * rng.uniform(0.5, 1.2, (count, 1, 1))
    curve = start[:, None] * (along - 0.5 * along**2) + end[:, None] * (0.5 * along**2)
    wander = rng.normal(0, 0.1, (count, 1, 3)) * np.sin(along * rng.uniform(2, 5, (count, 1, 1)))
    places = roots[:, None] + lengths * (curve + wander * along)
    heads = rng.choice(count, max(1, count // 40), replace=False)
    nearest = cKDTree(roots[heads]).query(roots)[1]
    places += (
        values["gather"] * along**1.5 * (places[heads][nearest] - places) * rng.uniform(0.4, 1, (count, 1, 1))
    )
    radii = values["width_px"] / 1024 * np.interp(along[..., 0], [0, 0.5, 1], [1, 0.8, 0.08])
    patches = np.clip(0.5 + 2 * np.sin(roots @ rng.normal(0, 7, 3) + rng.uniform(0, 6)), 0, 1)[:, None]
    shade = np.exp(rng.normal(0, 0.22, (count, 1)))
    tints = np.clip((tones[0] + (0.35 + 0.65 * patches) * (tones[1] - tones[0])) * shade, 0.003, 0.98)
    look = {"Roughness": float(rng.uniform(0.25, 0.6)), "Radial Roughness": 0.4, "Coat": 0.0}
    return Fibres(places, np.broadcast_to(radii, (count, nodes)), tints, look)


def _roots(rng: Generator, figure: Figure, values: dict[str, Any]) -> list[tuple[Doubles, Doubles, Doubles]]:
    """Return, for each cone, roots, normals and ways along it: (N, 3) each."""
    areas = []
    for cone in figure.cones:
        long = float(np.sqrt(((np.array(cone.end) - np.array(cone.start)) ** 2).sum()))
        areas.append(2 * np.pi * float(np.mean(cone.radii)) * (long + 2 * max(cone.radii)))
    found = []
    for cone, area in zip(figure.cones, areas, strict=True):
        count = int(values["hairs"] * area / sum(areas) * (0.0 if cone.part == "beak" else 1.5))
        start, axis = np.array(cone.start), np.array(cone.end) - np.array(cone.start)
        long = max(float(np.sqrt((axis**2).sum())), 1e-6)
        share = rng.uniform(-max(cone.radii), long + max(cone.radii), count) / long
        inner = np.clip(share, 0, 1)[:, None]
        radius = cone.radii[0] + inner[:, 0] * (cone.radii[1] - cone.radii[0])
        beyond = np.clip((share - inner[:, 0]) * long / radius, -0.98, 0.98)[:, None]
        aside = rng.normal(size=(count, 3))
        aside = unit(aside - (aside @ axis)[:, None] / long**2 * axis)
        normal = unit(np.sqrt(1 - beyond**2) * aside + beyond * axis / long) * np.array([1, 1, cone.flatness])
        roots = start + inner * axis + radius[:, None] * normal
        keep = outside(figure.cones, roots)[0] > -0.02 if cone.flatness == 1 else np.ones(count, bool)
        ways = np.broadcast_to(axis / long, roots.shape)
        found.append((roots[keep], unit(normal)[keep], ways[keep]))
    return found


STAGED = (
    Kind(
        "blender-fur",
        "blender",
        blender_fur,
        "furry animals and toys in three dimensions",
        FUR_3D,
        needs=engine.require,
    ),
    Kind(
        "blender-hair",
        "blender",
        blender_hair,
        "people's hair in three dimensions",
        HAIR_3D,
        needs=engine.require,
    ),
    Kind(
        "blender-glass",
        "blender",
        blender_glass,
        "vessels, balls and crystals of glass",
        GLASS_3D,
        needs=engine.require,
    ),
)
