"""The shapes of people and animals, as cones: what stands where, never the same twice.

A figure is made in its own measure, one head about one unit high and its centre at nought, then turned,
enlarged and moved into the picture.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from deepmatte.training.corpus.render.bodies import Cone

Point = tuple[float, float, float]
Generator = np.random.Generator


@dataclass(frozen=True)
class Mark:
    """A small thing on a body: an eye, a nose, a mouth. radii: half its width and height; what: its name."""

    place: Point
    radii: tuple[float, float]
    what: str


@dataclass(frozen=True, eq=False)
class Figure:
    """Cones and marks in the picture, and how they came there from the figure's own measure.

    head, head_radius: of the skull, in the figure's own measure; turn: (3, 3), rotation times scale; centre:
    (3,), where nought has come to.
    """

    cones: tuple[Cone, ...]
    marks: tuple[Mark, ...]
    head: Point
    head_radius: float
    turn: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    centre: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    @property
    def scale(self) -> float:
        """How large one unit of the figure's own measure is in the picture."""
        return float(np.sqrt((self.turn[0] ** 2).sum()))

    def placed(
        self, scale: float, centre: tuple[float, float], roll: float = 0.0, yaw: float = 0.0
    ) -> "Figure":
        """Turn about the upright axis (yaw) and in the picture (roll, both in radians), enlarge, move."""
        about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        turn, shift = scale * about_z @ about_y, np.array([*centre, 0.0])

        def moved(point: Point) -> Point:
            return _point(turn @ np.array(point) + shift)

        def shrunk(radii: tuple[float, float]) -> tuple[float, float]:
            return radii[0] * scale, radii[1] * scale

        cones = tuple(
            replace(cone, start=moved(cone.start), end=moved(cone.end), radii=shrunk(cone.radii))
            for cone in self.cones
        )
        marks = (replace(mark, place=moved(mark.place), radii=shrunk(mark.radii)) for mark in self.marks)
        # What has turned to the far side is not seen.
        seen = tuple(mark for mark in marks if mark.place[2] > moved(self.head)[2])
        return replace(self, cones=cones, marks=seen, turn=turn, centre=shift)

    def mirrored(self) -> "Figure":
        """Swap left and right."""

        def flip(point: Point) -> Point:
            return -point[0], point[1], point[2]

        cones = tuple(replace(cone, start=flip(cone.start), end=flip(cone.end)) for cone in self.cones)
        marks = tuple(replace(mark, place=flip(mark.place)) for mark in self.marks)
        return replace(self, cones=cones, marks=marks, head=flip(self.head))


def both_sides(cone: Cone) -> tuple[Cone, Cone]:
    """Return a cone and its mirror image."""
    start, end = ((-point[0], point[1], point[2]) for point in (cone.start, cone.end))
    return cone, replace(cone, start=start, end=end)


def pair(mark: Mark) -> tuple[Mark, Mark]:
    """Return a mark and its mirror image."""
    return mark, replace(mark, place=(-mark.place[0], mark.place[1], mark.place[2]))


def chain(points: NDArray[np.float64], radii: NDArray[np.float64], part: str) -> tuple[Cone, ...]:
    """Return cones along a bent line. points: (N, 3); radii: (N,)."""
    places: list[Point] = [(float(x), float(y), float(z)) for x, y, z in points]
    sizes = radii.tolist()
    return tuple(
        Cone(places[i], places[i + 1], (sizes[i], sizes[i + 1]), part) for i in range(len(places) - 1)
    )


def person(rng: Generator) -> Figure:
    """Make a head, a neck, shoulders and arms, down to below the picture."""

    def about(value: float, by: float = 0.08) -> float:
        return float(value * rng.uniform(1 - by, 1 + by))

    jaw, chin = about(0.36), about(0.2, 0.15)
    cones = [
        Cone((0, -0.12, -0.06), (0, -0.05, -0.02), (about(0.42, 0.05), 0.42), "head"),
        Cone((0, 0.06, 0.06), (0, about(0.42), 0.14), (jaw, chin), "head"),
        Cone((0, 0.04, 0.38), (0, about(0.17), 0.46), (0.035, about(0.06, 0.2)), "nose"),
        *both_sides(Cone((0.39, 0.02, -0.04), (0.38, 0.14, -0.02), (0.07, 0.05), "ear", 0.6)),
        Cone((0, 0.3, -0.1), (0, 0.85, -0.12), (about(0.19, 0.15), about(0.22, 0.15)), "neck"),
    ]
    wide, slope = about(0.78, 0.15), about(1.02)
    cones += [
        *both_sides(Cone((0.1, 0.88, -0.14), (wide * 0.8, slope - 0.03, -0.1), (0.16, 0.17), "cloth")),
        Cone((-wide, slope, -0.1), (wide, slope, -0.1), (0.2, 0.2), "cloth"),
        Cone((0, 1.4, -0.08), (0, 3.5, -0.02), (about(0.62), about(0.6)), "cloth", 0.55),
        *both_sides(Cone((wide, slope, -0.1), (wide * about(1.12), 2.4, -0.05), (0.2, 0.16), "cloth")),
    ]
    marks = [
        *pair(Mark((0.165, 0.0, 0.36), (0.07, 0.034), "eye")),
        *pair(Mark((0.17, -0.1, 0.37), (0.095, 0.016), "brow")),
        Mark((0, about(0.31), 0.31), (0.11, 0.034), "mouth"),
    ]
    return Figure(tuple(cones), tuple(marks), (0.0, -0.06, -0.02), 0.44)


def animal_face(rng: Generator) -> Figure:
    """Make an animal that looks at the viewer: head, ears, snout, chest."""
    snout, muzzle = rng.uniform(0.15, 0.5), rng.uniform(0.13, 0.22)
    cheek = rng.uniform(0.25, 0.36)
    cones = [
        Cone((0, -0.02, 0), (0, -0.06, 0), (rng.uniform(0.4, 0.48),) * 2, "head"),
        *both_sides(Cone((0.1, 0.1, 0.1), (0.3, 0.26, 0.02), (0.25, cheek * 0.75), "cheek")),
        Cone((0, 0.24, 0.34 + snout), (0, 0.08, 0.2), (muzzle, muzzle * 1.25), "snout"),
        Cone((0, 0.36, 0.26 + snout * 0.8), (0, 0.3, 0.1), (muzzle * 0.75, muzzle), "snout"),
        Cone((0, 0.4, -0.1), (0, 1.6, -0.2), (rng.uniform(0.38, 0.5), rng.uniform(0.55, 0.8)), "chest", 0.7),
        *both_sides(Cone((0.35, 0.95, -0.2), (rng.uniform(0.5, 0.8), 2.6, -0.15), (0.3, 0.24), "limb")),
        *_ears(rng),
    ]
    spread = rng.uniform(0.16, 0.24)
    marks = [
        *pair(Mark((spread, rng.uniform(-0.08, 0.06), 0.37), (rng.uniform(0.045, 0.085),) * 2, "eye")),
        Mark((0, 0.17, 0.34 + snout + muzzle * 0.9), (muzzle * 0.5, muzzle * 0.36), "muzzle"),
    ]
    return Figure(tuple(cones), tuple(marks), (0.0, 0.0, 0.0), 0.45)


def _ears(rng: Generator) -> tuple[Cone, ...]:
    shape = rng.integers(3)
    if shape == 0:  # pointed
        tip = (rng.uniform(0.3, 0.52), rng.uniform(-0.95, -0.62), -0.05)
        return both_sides(Cone((0.24, -0.3, 0), tip, (rng.uniform(0.13, 0.19), 0.03), "ear", 0.4))
    if shape == 1:  # round
        middle = (rng.uniform(0.33, 0.44), rng.uniform(-0.46, -0.3), -0.02)
        return both_sides(Cone((0.28, -0.25, 0), middle, (0.1, rng.uniform(0.13, 0.22)), "ear", 0.5))
    tip = (rng.uniform(0.5, 0.62), rng.uniform(0.15, 0.5), 0.05)  # hanging
    return both_sides(Cone((0.33, -0.25, 0.02), tip, (0.1, rng.uniform(0.12, 0.18)), "ear", 0.5))


def animal_side(rng: Generator) -> Figure:
    """Make an animal seen from the side on four legs, its tail to the left."""
    length, lift = rng.uniform(0.9, 1.4), rng.uniform(0.1, 0.7)
    girth, thin = rng.uniform(0.28, 0.42), rng.uniform(0.45, 0.75)
    head = np.array([length * 0.5 + rng.uniform(0.3, 0.5), -lift, 0.0])
    size, snout = rng.uniform(0.17, 0.26), rng.uniform(0.12, 0.34)
    nose = head + np.array([snout + size * 0.5, size * 0.35, 0.02])
    cones = [
        Cone(
            (length * 0.45, -0.02, 0),
            (-length * 0.5, 0.0, 0),
            (girth, girth * rng.uniform(0.8, 1.05)),
            "body",
        ),
        Cone(_point(head), (length * 0.45, -0.05, 0), (size * 0.8, girth * 0.8), "neck"),
        Cone(_point(head), _point(head - [0.05, 0.02, 0]), (size, size), "head"),
        Cone(_point(nose), _point(head), (size * 0.42, size * 0.75), "snout"),
    ]
    for z in (-0.12, 0.1):
        up = rng.uniform(0.7, 1.2)
        ear = head + np.array([-rng.uniform(0.02, 0.2), -size * (0.7 + up), z])
        cones.append(
            Cone(
                _point(head + np.array([-0.02, -size * 0.7, z])), _point(ear), (size * 0.36, 0.03), "ear", 0.5
            )
        )
        for x in (length * 0.42, -length * 0.45):
            foot = (x + rng.uniform(-0.22, 0.22), girth + rng.uniform(0.45, 0.8), z * 1.4)
            cones.append(Cone((x, 0.1, z * 1.3), foot, (girth * thin, 0.07), "limb"))
    cones += _tail(rng, np.array([-length * 0.55, -girth * 0.4, 0.0]))
    eye = Mark(_point(head + size * np.array([0.35, -0.25, 0.9])), (size * 0.16,) * 2, "eye")
    tip = Mark(_point(nose + size * np.array([0.25, -0.1, 0.3])), (size * 0.22, size * 0.18), "muzzle")
    middle = _point(head * [0.5, 0.5, 1])
    return Figure(tuple(cones), (eye, tip), middle, 0.3)


def _tail(rng: Generator, root: NDArray[np.float64]) -> tuple[Cone, ...]:
    steps = np.linspace(0, 1, 7)
    rise, bend = rng.uniform(-1.2, 1.2), rng.uniform(-2.0, 2.0)
    angles = np.pi + rise + bend * steps
    reach = rng.uniform(0.5, 1.2) / 6
    run = np.cumsum(np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1) * reach, axis=0)
    return chain(root + run, np.interp(steps, [0, 0.6, 1], [0.09, rng.uniform(0.06, 0.14), 0.03]), "tail")


def animal_sitting(rng: Generator) -> Figure:
    """Make an animal or a toy that sits and looks at the viewer: head, ears, belly, arms, legs."""
    face = animal_face(rng)
    head = tuple(cone for cone in face.cones if cone.part in ("head", "cheek", "snout", "ear"))
    fat = rng.uniform(0.5, 0.7)
    body = [
        Cone((0, 0.55, -0.1), (0, 1.15, 0.0), (fat * 0.75, fat), "body", 0.8),
        *both_sides(
            Cone(
                (fat * 0.8, 0.6, 0),
                (fat + rng.uniform(0.1, 0.5), rng.uniform(0.7, 1.3), 0.25),
                (0.2, 0.17),
                "limb",
            )
        ),
        *both_sides(Cone((0.4, 1.45, 0.1), (rng.uniform(0.6, 0.95), 1.7, 0.5), (0.27, 0.2), "limb")),
    ]
    return Figure((*body, *head), face.marks, face.head, face.head_radius)


def bird(rng: Generator) -> Figure:
    """Make a bird from the side: body, head, beak, tail."""
    fat, lean = rng.uniform(0.36, 0.5), rng.uniform(-0.5, 0.3)
    head = np.array([0.5 * np.cos(lean) + 0.1, -0.55 + 0.3 * lean, 0.0])
    size = rng.uniform(0.2, 0.28)
    beak = head + np.array([size + rng.uniform(0.06, 0.25), rng.uniform(0, 0.1), 0])
    cones = [
        Cone((0.25, -0.05, 0), (-0.35, 0.15, 0), (fat, fat * 0.7), "body"),
        Cone(_point(head), (0.2, -0.1, 0), (size * 0.85, fat * 0.8), "neck"),
        Cone(_point(head), _point(head - [0.03, 0, 0]), (size, size), "head"),
        Cone(_point(head + np.array([size * 0.7, 0.02, 0])), _point(beak), (size * 0.3, 0.01), "beak"),
        Cone(
            (-0.45, 0.18, -0.05),
            (-rng.uniform(0.9, 1.3), rng.uniform(0.1, 0.5), -0.05),
            (0.2, 0.12),
            "tail",
            0.4,
        ),
        Cone((0.1, -0.02, 0.3), (-0.65, rng.uniform(0.1, 0.3), 0.25), (0.24, 0.07), "wing", 0.4),
    ]
    eye = Mark(_point(head + size * np.array([0.35, -0.15, 0.9])), (size * 0.2,) * 2, "eye")
    return Figure(tuple(cones), (eye,), _point(head), size)


def _point(place: Iterable[float]) -> Point:
    x, y, z = (float(part) for part in place)
    return x, y, z


ANIMALS: dict[str, Callable[[Generator], Figure]] = {
    "face": animal_face,
    "side": animal_side,
    "sitting": animal_sitting,
    "bird": bird,
}
