"""Pictures of a run, side by side: each case as a whole and at its worst places, as HTML.

Every row of pictures shows the image, the trimap above the truth, and each method's alpha above its error.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.evaluation import crops
from deepmatte.evaluation.benchmarks import Case, read_case
from deepmatte.evaluation.crops import Place
from deepmatte.evaluation.markup import Markup, element
from deepmatte.evaluation.results import Row
from deepmatte.evaluation.tables import number
from deepmatte.pixels import AnyArray, Bytes, Floats, to_bytes, to_unit

OVERVIEW_PX = 400  # longest side of a whole picture

_QUALITY = 90


@dataclass(frozen=True)
class Shown:
    """What is shown of a case. mattes: by method, None for those that failed."""

    case: Case
    image: AnyArray
    trimap: Bytes
    truth: Floats | None
    mattes: dict[str, Floats | None]

    def errors(self) -> dict[str, Floats]:
        """Return the error map of each method that did not fail; none where the truth is not known."""
        if self.truth is None:
            return {}
        return {
            name: crops.error_map(matte, self.truth, self.trimap)
            for name, matte in self.mattes.items()
            if matte is not None
        }


@dataclass(frozen=True)
class Panel:
    """One picture of a row.

    label: what it is; short: what stands below it, if not that; picture: uint8, None where there is none;
    is_exact: nothing may be lost of it.
    """

    label: str
    picture: Bytes | None
    caption: str = ""
    marks: tuple[Markup, ...] = ()
    is_exact: bool = False
    short: str = ""


def read_shown(case: Case, mattes: dict[str, Path | None]) -> Shown:
    """Read what is shown of a case. mattes: the file of each method, None where it failed.

    Raises BadInput for pictures that cannot be read.
    """
    image, trimap, truth = read_case(case)
    alphas: dict[str, Floats | None] = {}
    for name, path in mattes.items():
        alphas[name] = alpha = None if path is None else to_unit(images.read_map(path))
        if alpha is not None and alpha.shape != trimap.shape:
            raise BadInput(f"{path} is no longer of the size of {case.image_path}; evaluate it again")
    return Shown(case, image, trimap, truth, alphas)


def show_case(shown: Shown, rows: dict[str, Row], anchor: str) -> Markup:
    """Return a case as HTML. rows: of each method; anchor: the id that links lead to."""
    case, (height, width) = shown.case, shown.trimap.shape
    errors = shown.errors()
    places = crops.worst_places(errors) if errors else []
    parts = [
        element("h3", f"{case.name} ", element("small", f"{case.trimap_set} · {width} × {height} px")),
        _overview(shown, errors, places, rows),
    ]
    for index, place in enumerate(places, start=1):
        where = f" {place.width} × {place.height} px at {place.left}, {place.top}"
        tag = element("b", index, class_="tag")
        parts += [element("p", tag, f" {place.reason}", element("small", where), class_="why")]
        parts += [_place(shown, errors, place)]
    return element("article", *parts, class_="case", id=anchor, style=f"--methods: {len(shown.mattes)}")


def _overview(shown: Shown, errors: dict[str, Floats], places: list[Place], rows: dict[str, Row]) -> Markup:
    def small(picture: AnyArray | None) -> Bytes | None:
        return None if picture is None else to_bytes(crops.reduce(picture, OVERVIEW_PX))

    panels = [
        Panel("image", small(shown.image), marks=tuple(_marks(shown.trimap.shape, places))),
        Panel("trimap", small(shown.trimap), is_exact=True),
        Panel("true alpha", small(shown.truth)),
    ]
    for method, matte in shown.mattes.items():
        panels.append(Panel(method, small(matte), _caption(rows[method])))
        error = errors.get(method)
        colours = None if error is None else crops.error_colours(error, shown.trimap)
        panels.append(Panel(f"{method}: error", small(colours), short="error"))
    return _strip(panels, f"{shown.case.name}, {shown.case.trimap_set}")


def _marks(size: tuple[int, ...], places: list[Place]) -> Iterator[Markup]:
    """Yield a frame for each place, laid over the whole picture. size: its height and width."""
    for index, place in enumerate(places, start=1):
        sides = {
            "left": place.left / size[1],
            "top": place.top / size[0],
            "width": place.width / size[1],
            "height": place.height / size[0],
        }
        style = ";".join(f"{side}:{100 * share:.2f}%" for side, share in sides.items())
        yield element("span", index, class_="mark", style=style)


def _caption(row: Row) -> str:
    if row.errors is None:
        return row.failure or ""
    return f"SAD {number(row.errors.sad)} · MSE {number(row.errors.mse)}"


def _place(shown: Shown, errors: dict[str, Floats], place: Place) -> Markup:
    cut = place.window
    panels = [
        Panel("image", to_bytes(to_unit(shown.image[cut]))),
        Panel("trimap", shown.trimap[cut], is_exact=True),
        Panel("true alpha", None if shown.truth is None else to_bytes(shown.truth[cut])),
    ]
    for method, matte in shown.mattes.items():
        error = None if matte is None else errors[method][cut]
        sad = "" if error is None else f"SAD {number(float(np.abs(error).sum()) / 1000)} here"
        panels.append(Panel(method, None if matte is None else to_bytes(matte[cut]), sad))
        colours = None if error is None else crops.error_colours(error, shown.trimap[cut])
        panels.append(Panel(f"{method}: error", colours, short="error"))
    return _strip(panels, f"{shown.case.name}, {shown.case.trimap_set}, {place.reason}")


def _strip(panels: list[Panel], name: str) -> Markup:
    """Return one row of pictures: the image, trimap above truth, then each alpha above its error.

    Zooming steps through them in the order of data-step: all alphas, then all errors.
    """
    image, trimap, truth, *rest = panels
    alphas, maps = rest[::2], rest[1::2]
    steps = {id(panel): step for step, panel in enumerate((image, trimap, truth, *alphas, *maps))}
    order = (image, trimap, *alphas, truth, *maps)
    return element("div", *(_figure(panel, name, steps[id(panel)]) for panel in order), class_="strip")


def _figure(panel: Panel, name: str, step: int) -> Markup:
    caption = element("figcaption", element("b", panel.short or panel.label), " ", panel.caption)
    style = "big" if step == 0 else None
    if panel.picture is None:
        return element("figure", element("div"), caption, class_="none")
    height, width = panel.picture.shape[:2]
    image = element(
        "img",
        src=_data(panel.picture, panel.is_exact),
        width=width,
        height=height,
        alt=f"{panel.label} of {name}",
    )
    return element("figure", element("button", image, *panel.marks, data_step=step), caption, class_=style)


def _data(picture: Bytes, is_exact: bool) -> str:
    kind = "png" if is_exact else "webp"
    content = images.encode_image(picture, f".{kind}", quality=None if is_exact else _QUALITY)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def worst_first(cases: Sequence[Case], rows: dict[tuple[str, str], Row]) -> list[Case]:
    """Return the cases by the first method's SAD, the failed ones first. rows: its rows, by set and name."""

    def badness(case: Case) -> float:
        errors = rows[case.trimap_set, case.name].errors
        return -errors.sad if errors else -np.inf

    return sorted(cases, key=badness)
