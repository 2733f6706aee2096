import os
from pathlib import Path

import numpy as np
import pytest

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.evaluation import benchmarks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of 7 × 9 px with two trimap sets; true alpha is 1 in the left four columns."""
    alpha = np.zeros((7, 9), np.uint8)
    alpha[:, :4] = 255
    for what in ("image", "alpha", "trimap1", "trimap2"):
        (tmp_path / what).mkdir()
    for name, unknown in (("a", 1), ("b", 3)):
        images.write_image(tmp_path / "image" / f"{name}.png", np.full((7, 9, 3), 90, np.uint8))
        images.write_image(tmp_path / "alpha" / f"{name}.png", alpha)
        for trimap_set, widen in (("trimap1", 0), ("trimap2", 1)):
            tri = alpha.copy()
            tri[:, 4 - unknown - widen : 4] = 128
            images.write_image(tmp_path / trimap_set / f"{name}.png", tri)
    return tmp_path


def test_cases_are_listed_by_set_and_name(folder: Path) -> None:
    cases = benchmarks.find_cases(folder)
    assert [(case.trimap_set, case.name) for case in cases] == [
        ("trimap1", "a"),
        ("trimap1", "b"),
        ("trimap2", "a"),
        ("trimap2", "b"),
    ]
    assert cases[3] == benchmarks.Case(
        "b",
        "trimap2",
        folder / "image" / "b.png",
        folder / "trimap2" / "b.png",
        folder / "alpha" / "b.png",
    )


def test_a_case_is_read_as_it_was_written(folder: Path) -> None:
    image, known, true_alpha = benchmarks.read_case(benchmarks.find_cases(folder)[1])
    assert image.shape == (7, 9, 3)
    assert known.tolist() == [[255, 128, 128, 128, 0, 0, 0, 0, 0]] * 7
    assert true_alpha is not None
    assert true_alpha.dtype == np.float32
    assert true_alpha.tolist() == [[1, 1, 1, 1, 0, 0, 0, 0, 0]] * 7


def test_suffixes_may_differ_between_folders(folder: Path) -> None:
    pixels = images.read_photo(folder / "image" / "a.png").pixels
    (folder / "image" / "a.png").unlink()
    images.write_image(folder / "image" / "a.JPG", pixels)
    (folder / "image" / "readme.txt").write_text("pictures of nothing")
    (folder / "image" / ".hidden.png").write_bytes(b"")
    case = benchmarks.find_cases(folder)[0]
    assert (case.image_path.name, case.trimap_path.name) == ("a.JPG", "a.png")


def test_everything_missing_or_extra_is_named_at_once(folder: Path) -> None:
    (folder / "trimap2" / "b.png").unlink()
    (folder / "alpha" / "a.png").rename(folder / "alpha" / "c.png")
    with pytest.raises(BadInput) as caught:
        benchmarks.find_cases(folder)
    message = str(caught.value)
    for part in ("trimap2 lacks b", "alpha lacks a", "alpha has c, which no picture has"):
        assert part in message


def test_of_very_many_missing_files_some_are_named(folder: Path) -> None:
    for number in range(40):
        (folder / "image" / f"n{number:02}.png").write_bytes(b"")
    with pytest.raises(BadInput, match=r"trimap1 lacks n00, .*, n09 and 30 more"):
        benchmarks.find_cases(folder)


def test_two_files_of_one_name_are_ambiguous(folder: Path) -> None:
    (folder / "trimap1" / "a.jpg").write_bytes(b"")
    with pytest.raises(BadInput, match=r"trimap1 has both a.jpg and a.png"):
        benchmarks.find_cases(folder)


def test_a_benchmark_without_truth_can_be_predicted_only(folder: Path) -> None:
    for path in (folder / "alpha").iterdir():
        path.unlink()
    (folder / "alpha").rmdir()
    with pytest.raises(BadInput, match="no truth to measure against"):
        benchmarks.find_cases(folder)
    cases = benchmarks.find_cases(folder, needs_truth=False)
    assert [case.alpha_path for case in cases] == [None] * 4
    assert benchmarks.read_case(cases[0])[2] is None


def test_truth_that_is_there_is_used_though_it_is_not_needed(folder: Path) -> None:
    assert benchmarks.find_cases(folder, needs_truth=False) == benchmarks.find_cases(folder)
    (folder / "alpha" / "b.png").unlink()
    with pytest.raises(BadInput, match="alpha lacks b"):
        benchmarks.find_cases(folder, needs_truth=False)


def test_a_toml_names_the_folders(folder: Path) -> None:
    (folder / "image").rename(folder / "photos")
    (folder / "alpha").rename(folder / "truth")
    (folder / "trimap1").rename(folder / "narrow ones")
    (folder / "benchmark.toml").write_text(
        'description = "two of nothing"\nimage = "photos"\nalpha = "truth"\n'
        '[trimaps]\nsmall = "narrow ones"\nlarge = "trimap2"\n'
    )
    cases = benchmarks.find_cases(folder)
    assert [(case.trimap_set, case.name) for case in cases] == [
        ("large", "a"),
        ("large", "b"),
        ("small", "a"),
        ("small", "b"),
    ]
    assert cases[2].trimap_path == folder / "narrow ones" / "a.png"
    assert cases[2].alpha_path == folder / "truth" / "a.png"


def test_what_a_toml_leaves_out_has_its_usual_name(folder: Path) -> None:
    expected = benchmarks.find_cases(folder)
    (folder / "benchmark.toml").write_text('description = "two of nothing"')
    assert benchmarks.find_cases(folder) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image = ", "cannot be read"),
        ("image = 3", "has image = 3"),
        ('images = "photos"', "has images = 'photos'"),
        ('image = "photos"', "photos is no folder"),
        ('alpha = "truth"', "truth is no folder"),
        ('trimaps = ["trimap1"]', "a table of set = folder"),
        ("[trimaps]\nsmall = 1", "no text"),
        ('[trimaps]\n"dim/set" = "trimap1"', "trimap sets called dim/set"),
        ('[trimaps]\n"../../out" = "trimap1"', "expected letters, digits"),
        ('[trimaps]\nsmall = "narrow"', "narrow is no folder"),
    ],
)
def test_a_toml_that_cannot_be_used_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "benchmark.toml").write_text(text)
    with pytest.raises(BadInput, match=message):
        benchmarks.find_cases(folder)


def test_a_folder_that_is_no_benchmark_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(BadInput, match="is no folder"):
        benchmarks.find_cases(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="expected a benchmark folder"):
        benchmarks.find_cases(tmp_path / "image")
    for path in sorted(folder.glob("trimap*/*")):
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    with pytest.raises(BadInput, match="has no trimaps"):
        benchmarks.find_cases(folder)
    for path in (folder / "image").iterdir():
        path.unlink()
    with pytest.raises(BadInput, match="holds no pictures"):
        benchmarks.find_cases(folder)


def _replace(path: Path, pixels: np.ndarray) -> None:
    images.write_image(path, pixels, overwrite=True)


def test_sizes_that_differ_are_named(folder: Path) -> None:
    _replace(folder / "alpha" / "b.png", np.zeros((9, 7), np.uint8))
    _replace(folder / "trimap1" / "a.png", np.zeros((7, 8), np.uint8))
    cases = benchmarks.find_cases(folder)
    with pytest.raises(BadInput, match=r"a\.png: trimap is 8 × 7 px but the image is 9 × 7 px"):
        benchmarks.read_case(cases[0])
    with pytest.raises(BadInput, match=r"b\.png is 7 × 9 px but the image is 9 × 7 px"):
        benchmarks.read_case(cases[1])


def test_a_file_that_is_no_picture_is_named(folder: Path) -> None:
    (folder / "trimap1" / "b.png").write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"b\.png is no picture"):
        benchmarks.read_case(benchmarks.find_cases(folder)[1])


def test_names_that_cannot_be_written_down_are_refused_at_once(folder: Path) -> None:
    odd = folder / "image" / os.fsdecode(b"M\xfcnchen.png")
    (folder / "image" / "a.png").rename(odd)
    with pytest.raises(BadInput, match="no name in UTF-8: rename it"):
        benchmarks.find_cases(folder)
    odd.rename(folder / "image" / "a.png")
    (folder / os.fsdecode(b"trimap\xe9")).mkdir()
    with pytest.raises(BadInput, match="which is no UTF-8"):
        benchmarks.find_cases(folder)
