"""OpenVINO in f32 and bf16 and ONNX Runtime side by side, on one model and photos of a benchmark folder.

    python benchmarks/runtimes.py default BENCHMARK_DIR --output benchmarks/runtimes.json

BENCHMARK_DIR holds image/ and trimap1/ with files of the same names. Each choice runs in a process of its
own, several rounds in turn, so that other work on the machine hits all alike. Differences are those of the
clipped alpha over unknown pixels, against OpenVINO in f32.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import machine
import numpy as np
from rich.console import Console
from rich.table import Table

from deepmatte import framing, guides, images, trimap
from deepmatte.models import load_model
from deepmatte.pixels import Floats, to_unit

CHOICES = (("openvino", "f32"), ("openvino", "bf16"), ("onnxruntime", "f32"))

Inputs = tuple[Floats, Floats]


@dataclass(frozen=True)
class Round:
    """What one process measured with one choice."""

    open_s: float  # import and compile
    first_s_per_mpx: float  # all windows once, every size new to the session
    again_s_per_mpx: float  # all windows once more
    alphas: list[Floats]


@dataclass(frozen=True)
class Row:
    """A line of the table: medians over the rounds."""

    runtime: str
    precision: str
    open_s: float
    first_s_per_mpx: float
    again_s_per_mpx: float
    largest_difference: float  # in units of 1/255
    share_over_2: float  # of the unknown pixels, those that differ by more than 2/255


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name or path of a model")
    parser.add_argument("benchmark", type=Path, help="folder with image/ and trimap1/")
    parser.add_argument("--photos", type=int, default=5, help="how many photos to use")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write the figures as JSON, too")
    chosen = parser.parse_args()

    windows, unknown = [], []
    for path in sorted((chosen.benchmark / "image").iterdir())[: chosen.photos]:
        photo_windows, photo_unknown = framed(path, chosen.benchmark / "trimap1" / path.name, chosen.model)
        windows += photo_windows
        unknown += photo_unknown
    rounds: dict[tuple[str, str], list[Round]] = {choice: [] for choice in CHOICES}
    for _ in range(chosen.rounds):
        for choice in CHOICES:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                rounds[choice].append(pool.apply(measure, (chosen.model, choice, windows)))
    rows = [row(choice, rounds[choice], rounds[CHOICES[0]][0].alphas, unknown) for choice in CHOICES]
    show(rows)
    if chosen.output:
        report = {**about(chosen.model, windows), "rows": [asdict(each) for each in rows]}
        chosen.output.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def framed(photo: Path, map_path: Path, model: str) -> tuple[list[Inputs], list[np.ndarray[Any, Any]]]:
    """Return the network's inputs for each tile of a photo, and which pixels of them are unknown."""
    spec = load_model(model).spec
    image, known = images.read_photo(photo).pixels, trimap.parse(images.read_map(map_path))
    survey = guides.survey(np.moveaxis(to_unit(image), 2, 0), known)
    cut = [tile.padded for tile in framing.tiles(known, spec.stride, margin_px=spec.margin_px)]
    inputs = [
        (framing.planes(image, known, survey, window), framing.fields(survey, known.shape, window))
        for window in cut
    ]
    return inputs, [planes[3] + planes[4] == 0 for planes, _ in inputs]


def measure(model: str, choice: tuple[str, str], windows: list[Inputs]) -> Round:
    """Open a model and run all windows twice. Called in a fresh process."""
    start = time.perf_counter()
    session = load_model(model, runtime=choice[0], precision=choice[1]).session
    open_s = time.perf_counter() - start
    mpx = sum(planes[0].size for planes, _ in windows) / 1e6
    passes, alphas = [], []
    for _ in range(2):
        start = time.perf_counter()
        alphas = [session.run(planes, fields) for planes, fields in windows]
        passes.append((time.perf_counter() - start) / mpx)
    return Round(open_s, passes[0], passes[1], alphas)


def row(
    choice: tuple[str, str], rounds: list[Round], reference: list[Floats], unknown: list[np.ndarray[Any, Any]]
) -> Row:
    """Sum up the rounds of one choice."""
    differences = np.concatenate(
        [
            np.abs(np.clip(alpha, 0, 1) - np.clip(true, 0, 1))[where] * 255
            for alpha, true, where in zip(rounds[0].alphas, reference, unknown, strict=True)
        ]
    )
    return Row(
        *choice,
        statistics.median(each.open_s for each in rounds),
        statistics.median(each.first_s_per_mpx for each in rounds),
        statistics.median(each.again_s_per_mpx for each in rounds),
        float(differences.max()),
        float((differences > 2).mean()),
    )


def show(rows: list[Row]) -> None:
    """Print the table."""
    table = Table(
        "runtime", "precision", "open s", "s/Mpx first", "s/Mpx again", "max diff /255", "over 2/255"
    )
    for each in rows:
        seconds = [f"{value:.3f}" for value in (each.open_s, each.first_s_per_mpx, each.again_s_per_mpx)]
        difference = [f"{each.largest_difference:.3f}", f"{each.share_over_2:.3%}"]
        table.add_row(each.runtime, each.precision, *seconds, *difference)
    Console(width=100).print(table)


def about(model: str, windows: list[Inputs]) -> dict[str, Any]:
    """Return what the figures depend on."""
    spec = load_model(model).spec
    return {
        "model": f"{spec.name} {spec.version}",
        "megapixels": sum(planes[0].size for planes, _ in windows) / 1e6,
        "windows": len(windows),
        "machine": machine.describe(),
    }


if __name__ == "__main__":
    main()
