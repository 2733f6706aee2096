from collections.abc import Iterable
from pathlib import Path

import pytest
from small_corpus import write_corpus

from deepmatte.errors import BadInput
from deepmatte.training.corpus.origins import Item, list_items


def _touch(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def _facts(item: Item) -> tuple[str, str, str, str, str]:
    return item.name, item.kind, item.stem, item.group, item.split


def test_folders_of_cutouts_and_photos_are_listed_by_group(tmp_path: Path) -> None:
    source = _touch(
        tmp_path / "mine", ["cat.png", "hair/a/b.webp", "hair/.hidden.png", ".git/x.png", "notes.txt"]
    )
    listing = list_items("rgba", source)
    assert [_facts(item) for item in listing.items] == [
        ("cat.png", "foreground", "cat", "mine", ""),
        ("hair/a/b.webp", "foreground", "a-b", "hair", ""),
    ]
    assert {item.treatment for item in listing.items} == {"detect"}
    photos = list_items("photos", source).items
    assert [(item.kind, item.treatment) for item in photos] == [("background", "copy")] * 2


def test_pairs_are_matched_and_what_has_no_partner_is_told(tmp_path: Path) -> None:
    source = _touch(
        tmp_path / "mine",
        [f"image/{name}" for name in ("a.jpg", "b.jpg", "c.jpg")]
        + [f"alpha/{name}" for name in ("a.png", "c.png", "c.tif", "d.png")],
    )
    listing = list_items("pairs", source)
    assert [(item.image.name, item.alpha and item.alpha.name) for item in listing.items] == [
        ("a.jpg", "a.png")
    ]
    assert [failure.rsplit("/", 1)[1] for failure in listing.failures] == [
        "b.jpg has no alphas of its name; expected one",
        "c.jpg has 2 alphas of its name; expected one",
        "d.png has no picture of its name",
    ]


@pytest.mark.parametrize("wrapped", ["", "Combined_Dataset/"])
def test_the_adobe_set_has_two_halves_in_parts(tmp_path: Path, wrapped: str) -> None:
    files = [
        "Training_set/Adobe-licensed images/fg/a.jpg",
        "Training_set/Adobe-licensed images/alpha/a.png",
        "Training_set/Other/fg/b.jpg",
        "Training_set/Other/alpha/b.png",
        "Test_set/Adobe-licensed images/fg/c.png",
        "Test_set/Adobe-licensed images/alpha/c.png",
    ]
    listing = list_items("adobe", _touch(tmp_path, [wrapped + file for file in files]))
    assert [_facts(item)[2:] for item in listing.items] == [
        ("a", "adobe", "train"),
        ("b", "adobe", "train"),
        ("c", "adobe", "test"),
    ]
    assert listing.failures == ()


def test_other_published_sets_are_known(tmp_path: Path) -> None:
    files = [f"{half}/{part}/x.png" for half in ("Train", "Test") for part in ("FG", "GT")]
    items = list_items("distinctions-646", _touch(tmp_path / "d", files)).items
    assert [(item.split, item.treatment) for item in items] == [("train", "detect"), ("test", "detect")]
    items = list_items(
        "aim-500", _touch(tmp_path / "a", ["AIM-500/original/x.jpg", "AIM-500/mask/x.png"])
    ).items
    assert [(item.group, item.treatment) for item in items] == [("aim-500", "estimate")]


def test_a_corpus_is_an_origin_too(tmp_path: Path) -> None:
    items = list_items("corpus", write_corpus(tmp_path)).items
    assert _facts(items[0]) == ("foreground/soft/0.png", "foreground", "soft-0", "soft", "")
    assert dict(items[0].said)["licence"] == "CC0-1.0"


def test_what_holds_no_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'coco' is no known layout"):
        list_items("coco", tmp_path)
    with pytest.raises(BadInput, match="is no folder"):
        list_items("rgba", tmp_path / "nothing")
    with pytest.raises(BadInput, match="holds no pictures"):
        list_items("rgba", tmp_path)
    with pytest.raises(BadInput, match="expected image/ and alpha/"):
        list_items("pairs", tmp_path)
