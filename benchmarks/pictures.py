"""What a model makes of a benchmark's pictures when they are grey, compressed, noisy, dark or hazy.

    python benchmarks/pictures.py BENCHMARK [--model MODEL] [--trimaps trimap1,trimap2]

Each picture is changed in 8 bits, its trimap and its true alpha stay as they are. Prints the mean SAD in
thousands and the mean MSE in thousandths over unknown pixels.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyvips
from rich.console import Console
from rich.progress import track
from rich.table import Table

from deepmatte import estimate_alpha, load_model
from deepmatte.evaluation import benchmarks, metrics
from deepmatte.pixels import Bytes, to_bytes, to_unit

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def grey(image: Bytes) -> Bytes:
    return to_bytes((to_unit(image) @ _LUMA)[..., None].repeat(3, axis=2))


def compress(image: Bytes, quality: int) -> Bytes:
    """Return what a JPEG file has of a picture, colours at half of the size."""
    content = pyvips.Image.new_from_array(image).jpegsave_buffer(Q=quality, subsample_mode="on")
    return np.asarray(pyvips.Image.new_from_buffer(content, "").numpy())


def add_noise(image: Bytes, deviation: float) -> Bytes:
    noise = np.random.default_rng(0).normal(0, deviation, image.shape).astype(np.float32)
    return to_bytes(to_unit(image) + noise)


CHANGES: dict[str, Callable[[Bytes], Bytes]] = {
    "as it is": lambda image: image,
    "grey": grey,
    "JPEG, quality 95": lambda image: compress(image, 95),
    "JPEG, quality 75": lambda image: compress(image, 75),
    "noise of 0.02": lambda image: add_noise(image, 0.02),
    "values × 0.3": lambda image: to_bytes(to_unit(image) * np.float32(0.3)),
    "0.5 + 0.5 × values": lambda image: to_bytes(np.float32(0.5) + np.float32(0.5) * to_unit(image)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("benchmark", type=Path, metavar="BENCHMARK")
    parser.add_argument("--model", default="default")
    parser.add_argument("--trimaps", metavar="SET,...", help="only these sets")
    arguments = parser.parse_args()
    wanted = arguments.trimaps and arguments.trimaps.split(",")
    cases = [
        case for case in benchmarks.find_cases(arguments.benchmark) if not wanted or case.trimap_set in wanted
    ]
    model = load_model(arguments.model)
    errors: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for case in track(cases, console=Console(stderr=True)):
        image, known, true_alpha = benchmarks.read_case(case)
        assert true_alpha is not None
        for name, change in CHANGES.items():
            alpha = estimate_alpha(change(image), known, model=model)
            found = metrics.sad(alpha, true_alpha, known), metrics.mse(alpha, true_alpha, known)
            errors.setdefault((name, case.trimap_set), []).append(found)
    sets = sorted({trimap_set for _, trimap_set in errors})
    table = Table(model.spec.name, *sets)
    for name in CHANGES:
        means = [np.mean(errors[name, trimap_set], axis=0) for trimap_set in sets]
        table.add_row(name, *(f"{sad:.2f} / {1000 * mse:.1f}" for sad, mse in means))
    Console().print(table)


if __name__ == "__main__":
    main()
