import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_corpus import write_corpus
from test_corpus_layers import disc

from deepmatte import images, pixels
from deepmatte.errors import BadInput, BadOutput
from deepmatte.training.corpus import layers, library, manifest
from deepmatte.training.corpus.pack import QUALITIES, pack
from deepmatte.training.corpus.store import Store


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


def test_a_packed_corpus_trains_like_its_folder(corpus: Path, tmp_path: Path) -> None:
    packed = pack(corpus, tmp_path / "corpus.zip", side_px=200)
    assert (packed.files, packed.quality, packed.failures) == (6, QUALITIES[0], ())
    assert packed.size == (tmp_path / "corpus.zip").stat().st_size
    first, second = library.read(corpus), library.read(tmp_path / "corpus.zip")
    assert first.foregrounds.keys() == second.foregrounds.keys()
    for group, members in first.foregrounds.items():
        for one, other in zip(members, second.foregrounds[group], strict=True):
            np.testing.assert_array_equal(one.levels[0][..., 3], other.levels[0][..., 3])
    shapes = [[background.levels[0].shape for background in each.backgrounds] for each in (first, second)]
    assert shapes == [[(150, 205, 4)] * 2, [(146, 200, 4)] * 2]


def test_groups_can_be_left_out(corpus: Path, tmp_path: Path) -> None:
    groups = {entry.group for entry in manifest.read(corpus)}
    packed = pack(corpus, tmp_path / "some.zip", without=["noise"])
    kept = Store(tmp_path / "some.zip").entries()
    assert {entry.group for entry in kept} == groups - {"noise"}
    assert packed.files == len(kept)
    with pytest.raises(BadInput, match="no group called furry to leave out; expected some of noise"):
        pack(corpus, tmp_path / "none.zip", without=["furry"])
    assert not (tmp_path / "none.zip").exists()


def test_alpha_loses_nothing_and_colours_little_however_small_the_file(tmp_path: Path) -> None:
    alpha = pixels.to_bytes(disc())
    colours = pixels.to_bytes(pixels.resize(np.random.default_rng(0).random((4, 5, 3), np.float32), 70, 91))
    corpus = tmp_path / "corpus"
    (corpus / "foreground").mkdir(parents=True)
    images.write_image(corpus / "foreground/a.png", np.where(alpha[..., None] > 0, colours, 0), alpha)
    manifest.write(corpus, [manifest.Entry("foreground/a.png", "foreground", "discs", "CC0-1.0")])
    first = pack(corpus, tmp_path / "first.zip")
    packed = pack(corpus, tmp_path / "packed.zip", max_bytes=first.size - 100)
    assert packed.quality < first.quality == QUALITIES[0]
    store = Store(tmp_path / "packed.zip")
    read_colours, read_alpha = layers.read_foreground(store.source(store.entries()[0]))
    np.testing.assert_array_equal(read_alpha, alpha)
    errors = np.abs(read_colours.astype(int) - colours)
    assert errors[alpha > 0].mean() < 8
    # Beyond the alpha they go on, for the file was black there.
    assert not layers.is_bare(read_colours, read_alpha)


def test_what_the_manifest_says_is_kept(corpus: Path, tmp_path: Path) -> None:
    entries = [
        replace(each, author="me", split="train", extra=(("width", "205"), ("height", "150"), ("note", "x")))
        for each in manifest.read(corpus)
    ]
    manifest.write(corpus, entries)
    pack(corpus, tmp_path / "a.zip", side_px=100)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    packed = manifest.read(tmp_path / "unpacked")
    assert [each.file for each in packed] == [each.file.replace(".png", ".webp") for each in entries]
    assert all(each.author == "me" and each.split == "train" for each in packed)
    assert all(each.sha256 == manifest.digest(tmp_path / "unpacked" / each.file) for each in packed)
    assert packed[-1].extra == (("width", "100"), ("height", "73"), ("note", "x"))


def test_every_machine_and_number_of_workers_packs_the_same(corpus: Path, tmp_path: Path) -> None:
    for workers in (0, 2):
        pack(corpus, tmp_path / f"{workers}.zip", workers=workers)
    assert (tmp_path / "0.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_files_that_differ_by_their_suffix_only_stay_two(corpus: Path, tmp_path: Path) -> None:
    photo = images.read_photo(corpus / "background/1.png")
    images.write_image(corpus / "background/0.jpg", photo.pixels)
    more = manifest.Entry("background/0.jpg", "background", "noise", "CC0-1.0")
    manifest.write(corpus, [*manifest.read(corpus), more])
    pack(corpus, tmp_path / "a.zip")
    names = [entry.file for entry in Store(tmp_path / "a.zip").entries() if entry.kind == "background"]
    assert names == ["background/0.png.webp", "background/1.webp", "background/0.jpg.webp"]


def test_what_cannot_be_read_is_left_out_and_said(corpus: Path, tmp_path: Path) -> None:
    (corpus / "background/0.png").write_bytes(b"nothing")
    packed = pack(corpus, tmp_path / "a.zip")
    assert packed.files == 5
    assert "background/0.png is no picture" in packed.failures[0]
    assert len(Store(tmp_path / "a.zip").entries()) == 5


def test_what_cannot_be_packed_is_refused_and_leaves_nothing(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"takes about 0\.\d MB at 512 px .* at most 0\.0 MB"):
        pack(corpus, tmp_path / "a.zip", max_bytes=5000)
    with pytest.raises(BadOutput, match=r"ends in \.zip"):
        pack(corpus, tmp_path / "a.tar")
    manifest.write(corpus, [replace(each, licence="") for each in manifest.read(corpus, needs_licence=False)])
    with pytest.raises(BadInput, match="have no licence"):
        pack(corpus, tmp_path / "a.zip")
    manifest.write(corpus, [])
    with pytest.raises(BadInput, match="lists no files"):
        pack(corpus, tmp_path / "a.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_a_packed_corpus_is_replaced_only_where_asked_for(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"old")
    with pytest.raises(BadOutput, match="exists already"):
        pack(corpus, tmp_path / "a.zip")
    assert pack(corpus, tmp_path / "a.zip", overwrite=True).files == 6
    assert len(Store(tmp_path / "a.zip").entries()) == 6


def test_an_alpha_that_shrinking_makes_opaque_is_left_out_and_said(corpus: Path, tmp_path: Path) -> None:
    alpha = np.full((900, 1200), 255, np.uint8)
    alpha[400, 600] = 0
    file = "foreground/soft/pierced.png"
    images.write_image(corpus / file, np.full((900, 1200, 3), 90, np.uint8), alpha=alpha)
    entries = manifest.read(corpus)
    manifest.write(corpus, [*entries, replace(entries[0], file=file, sha256="")])
    packed = pack(corpus, tmp_path / "corpus.zip", side_px=64)
    assert len(packed.failures) == 1
    assert "pierced" in packed.failures[0]
    library.read(tmp_path / "corpus.zip")
