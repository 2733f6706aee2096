"""How libraries read pictures, and how hard ours is to compress them (docs/decisions/image-codec.md).

    python benchmarks/codecs.py [PICTURE ...]

Needs Linux and the dev extra; OpenCV (opencv-python-headless), imageio and tifffile are measured where
they are installed.
Each decode runs seven times in a process of its own: the fastest is shown, and how far the process's
peak memory grew. Each way of compressing runs twice, on what is drawn here and on pictures that are named:
processor time of the faster run, and size.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from deepmatte import images
from deepmatte.pixels import to_words

HEIGHT, WIDTH = 4000, 6000

READERS = {
    "deepmatte": ("deepmatte.images", "from deepmatte import images", "images.read_photo(path).pixels"),
    "pyvips": (
        "pyvips",
        "import pyvips",
        "pyvips.Image.new_from_file(path, access='sequential', fail_on='error').numpy()",
    ),
    "Pillow": (
        "PIL",
        "from PIL import Image; import numpy; Image.MAX_IMAGE_PIXELS = None",
        "numpy.asarray(Image.open(path))",
    ),
    "OpenCV": ("cv2", "import cv2", "cv2.imread(path, cv2.IMREAD_UNCHANGED)"),
    "imageio": ("imageio", "import imageio.v3", "imageio.v3.imread(path)"),
    "tifffile": ("tifffile", "import tifffile", "tifffile.imread(path)"),
}

LEVELS = (1, 3, 6)
WRITERS = {
    f"PNG, {name}, level {level}": ("pngsave_buffer", {"filter": name, "compression": level})
    for level in LEVELS
    for name in ("none", "sub", "up", "avg", "paeth", "all")
} | {
    f"TIFF, level {level}": ("tiffsave_buffer", images.FORMATS[".tif"].options | {"level": level})
    for level in LEVELS
}

MEASURE = """
import json, re, sys, time
path = sys.argv[1]
{setup}
def peak():  # not getrusage: its peak starts with that of the process which started this one
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
before, seconds = peak(), []
for _ in range(7):
    start = time.perf_counter()
    array = {read}
    seconds.append(time.perf_counter() - start)
    shape, dtype = array.shape, str(array.dtype)
    del array
print(json.dumps(dict(seconds=min(seconds), megabytes=peak() - before, shape=shape, dtype=dtype)))
"""


def draw() -> NDArray[np.uint16]:
    """Draw a smooth 16 bit picture with fine grain, which compresses about as a photograph does."""
    generator = np.random.default_rng(0)
    down = np.linspace(0, 40, HEIGHT)[:, None].astype(np.float32)
    across = np.linspace(0, 60, WIDTH).astype(np.float32)
    planes = [np.sin(down + phase) * np.cos(across - phase) for phase in (0, 1, 2)]
    grain = generator.normal(0, 0.01, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return to_words(0.5 + 0.45 * np.stack(planes, axis=2) + grain)


def write_samples(folder: Path, deep: NDArray[np.uint16], shallow: NDArray[np.uint8]) -> list[Path]:
    """Write the four files that are measured."""
    images.write_image(folder / "24 Mpx.jpg", shallow)
    images.write_image(folder / "24 Mpx 8 bit.png", shallow)
    images.write_image(folder / "24 Mpx 16 bit.png", deep)
    images.write_image(folder / "24 Mpx 16 bit.tif", deep)
    return sorted(folder.iterdir(), key=lambda path: path.stat().st_size)


def measure(setup: str, read: str, path: Path) -> str:
    """Return one cell of the table."""
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE.format(setup=setup, read=read), str(path)],
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        return "cannot read"
    found = json.loads(ran.stdout)
    depth = "" if found["dtype"] == "uint16" or "16 bit" not in path.name else f", {found['dtype']}"
    return f"{found['seconds']:.2f} s, {found['megabytes']:.0f} MB{depth}"


def print_head(columns: list[str]) -> None:
    """Print the head of a table."""
    print("| | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")


def compare_readers(deep: NDArray[np.uint16], shallow: NDArray[np.uint8]) -> None:
    """Print what reading costs, in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        samples = write_samples(Path(folder), deep, shallow)
        print_head([path.name for path in samples])
        for name, (module, setup, read) in READERS.items():
            try:
                importlib.import_module(module)
            except ImportError:
                continue
            print(f"| {name} | " + " | ".join(measure(setup, read, path) for path in samples) + " |")


def compare_writers(deep: NDArray[np.uint16], shallow: NDArray[np.uint8], paths: list[str]) -> None:
    """Print what writing costs, in Markdown."""
    alpha = np.broadcast_to(np.linspace(-300, 555, WIDTH).clip(0, 255).astype(np.uint8), (HEIGHT, WIDTH))
    pictures = {
        "24 Mpx, 8 bit RGBA": [
            pyvips.Image.new_from_array(np.dstack([shallow, alpha]), interpretation="srgb")
        ],
        "24 Mpx, 16 bit RGB": [pyvips.Image.new_from_array(deep, interpretation="rgb16")],
    }
    if paths:
        pictures["yours"] = [pyvips.Image.new_from_file(path).copy_memory() for path in paths]
    print_head(list(pictures))
    for name, (saver, options) in WRITERS.items():
        cells = [compress(group, saver, options) for group in pictures.values()]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def compress(pictures: list[Any], saver: str, options: dict[str, Any]) -> str:
    """Return one cell of the table."""
    seconds = []
    for _ in range(2):
        start = time.process_time()
        size = sum(len(getattr(picture, saver)(**options)) for picture in pictures)
        seconds.append(time.process_time() - start)
    return f"{min(seconds):.2f} s, {size / 1e6:.3g} MB"


def main() -> None:
    """Print both tables."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help="to be compressed as well")
    pictures = parser.parse_args().pictures
    deep = draw()
    shallow = (deep // 257).astype(np.uint8)
    compare_readers(deep, shallow)
    print()
    compare_writers(deep, shallow, pictures)


if __name__ == "__main__":
    main()
