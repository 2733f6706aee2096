import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_corpus import write_corpus

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.training.corpus import library, manifest, pack


def test_a_corpus_is_read_by_group(tmp_path: Path) -> None:
    read = library.read(write_corpus(tmp_path))
    assert {group: len(members) for group, members in read.foregrounds.items()} == {"soft": 2, "sharp": 2}
    assert [background.levels[0].shape for background in read.backgrounds] == [(150, 205, 4)] * 2


def test_centres_lie_on_the_edge() -> None:
    alpha = np.zeros((30, 41), np.uint8)
    alpha[:, 20:] = 255
    foreground = library.make_foreground("half", np.zeros((30, 41, 3), np.uint8), alpha)
    assert foreground is not None
    assert set(foreground.centres[:, 1]) == {19, 20}
    assert foreground.open_edge


def test_an_alpha_without_an_edge_is_left_out() -> None:
    solid = np.full((30, 41), 255, np.uint8)
    assert library.make_foreground("solid", np.zeros((30, 41, 3), np.uint8), solid) is None


def test_halving_does_not_mix_in_the_colours_of_transparent_pixels() -> None:
    colours = np.zeros((200, 202, 3), np.uint8)
    colours[:, ::2] = 200
    alpha = np.zeros((200, 202), np.uint8)
    alpha[:, ::2] = 255
    foreground = library.make_foreground("stripes", colours, alpha)
    assert foreground is not None
    half = foreground.levels[1]
    assert half.shape == (100, 101, 4)
    np.testing.assert_allclose(half[..., :3], 200, atol=1)
    np.testing.assert_allclose(half[..., 3], 127.5, atol=1)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"manifest\.csv"):
        library.read(tmp_path)


def test_a_foreground_without_alpha_is_named(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    (corpus / "foreground/soft/0.png").write_bytes((corpus / "background/0.png").read_bytes())
    with pytest.raises(BadInput, match=r"foreground/soft/0\.png has no alpha"):
        library.read(corpus)


def test_what_is_kept_for_tests_is_not_read(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    first, *others = manifest.read(corpus)
    manifest.write(corpus, [replace(first, split="test"), *others])
    read = library.read(corpus)
    assert {group: len(members) for group, members in read.foregrounds.items()} == {"soft": 1, "sharp": 2}


def test_several_corpora_are_one(tmp_path: Path) -> None:
    folder, packed = write_corpus(tmp_path / "corpus"), tmp_path / "corpus.zip"
    pack.pack(folder, packed)
    read = library.read(folder, packed)
    assert {group: len(members) for group, members in read.foregrounds.items()} == {"soft": 4, "sharp": 4}
    assert len(read.backgrounds) == 4


def test_the_order_of_corpora_and_rows_makes_no_difference(tmp_path: Path) -> None:
    """Nor does it to their fingerprint, by which a run goes on with the scenes it had."""
    one, other = write_corpus(tmp_path / "one"), tmp_path / "other"
    shutil.copytree(one, other)
    for entry in manifest.read(other):  # other pictures of the same names
        (other / entry.file).rename(other / entry.file.replace(".png", "-b.png"))
    renamed = [replace(entry, file=entry.file.replace(".png", "-b.png")) for entry in manifest.read(other)]
    manifest.write(other, renamed[::-1])
    first, second = library.read(one, other), library.read(other, one)
    assert list(first.foregrounds) == list(second.foregrounds)
    for group, members in first.foregrounds.items():
        for left, right in zip(members, second.foregrounds[group], strict=True):
            assert isinstance(left, library.Foreground)
            assert isinstance(right, library.Foreground)
            np.testing.assert_array_equal(left.levels[0], right.levels[0])


def test_groups_are_left_out_by_name(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    assert list(library.read(corpus, without=["soft"]).foregrounds) == ["sharp"]
    with pytest.raises(BadInput, match="no foregrounds or no backgrounds"):
        library.read(corpus, without=["noise"])
    with pytest.raises(
        BadInput, match="no group called furry to leave out; expected some of noise, sharp, soft"
    ):
        library.read(corpus, without=["soft", "furry"])


def test_a_corpus_too_large_for_memory_is_read_as_it_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_corpus(tmp_path)
    read = library.read(corpus)
    size = sum(library.size_in_memory(each) for each in read.pictures)
    assert library.read(corpus, max_bytes=size).is_read
    unread = library.read(corpus, max_bytes=0.9 * size)
    assert not unread.is_read
    opened: list[object] = []
    monkeypatch.setattr(
        images, "read_photo", lambda source, read=images.read_photo: opened.append(source) or read(source)
    )
    library._open_and_keep.cache_clear()
    for seed in range(20):
        now, later = (each.draw_foreground(np.random.default_rng(seed)) for each in (read, unread))
        np.testing.assert_array_equal(now.levels[0], later.levels[0])
        np.testing.assert_array_equal(now.centres, later.centres)
        now, later = (each.draw_background(np.random.default_rng(seed)) for each in (read, unread))
        np.testing.assert_array_equal(now.levels[0], later.levels[0])
    assert len(opened) == 6  # each file once: the last ones are kept
    assert library._open_and_keep.cache_info().maxsize == 64


def test_groups_are_drawn_by_their_shares(tmp_path: Path) -> None:
    read = library.read(write_corpus(tmp_path))
    rng = np.random.default_rng(0)
    drawn = [read.draw_foreground(rng, {"soft": 0.06}).group for _ in range(2000)]  # beside 2 files of 100
    assert abs(drawn.count("soft") / 2000 - 0.75) < 0.04


def test_where_no_group_has_a_share_all_are_drawn(tmp_path: Path) -> None:
    read, rng = library.read(write_corpus(tmp_path / "corpus")), np.random.default_rng(0)
    none = dict.fromkeys(read.foregrounds, 0.0)
    drawn = {id(read.draw_foreground(rng, none)) for _ in range(200)}
    assert drawn == {id(read.draw_foreground(rng)) for _ in range(200)}
    assert len(drawn) > 1


def test_a_foreground_without_an_edge_is_passed_over(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path)
    for path in corpus.glob("foreground/soft/*.png"):
        alpha = np.full((30, 41), 254, np.uint8)  # not 255, which would be written as no alpha
        images.write_image(path, np.zeros((30, 41, 3), np.uint8), alpha=alpha, overwrite=True)
    assert list(library.read(corpus).foregrounds) == ["sharp"]
    library._open_and_keep.cache_clear()
    unread = library.read(corpus, max_bytes=0)
    rng = np.random.default_rng(0)
    assert {unread.draw_foreground(rng).group for _ in range(20)} == {"sharp"}
    with pytest.raises(BadInput, match="have no edge"):
        unread.draw_foreground(rng, {"sharp": 0.0})


def test_processes_of_one_machine_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    alone = library._half_of_memory()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert library._half_of_memory() == alone / 4
