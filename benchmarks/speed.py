"""Speed against pymatting's closed-form matting, memory for 24 Mpx, and time to a cutout.

    python benchmarks/speed.py --photos DIR --example examples/cat.png examples/cat-trimap.png --output FILE

DIR holds image/ and trimap1/ with files of the same names. pymatting: pip install ".[evaluate]". Times are
wall-clock seconds of one run on one machine; the model is loaded once, before the clock starts, except in the
time to a cutout, which is that of the whole process.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import machine
import numpy as np

import deepmatte
from deepmatte import images, pixels
from deepmatte.background import cover

LARGE = (4000, 6000)  # 24 Mpx
STARTS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, metavar="DIR", help="compare speed on these")
    parser.add_argument(
        "--example", nargs=2, type=Path, metavar=("IMAGE", "TRIMAP"), help="measure memory and start"
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--at-most", type=int, default=1000, metavar="N", help="use only the first N photos")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON too")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        measure_child(*arguments.child, model=arguments.model)
        return
    figures: dict[str, Any] = {
        "machine": machine.describe(),
        "deepmatte": deepmatte.__version__,
        "model": deepmatte.load_model(arguments.model).spec.name,
    }
    if arguments.photos:
        figures["speed"] = compare_speed(arguments.photos, arguments.model, arguments.at_most)
    if arguments.example:
        figures["memory"] = measure_memory(*arguments.example, arguments.model)
        figures["start"] = measure_start(*arguments.example, arguments.model)
    if arguments.output:
        arguments.output.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def compare_speed(folder: Path, model_name: str, at_most: int) -> dict[str, float]:
    """Seconds per megapixel of both on the same photos, in turn, so that both meet the same load."""
    with redirect_stderr(io.StringIO()):
        import pymatting
    model = deepmatte.load_model(model_name)
    paths = sorted((folder / "image").iterdir())[:at_most]
    pairs = [(read(path), images.read_map(folder / "trimap1" / path.name)) for path in paths]
    # Compiling pymatting's functions and the model's first run for a shape are not what is compared.
    closed_form(pymatting, pairs[0][0][::8, ::8], pairs[0][1][::8, ::8])
    deepmatte.estimate_alpha(*pairs[0], model=model)
    ours, theirs, area = 0.0, 0.0, 0.0
    for path, (image, trimap) in zip(paths, pairs, strict=True):
        mine = timed(partial(deepmatte.estimate_alpha, image, trimap, model=model))
        closed = timed(partial(closed_form, pymatting, image, trimap))
        megapixels = trimap.size / 1e6
        print(f"{path.name}: {megapixels:.2f} Mpx, deepmatte {mine:.2f} s, closed-form {closed:.2f} s")
        ours, theirs, area = ours + mine, theirs + closed, area + megapixels
    result = {
        "photos": len(pairs),
        "deepmatte_s_per_mpx": round(ours / area, 3),
        "closed_form_s_per_mpx": round(theirs / area, 3),
        "times_faster": round(theirs / ours, 1),
    }
    print(
        "s/Mpx: deepmatte {deepmatte_s_per_mpx}, closed-form {closed_form_s_per_mpx}: {times_faster}×".format(
            **result
        )
    )
    return result


def closed_form(pymatting: Any, image: pixels.AnyArray, trimap: pixels.AnyArray) -> None:
    known = deepmatte.trimap.parse(trimap)
    exact = np.where(known == 128, 0.5, known / 255)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        pymatting.estimate_alpha_cf(pixels.to_unit(image).astype(np.float64), exact)


def read(path: Path) -> pixels.AnyArray:
    return images.read_photo(path).pixels


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_memory(photo: Path, trimap: Path, model: str) -> dict[str, Any]:
    """Peak memory of a process of its own, for the example enlarged, and repeated, to 24 Mpx."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for layout in ("enlarged", "repeated"):
            large = [Path(folder) / f"{layout}-{kind}.tif" for kind in ("photo", "trimap")]
            images.write_image(large[0], at_size(read(photo), layout))
            images.write_image(large[1], at_size(deepmatte.trimap.parse(images.read_map(trimap)), layout))
            for job in ("alpha", "cut"):
                child = [sys.executable, __file__, "--model", model, "--child", job, *map(str, large), folder]
                figures = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
                print(f"24 Mpx, example {layout}, {job}: {figures['peak_gb']} GB, {figures['seconds']} s")
                result[f"{layout}_{job}"] = figures
    return result


def at_size(picture: pixels.AnyArray, layout: str) -> pixels.AnyArray:
    """Bring a picture to LARGE: enlarged to cover it, or side by side with itself."""
    height, width = LARGE
    if layout == "repeated":
        rows, columns = np.arange(height) % picture.shape[0], np.arange(width) % picture.shape[1]
        return picture[rows][:, columns]
    if picture.ndim == 2:
        grey = cover(pixels.to_unit(picture)[..., None].repeat(3, axis=2), height, width)[..., 0]
        return deepmatte.trimap.parse(pixels.to_bytes(grey))
    return pixels.to_bytes(cover(pixels.to_unit(picture), height, width))


def measure_child(job: str, photo: str, trimap: str, folder: str, model: str) -> None:
    """Do one job and print the peak memory of this process."""
    started = time.perf_counter()
    if job == "alpha":
        options = deepmatte.MattingOptions(model=model)
        deepmatte.estimate_alpha(read(Path(photo)), images.read_map(trimap), options)
    else:
        options = deepmatte.MattingOptions(model=model)
        deepmatte.cut(photo, trimap, Path(folder) / "cut.png", options=options, overwrite=True)
    seconds = time.perf_counter() - started
    print(json.dumps({"peak_gb": round(peak_bytes() / 1e9, 2), "seconds": round(seconds, 1)}))


def peak_bytes() -> int:
    """Peak resident memory. Linux's VmHWM is this program's own; ru_maxrss starts from its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure_start(photo: Path, trimap: Path, model: str) -> dict[str, float]:
    """Seconds from the start of the process to the finished cutout file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "deepmatte", "cut", str(photo), "--trimap", str(trimap)]
        command += ["--output", str(Path(folder) / "cut.png"), "--overwrite", "--model", model]
        seconds = [
            timed(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(STARTS)
        ]
    result = {"first_s": seconds[0], "median_s": statistics.median(seconds), "best_s": min(seconds)}
    result = {name: round(value, 2) for name, value in result.items()}
    print("start to cutout: first {first_s} s, median {median_s} s, best {best_s} s".format(**result))
    return result


if __name__ == "__main__":
    main()
