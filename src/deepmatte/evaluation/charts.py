"""Drawings for the report, as SVG."""

import math

from deepmatte.evaluation.markup import Markup, element, join
from deepmatte.evaluation.results import SPEED, Result

_WIDTH, _HEIGHT = 460, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 60, 26, 42
_LETTER_PX = 6.8
# Where a name may stand beside its point: to the right, to the left, above, below.
_SPOTS = ((9, 4, "start"), (-9, 4, "end"), (0, -11, "middle"), (0, 20, "middle"))

Box = tuple[float, float, float, float]  # left, top, right, bottom


def quality_and_time(result: Result, trimap_set: str) -> Markup:
    """Return each method's mean SAD against its seconds per megapixel (in powers of ten).

    Empty where fewer than two methods have both.
    """
    points = {
        method: (math.log10(seconds), sad)
        for method, each in result.means()[trimap_set].items()
        if (seconds := each[SPEED]) and (sad := each["sad"]) is not None
    }
    if len(points) < 2:
        return join()
    times, errors = ([point[axis] for point in points.values()] for axis in (0, 1))
    first, last = math.floor(min(times)), max(math.ceil(max(times)), math.floor(min(times)) + 1)
    levels = ticks(min(errors), max(errors))

    def at(time: float, error: float) -> tuple[float, float]:
        across, up = (time - first) / (last - first), (error - levels[0]) / (levels[-1] - levels[0])
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = [_line(*at(first, level), *at(last, level)) for level in levels]
    parts += [_label(*at(first, level), f"{level:g}", (-8, 4, "end")) for level in levels]
    decades = range(first, last + 1)
    parts += [_line(*at(time, levels[0]), *at(time, levels[-1])) for time in decades]
    parts += [_label(*at(time, levels[0]), f"{10.0**time:g}", (0, 16, "middle")) for time in decades]
    parts.append(_label(*at((first + last) / 2, levels[0]), "seconds per megapixel", (0, 34, "middle")))
    heading = f"SAD, {trimap_set}: better to the lower left"
    parts.append(_label(*at(first, levels[-1]), heading, (0, -10, "start")))
    places = {method: at(*point) for method, point in points.items()}
    for index, (x, y) in enumerate(places.values()):
        parts.append(
            element("circle", class_="other" if index else "ours", cx=f"{x:.1f}", cy=f"{y:.1f}", r=5)
        )
    label = f"SAD against seconds per megapixel, {trimap_set}"
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    return element("svg", *parts, *_names(places), class_="chart", viewBox=box, role="img", aria_label=label)


def ticks(lowest: float, highest: float) -> list[float]:
    """Return three to seven round numbers, evenly apart, the outer ones around these two."""
    apart = max(highest - lowest, 0.1 * abs(highest), 1e-6) / 4
    power = 10.0 ** math.floor(math.log10(apart))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= apart * 0.999)
    first = math.floor(lowest / step)
    last = max(math.ceil(highest / step), first + 2)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _names(places: dict[str, tuple[float, float]]) -> list[Markup]:
    """Return each point's name, where it covers neither a point nor another name if it can be."""
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in places.values()]
    labels = []
    for method, (x, y) in places.items():
        boxes = [(spot, _box(x, y, method, spot)) for spot in _SPOTS]
        free = [pair for pair in boxes if not any(_overlap(pair[1], other) for other in taken)]
        inside = [pair for pair in free if pair[1][0] >= 0 and pair[1][2] <= _WIDTH]
        spot, box = (inside or free or boxes)[0]
        taken.append(box)
        labels.append(_label(x, y, method, spot, "name"))
    return labels


def _box(x: float, y: float, text: str, spot: tuple[float, float, str]) -> Box:
    right, down, anchor = spot
    width = _LETTER_PX * len(text)
    left = x + right - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * width
    return left, y + down - 10, left + width, y + down + 3


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _line(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}")


def _label(x: float, y: float, text: str, spot: tuple[float, float, str], kind: str = "tick") -> Markup:
    right, down, anchor = spot
    return element("text", text, class_=kind, x=f"{x + right:.1f}", y=f"{y + down:.1f}", text_anchor=anchor)
