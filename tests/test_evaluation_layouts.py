import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepmatte import images, trimap
from deepmatte.errors import BadInput, BadOutput
from deepmatte.evaluation import benchmarks, layouts
from deepmatte.evaluation.layouts import import_layout
from deepmatte.evaluation.rounding import ROUNDINGS, compose

HEIGHT, WIDTH = 13, 17


def _noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images.write_image(path, pixels)


def _photos(source: Path, parts: dict[str, str], names: tuple[str, ...] = ("x", "y")) -> Path:
    """Folders of photos: the suffix of each folder's files, by the folder. Colours in the first one only."""
    for number, (folder, suffix) in enumerate(parts.items()):
        for seed, name in enumerate(names):
            pixels = _noise(seed, HEIGHT, WIDTH, 3)
            _write(source / folder / f"{name}{suffix}", pixels if number == 0 else pixels[..., 0])
    return source


ALPHAMATTING = {
    "input_training_lowres": ".png",
    "gt_training_lowres": ".png",
    "trimap_training_lowres/Trimap1": ".png",
    "trimap_training_lowres/Trimap2": ".png",
}
AIM = {"original": ".jpg", "mask": ".png", "trimap": ".png", "usr": ".png"}
PHOTOS = [
    ("alphamatting-training", ALPHAMATTING, {"trimap1", "trimap2"}),
    (
        "alphamatting-training-highres",
        {folder.replace("lowres", "highres"): suffix for folder, suffix in ALPHAMATTING.items()},
        {"trimap1", "trimap2"},
    ),
    ("aim-500", AIM, {"trimap"}),
    ("aim-500", {f"AIM-500/{folder}": suffix for folder, suffix in AIM.items()}, {"trimap"}),
    ("p3m-500-np", {"original_image": ".jpg", "mask": ".png", "trimap": ".png"}, {"trimap"}),
    (
        "p3m-500-p",
        {
            f"validation/P3M-500-P/{folder}": suffix
            for folder, suffix in [("blurred_image", ".jpg"), ("mask", ".png"), ("trimap", ".png")]
        },
        {"trimap"},
    ),
]


@pytest.mark.parametrize(("layout", "parts", "sets"), PHOTOS)
def test_photos_come_over_byte_by_byte(
    tmp_path: Path, layout: str, parts: dict[str, str], sets: set[str]
) -> None:
    source = _photos(tmp_path / "source", parts)
    cases = import_layout(layout, source, tmp_path / "made")
    assert cases == benchmarks.find_cases(tmp_path / "made")
    assert {(case.name, case.trimap_set) for case in cases} == {(n, s) for n in ("x", "y") for s in sets}
    folders = iter(parts)
    for part in ("image", "alpha", *sorted(sets)):
        published = {path.name: path.read_bytes() for path in (source / next(folders)).iterdir()}
        assert {path.name: path.read_bytes() for path in (tmp_path / "made" / part).iterdir()} == published
    image, known, true_alpha = benchmarks.read_case(cases[0])
    assert true_alpha is not None
    assert image.shape[:2] == known.shape == true_alpha.shape == (HEIGHT, WIDTH)


def test_photos_without_truth_can_be_predicted_only(tmp_path: Path) -> None:
    parts = {"input_lowres": ".png", **{f"trimap_lowres/Trimap{number}": ".png" for number in (1, 2, 3)}}
    cases = import_layout("alphamatting-test", _photos(tmp_path / "source", parts), tmp_path / "made")
    assert [case.trimap_set for case in cases] == ["trimap1"] * 2 + ["trimap2"] * 2 + ["trimap3"] * 2
    assert {case.alpha_path for case in cases} == {None}
    with pytest.raises(BadInput, match="no truth"):
        benchmarks.find_cases(tmp_path / "made")


def test_all_missing_folders_are_named(tmp_path: Path) -> None:
    source = _photos(tmp_path / "source", ALPHAMATTING)
    shutil.rmtree(source / "gt_training_lowres")
    shutil.rmtree(source / "trimap_training_lowres" / "Trimap2")
    with pytest.raises(BadInput) as caught:
        import_layout("alphamatting-training", source, tmp_path / "made")
    assert "lacks gt_training_lowres, trimap_training_lowres/Trimap2; expected" in str(caught.value)
    assert not (tmp_path / "made").exists()


def test_all_missing_photos_are_named(tmp_path: Path) -> None:
    source = _photos(tmp_path / "source", AIM)
    (source / "mask" / "x.png").unlink()
    (source / "trimap" / "y.png").rename(source / "trimap" / "z.png")
    with pytest.raises(BadInput, match=r"mask lacks x; .*trimap lacks y; .*trimap has z"):
        import_layout("aim-500", source, tmp_path / "made")


def _composition(source: Path, trimaps: str | None = "composite") -> Path:
    """Two foregrounds, of two sizes, three backgrounds each, in the folders of Composition-1k."""
    inner = source / "Test_set" / "Adobe-licensed images"
    for seed, (name, size) in enumerate({"cat": (HEIGHT, WIDTH), "elk": (9, 7)}.items()):
        _write(inner / "fg" / f"{name}.png", _noise(seed, *size, 3))
        alpha = np.zeros(size, np.uint8)
        alpha[:, size[1] // 2 :] = 255
        alpha[:, size[1] // 2] = 100
        _write(inner / "alpha" / f"{name}.png", np.repeat(alpha[..., None], 3, axis=2))
        stems = {"composite": [f"{name}_{k}" for k in range(3)], "foreground": [name]}.get(trimaps or "", [])
        for number, stem in enumerate(stems):
            _write(inner / "trimaps" / f"{stem}.png", np.where(alpha == 100, 128, alpha - number // 2))
    for number in range(6):
        _write(source / "bg" / f"b{number}.png", _noise(10 + number, 6 + 4 * number, 8, 3))
    (source / "Test_set" / "test_fg_names.txt").write_bytes(b"elk.png\r\ncat.png\r\n")
    backgrounds = [f"b{number}.png" for number in (3, 1, 0, 2, 5, 4)]
    (source / "Test_set" / "test_bg_names.txt").write_text("\n".join(backgrounds) + "\n\n")
    return source


@pytest.mark.parametrize("rounding", [None, *ROUNDINGS])
def test_each_foreground_goes_over_its_own_backgrounds(tmp_path: Path, rounding: str | None) -> None:
    source = _composition(tmp_path / "source")
    inner = source / "Test_set" / "Adobe-licensed images"
    cases = import_layout(
        "composition-1k", source, tmp_path / "made", backgrounds=source / "bg", rounding=rounding
    )
    assert [case.name for case in cases] == ["cat_0", "cat_1", "cat_2", "elk_0", "elk_1", "elk_2"]
    for case, number in zip(cases, (2, 5, 4, 3, 1, 0), strict=True):
        foreground, alpha = (
            images.read_photo(inner / part / f"{case.name[:3]}.png").pixels for part in ("fg", "alpha")
        )
        background = images.read_photo(source / "bg" / f"b{number}.png").pixels
        expected = compose(foreground, background, alpha[..., 0], ROUNDINGS[rounding or "official"])
        image, known, true_alpha = benchmarks.read_case(case)
        np.testing.assert_array_equal(image, expected)
        np.testing.assert_array_equal(true_alpha, (alpha[..., 0] / 255).astype(np.float32))
        np.testing.assert_array_equal(known == 128, alpha[..., 0] == 100)
        assert case.trimap_set == "trimap"
        published = (inner / "trimaps" / f"{case.name}.png").read_bytes()
        assert case.trimap_path.read_bytes() == published


def test_the_official_composite_is_what_pillow_and_python_make_of_it(tmp_path: Path) -> None:
    """One composite, built the slow way."""
    source = _composition(tmp_path / "source")
    inner = source / "Test_set" / "Adobe-licensed images"
    import_layout("composition-1k", source, tmp_path / "made", backgrounds=source / "bg")
    foreground, alpha = (Image.open(inner / part / "cat.png") for part in ("fg", "alpha"))
    background = Image.open(source / "bg" / "b2.png")  # 8 × 14 px, to be enlarged to 17 × 30
    background = background.resize((17, 30), Image.Resampling.BICUBIC)
    made = Image.open(tmp_path / "made" / "image" / "cat_0.png")
    for x in range(WIDTH):
        for y in range(HEIGHT):
            share = alpha.getpixel((x, y))[0] / 255
            pairs = zip(foreground.getpixel((x, y)), background.getpixel((x, y)), strict=True)
            expected = tuple(int(share * over + (1 - share) * under) for over, under in pairs)
            assert made.getpixel((x, y)) == expected


def test_fewer_backgrounds_make_a_part_of_the_same_benchmark(tmp_path: Path) -> None:
    source = _composition(tmp_path / "source")
    for count, name in ((3, "all"), (1, "part")):
        import_layout(
            "composition-1k", source, tmp_path / name, backgrounds=source / "bg", per_foreground=count
        )
    assert [path.name for path in sorted((tmp_path / "part" / "image").iterdir())] == [
        "cat_0.png",
        "elk_0.png",
    ]
    for path in (tmp_path / "part" / "image").iterdir():
        assert path.read_bytes() == (tmp_path / "all" / "image" / path.name).read_bytes()


def test_a_trimap_may_be_that_of_the_foreground(tmp_path: Path) -> None:
    source = _composition(tmp_path / "source", trimaps="foreground")
    cases = import_layout("composition-1k", source, tmp_path / "made", backgrounds=source / "bg")
    assert [case.trimap_set for case in cases] == ["trimap"] * 6


def test_the_trimap_of_a_composite_comes_before_that_of_its_foreground(tmp_path: Path) -> None:
    """One called cat.png may belong to anything once there are those of cat's composites."""
    source = _composition(tmp_path / "source")
    trimaps = source / "Test_set" / "Adobe-licensed images" / "trimaps"
    shutil.copy(trimaps / "elk_0.png", trimaps / "cat.png")
    cases = import_layout("composition-1k", source, tmp_path / "made", backgrounds=source / "bg")
    assert cases[0].trimap_path.read_bytes() == (trimaps / "cat_0.png").read_bytes()


def test_trimaps_that_are_not_published_are_generated_and_called_so(tmp_path: Path) -> None:
    source = _composition(tmp_path / "source", trimaps=None)
    cases = import_layout("composition-1k", source, tmp_path / "made", backgrounds=source / "bg")
    assert [case.trimap_set for case in cases] == ["trimap-generated"] * 6
    _, known, true_alpha = benchmarks.read_case(cases[0])
    assert true_alpha is not None
    np.testing.assert_array_equal(
        known, trimap.from_alpha(true_alpha, layouts.GENERATED_PX, layouts.GENERATED_PX)
    )
    assert "generated, 10 px wide" in (tmp_path / "made" / "benchmark.toml").read_text()


def test_distinctions_are_composed_from_their_own_folders(tmp_path: Path) -> None:
    source = tmp_path / "source"
    _write(source / "Test" / "FG" / "owl.png", _noise(0, HEIGHT, WIDTH, 3))
    _write(source / "Test" / "GT" / "owl.png", _noise(1, HEIGHT, WIDTH))
    (source / "Test" / "fg_test.txt").write_text("owl.png\n")
    (source / "Test" / "bg_test.txt").write_text("JPEGImages/2008_1.jpg\n2008_2.jpg\n")
    with pytest.raises(BadInput, match="published without backgrounds"):
        import_layout("distinctions-646", source, tmp_path / "made")
    for number in (1, 2):
        _write(tmp_path / "voc" / f"2008_{number}.jpg", _noise(2, 30, 40, 3))
    done: list[tuple[int, int]] = []
    cases = import_layout(
        "distinctions-646",
        source,
        tmp_path / "made",
        backgrounds=tmp_path / "voc",
        progress=lambda *progress: done.append(progress),
    )
    assert [case.name for case in cases] == ["owl_0", "owl_1"]
    assert done == [(1, 2), (2, 2)]


def test_every_file_that_lacks_is_named(tmp_path: Path) -> None:
    source = _composition(tmp_path / "source")
    inner = source / "Test_set" / "Adobe-licensed images"
    (inner / "alpha" / "cat.png").unlink()
    (source / "bg" / "b0.png").unlink()
    (inner / "trimaps" / "elk_2.png").unlink()
    with pytest.raises(BadInput) as caught:
        import_layout("composition-1k", source, tmp_path / "made", backgrounds=source / "bg")
    for part in ("alpha lacks cat.png", "bg lacks b0.png", "trimaps lacks elk_2.png"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("test_fg_names.txt", "cat.png\n", None),
        ("test_fg_names.txt", "\n", "is empty"),
        ("test_fg_names.txt", "cat.png\ncat.png\n", "the foreground cat is listed twice"),
        ("test_fg_names.txt", "cat.png\nelk.png\nowl.png\nape.png\n", "lists 6 backgrounds for 4"),
        ("test_bg_names.txt", "b0.png\n", "lists 1 backgrounds for 2"),
    ],
)
def test_lists_that_do_not_fit_are_refused(tmp_path: Path, name: str, text: str, message: str | None) -> None:
    source = _composition(tmp_path / "source", trimaps=None)
    (source / "Test_set" / name).write_text(text)

    def make() -> None:
        import_layout("composition-1k", source, tmp_path / "made", backgrounds=source / "bg")

    if message is None:
        make()
    else:
        with pytest.raises(BadInput, match=message):
            make()


def test_a_list_that_lacks_is_named(tmp_path: Path) -> None:
    source = _composition(tmp_path / "source")
    (source / "Test_set" / "test_bg_names.txt").unlink()
    with pytest.raises(BadInput, match=r"lacks test_bg_names\.txt; expected fg, alpha"):
        import_layout("composition-1k", source, tmp_path / "made", backgrounds=source / "bg")


def test_an_alpha_of_another_size_leaves_nothing_behind(tmp_path: Path) -> None:
    source = _composition(tmp_path / "source")
    path = source / "Test_set" / "Adobe-licensed images" / "alpha" / "cat.png"
    images.write_image(path, _noise(0, WIDTH, HEIGHT), overwrite=True)
    with pytest.raises(BadInput, match=r"cat\.png: the foreground is 17 × 13 px but its alpha 13 × 17 px"):
        import_layout("composition-1k", source, tmp_path / "made", backgrounds=source / "bg")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    source = _photos(tmp_path / "source", AIM)
    with pytest.raises(BadOutput, match="no empty folder"):
        import_layout("aim-500", source, source)


@pytest.mark.parametrize(
    ("layout", "options", "message"),
    [
        ("coco", {}, "no known layout; expected one of alphamatting-training, "),
        ("aim-500", {"rounding": "official"}, "holds photos"),
        ("aim-500", {"per_foreground": 20}, "holds photos"),
        ("composition-1k", {"rounding": "bankers"}, "no known rounding; expected one of official, nearest"),
        ("composition-1k", {"per_foreground": 4}, "4 backgrounds .* expected 1 to 3"),
        ("composition-1k", {"per_foreground": 0}, "expected 1 to 3"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, layout: str, options: dict[str, str | int], message: str
) -> None:
    source = _composition(tmp_path / "source")
    if layout == "composition-1k":
        options = {"backgrounds": source / "bg", **options}
    with pytest.raises(BadInput, match=message):
        import_layout(layout, source, tmp_path / "made", **options)


def test_backgrounds_that_are_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere is no folder; expected the one that holds the backgrounds"):
        import_layout(
            "composition-1k",
            _composition(tmp_path / "source"),
            tmp_path / "made",
            backgrounds=tmp_path / "nowhere",
        )


def test_a_source_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nowhere is no folder"):
        import_layout("aim-500", tmp_path / "nowhere", tmp_path / "made")
