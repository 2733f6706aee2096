import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lens import mix
from small_corpus import write_corpus
from test_corpus_layers import disc, plain

from deepmatte import images, pixels
from deepmatte.errors import BadInput, BadOutput
from deepmatte.pixels import Floats, to_bytes, to_words
from deepmatte.training.corpus import intake, layers, manifest
from deepmatte.training.corpus.checks import check
from deepmatte.training.corpus.intake import Facts, import_corpus
from deepmatte.training.corpus.journal import alone

FACTS = Facts(licence="CC0-1.0", author="me", source="here")
BACKDROP = np.array([0.1, 0.3, 0.8], np.float32)


def _photo(alpha: Floats, seed: int = 0) -> Floats:
    """A photo of an orange disc before a blue backdrop."""
    shade = np.float32(0.8 + 0.05 * seed)
    return mix(plain(alpha) * shade, BACKDROP, alpha)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    for name in ("image", "alpha"):
        (tmp_path / "pairs" / name).mkdir(parents=True)
    for seed, name in enumerate(("a", "b", "c")):
        alpha = disc(70 + 20 * seed, 91)
        images.write_image(tmp_path / f"pairs/image/{name}.png", to_bytes(_photo(alpha, seed)))
        images.write_image(tmp_path / f"pairs/alpha/{name}.png", to_bytes(alpha))
    return tmp_path / "pairs"


def test_photos_with_alphas_become_clean_foregrounds(pairs: Path, tmp_path: Path) -> None:
    done = import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)
    assert done == intake.Intake(tuple(f"foreground/pairs/{name}.png" for name in "abc"), (), (), ())
    entries = manifest.read(tmp_path / "corpus")
    assert {(e.kind, e.group, e.licence, e.author, e.source) for e in entries} == {
        ("foreground", "pairs", "CC0-1.0", "me", "here")
    }
    colours, alpha = layers.read_foreground(tmp_path / "corpus/foreground/pairs/a.png")
    np.testing.assert_array_equal(alpha, to_bytes(disc()))
    visible = alpha > 25
    expected = to_bytes(plain(disc()) * np.float32(0.8))
    assert np.abs(colours[visible].astype(int) - expected[visible]).mean() < 6
    assert check(tmp_path / "corpus") == []
    assert sorted(path.name for path in (tmp_path / "corpus").iterdir()) == ["foreground", "manifest.csv"]


def _cutout(folder: Path, name: str, colours: Floats, alpha: Floats) -> None:
    folder.mkdir(exist_ok=True)
    images.write_image(folder / name, to_words(colours), to_words(alpha))


def test_only_colours_that_hold_a_background_are_changed(tmp_path: Path) -> None:
    alpha, wide = disc(), disc(70, 140)
    clean = np.where(alpha[..., None] > 0, plain(alpha), BACKDROP)
    _cutout(tmp_path / "rgba", "clean.png", clean, alpha)
    _cutout(tmp_path / "rgba", "photo.png", _photo(wide), wide)
    import_corpus("rgba", tmp_path / "rgba", tmp_path / "corpus", facts=FACTS)
    for name, truth, share in (
        ("clean", plain(alpha), alpha),
        ("photo", plain(wide) * np.float32(0.8), wide),
    ):
        colours, read_alpha = layers.read_foreground(tmp_path / f"corpus/foreground/rgba/{name}.png")
        assert colours.dtype == np.uint16
        np.testing.assert_array_equal(read_alpha, to_words(share))
        error = np.abs(pixels.to_unit(colours) - truth)
        assert error[share > 0].max() < 1e-4 if name == "clean" else error[share > 0.1].mean() < 0.02
    import_corpus("rgba", tmp_path / "rgba", tmp_path / "kept", facts=FACTS, keep_colours=True)
    colours, _ = layers.read_foreground(tmp_path / "kept/foreground/rgba/photo.png")
    np.testing.assert_array_equal(colours[wide > 0], to_words(_photo(wide))[wide > 0])


def test_files_without_a_licence_are_refused_unless_told_otherwise(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"image-a\.png, .* have no licence"):
        import_corpus("pairs", pairs, tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()
    import_corpus("pairs", pairs, tmp_path / "corpus", facts=Facts(allow_unknown=True))
    assert {entry.licence for entry in manifest.read(tmp_path / "corpus")} == {"unknown"}


def test_each_file_has_what_the_origin_says_of_it(pairs: Path, tmp_path: Path) -> None:
    (pairs / "manifest.csv").write_text(
        "file,licence,author,group,split,note\nimage/a.png,CC-BY-4.0,her,animals,test,fluffy\n"
    )
    import_corpus("pairs", pairs, tmp_path / "corpus", facts=replace(FACTS, split="train"))
    first, second, _ = manifest.read(tmp_path / "corpus")
    assert (first.licence, first.author, first.group, first.split) == ("CC-BY-4.0", "her", "animals", "test")
    assert dict(first.extra)["note"] == "fluffy"
    assert (second.licence, second.group, second.split) == ("CC0-1.0", "pairs", "train")


def test_what_cannot_be_used_is_listed_and_skipped(pairs: Path, tmp_path: Path) -> None:
    (pairs / "image/a.png").write_bytes(b"nothing")
    images.write_image(pairs / "alpha/b.png", np.zeros((90, 91), np.uint8), overwrite=True)
    images.write_image(pairs / "alpha/c.png", np.zeros((7, 9), np.uint8), overwrite=True)
    (pairs / "image/d.png").touch()
    done = import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)
    assert done.added == ()
    said = [failure.rsplit("/", 1)[1] for failure in done.failures]
    assert said[0].startswith("d.png has no alphas")
    assert said[1].startswith("a.png is no picture")
    assert said[2].startswith("b.png is transparent everywhere")
    assert said[3].startswith("c.png is 9 × 7 px but its picture 91 × 110 px")
    assert not (tmp_path / "corpus/manifest.csv").exists()


def test_doubles_are_left_out_and_importing_twice_adds_nothing(pairs: Path, tmp_path: Path) -> None:
    for name in ("image", "alpha"):
        (pairs / name / "z.png").write_bytes((pairs / name / "b.png").read_bytes())
    done = import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)
    assert done.doubles == ("image/z.png is image/b.png already",)
    again = import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)
    assert again.added == ()
    assert again.doubles[1] == "image/b.png is foreground/pairs/b.png already"
    assert len(manifest.read(tmp_path / "corpus")) == 3


def test_the_same_picture_in_another_format_is_a_double(tmp_path: Path) -> None:
    alpha = disc()
    _cutout(tmp_path / "rgba", "a.png", plain(alpha), alpha)
    images.write_image(tmp_path / "rgba/b.webp", to_bytes(plain(alpha)), to_bytes(alpha))
    done = import_corpus("rgba", tmp_path / "rgba", tmp_path / "corpus", facts=FACTS)
    assert done.doubles == ("b.webp looks the same as a.png",)


def test_names_that_are_taken_get_a_number(pairs: Path, tmp_path: Path) -> None:
    import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)
    alpha = disc(50, 120)
    images.write_image(pairs / "image/a.png", to_bytes(_photo(alpha)), overwrite=True)
    images.write_image(pairs / "alpha/a.png", to_bytes(alpha), overwrite=True)
    done = import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)
    assert done.added == ("foreground/pairs/a-2.png",)
    assert len(manifest.read(tmp_path / "corpus")) == 4


def test_corpora_are_joined_byte_by_byte(tmp_path: Path) -> None:
    first = write_corpus(tmp_path / "first")
    photos = tmp_path / "photos"
    photos.mkdir()
    images.write_image(photos / "a.jpg", np.random.default_rng(9).integers(0, 256, (60, 70, 3), np.uint8))
    import_corpus("corpus", first, tmp_path / "joined")
    import_corpus("photos", photos, tmp_path / "joined", facts=FACTS)
    entries = manifest.read(tmp_path / "joined")
    assert [entry.file for entry in entries][-2:] == ["background/noise/1.png", "background/photos/a.jpg"]
    assert manifest.digest(photos / "a.jpg") == entries[-1].sha256
    assert manifest.digest(first / "background/1.png") == entries[-2].sha256


def test_any_number_of_workers_imports_the_same(pairs: Path, tmp_path: Path) -> None:
    for workers in (0, 2):
        import_corpus("pairs", pairs, tmp_path / str(workers), facts=FACTS, workers=workers)
    assert manifest.read(tmp_path / "0") == manifest.read(tmp_path / "2")


def _stop_at(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException) -> None:
    """Let writing the file of that name fail as the system would."""
    link = os.link

    def failing(source: Path, target: Path) -> None:
        if Path(target).name == name:
            raise error
        link(source, target)

    def replacing(self: Path, target: Path) -> Path:
        if Path(target).name == name:
            raise error
        os.rename(self, target)
        return Path(target)

    monkeypatch.setattr(os, "link", failing)
    monkeypatch.setattr(Path, "replace", replacing)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_import_that_ended_goes_on(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    corpus = tmp_path / "corpus"
    with monkeypatch.context() as patch:
        _stop_at(patch, "b.png", error)
        with pytest.raises(BadOutput if isinstance(error, OSError) else KeyboardInterrupt) as caught:
            import_corpus("pairs", pairs, corpus, facts=FACTS)
    assert isinstance(error, KeyboardInterrupt) or "No space left" in str(caught.value)
    assert sorted(path.name for path in corpus.rglob("*")) == [
        ".import.jsonl",
        "a.png",
        "foreground",
        "pairs",
    ]
    written = (corpus / "foreground/pairs/a.png").stat().st_mtime_ns
    assert len(import_corpus("pairs", pairs, corpus, facts=FACTS).added) == 3
    assert (corpus / "foreground/pairs/a.png").stat().st_mtime_ns == written
    import_corpus("pairs", pairs, tmp_path / "whole", facts=FACTS)
    assert manifest.read(corpus) == manifest.read(tmp_path / "whole")
    assert not (corpus / ".import.jsonl").exists()


def _interrupt_at_b(
    monkeypatch: pytest.MonkeyPatch, layout: str, source: Path, corpus: Path, keep_colours: bool = False
) -> None:
    """Import what comes before b.png."""
    with monkeypatch.context() as patch:
        _stop_at(patch, "b.png", KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            import_corpus(layout, source, corpus, facts=FACTS, keep_colours=keep_colours)


def test_another_import_does_not_go_on_with_this_one(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "corpus"
    _interrupt_at_b(monkeypatch, "pairs", pairs, corpus, keep_colours=True)
    import_corpus("pairs", pairs, corpus, facts=FACTS)
    import_corpus("pairs", pairs, tmp_path / "whole", facts=FACTS)
    assert manifest.read(corpus) == manifest.read(tmp_path / "whole")


def test_two_imports_do_not_work_in_one_folder(pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    with alone(tmp_path / "corpus"), pytest.raises(BadOutput, match="another job is at work"):
        import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)


def test_files_that_nobody_listed_are_not_written_over(pairs: Path, tmp_path: Path) -> None:
    own = tmp_path / "corpus/foreground/pairs/a.png"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    done = import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)
    assert own.read_bytes() == b"mine"
    assert done.added[0] == "foreground/pairs/a-2.png"


def test_an_origin_inside_the_corpus_is_refused(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="move it out first"):
        import_corpus("pairs", pairs, tmp_path, facts=FACTS)
    assert not (tmp_path / "manifest.csv").exists()


def test_a_picture_that_was_corrected_meanwhile_is_taken_in_anew(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "corpus"
    _interrupt_at_b(monkeypatch, "pairs", pairs, corpus)
    corrected = disc(70, 91)[::-1] * np.float32(0.9)
    images.write_image(pairs / "alpha/a.png", to_bytes(corrected), overwrite=True)
    import_corpus("pairs", pairs, corpus, facts=FACTS)
    import_corpus("pairs", pairs, tmp_path / "whole", facts=FACTS)
    assert manifest.read(corpus) == manifest.read(tmp_path / "whole")


def test_rows_about_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    _cutout(tmp_path / "cuts", "a.png", plain(disc()), disc())
    (tmp_path / "cuts/manifest.csv").write_text("file,licence\n./a.png,CC-BY-4.0\n")
    import_corpus("rgba", tmp_path / "cuts", tmp_path / "corpus", facts=FACTS)
    assert manifest.read(tmp_path / "corpus")[0].licence == "CC-BY-4.0"
    (tmp_path / "cuts/manifest.csv").write_text("file,licence\nb.png,CC-BY-NC-4.0\n")
    with pytest.raises(BadInput, match=r"names b\.png, which .*cuts does not hold as a picture"):
        import_corpus("rgba", tmp_path / "cuts", tmp_path / "other", facts=FACTS)


@pytest.mark.parametrize("name", ["{source}/image/a.png", "../pairs/image/a.png", "image", "alpha/a.png"])
def test_rows_that_would_hold_for_nothing_are_refused(pairs: Path, tmp_path: Path, name: str) -> None:
    (pairs / "manifest.csv").write_text(f"file,licence\n{name.format(source=pairs)},CC-BY-NC-4.0\n")
    with pytest.raises(BadInput, match=r"manifest\.csv names .*; expected the paths of its pictures"):
        import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)
    assert not (tmp_path / "corpus").exists()


def test_rows_hold_for_what_a_link_leads_to(pairs: Path, tmp_path: Path) -> None:
    (pairs / "image").rename(tmp_path / "elsewhere")
    (pairs / "image").symlink_to(tmp_path / "elsewhere")
    (pairs / "manifest.csv").write_text("file,licence\nimage/a.png,CC-BY-4.0\n")
    import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)
    assert manifest.read(tmp_path / "corpus")[0].licence == "CC-BY-4.0"


def test_rows_about_one_picture_are_refused(pairs: Path, tmp_path: Path) -> None:
    (pairs / "manifest.csv").write_text("file,licence\nimage/a.png,CC-BY-NC-4.0\n./image/a.png,CC0-1.0\n")
    with pytest.raises(BadInput, match=r"names image/a\.png twice; expected each picture once"):
        import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)


def test_rows_about_pictures_without_a_partner_are_no_hindrance(pairs: Path, tmp_path: Path) -> None:
    (pairs / "alpha/a.png").unlink()
    (pairs / "manifest.csv").write_text("file,licence\nimage/a.png,CC-BY-4.0\nimage/b.png,CC-BY-4.0\n")
    done = import_corpus("pairs", pairs, tmp_path / "corpus", facts=FACTS)
    assert [entry.licence for entry in manifest.read(tmp_path / "corpus")] == ["CC-BY-4.0", "CC0-1.0"]
    assert len(done.failures) == 1


def test_pictures_at_the_top_of_a_corpus_come_over(tmp_path: Path) -> None:
    _cutout(tmp_path / "from", "a.png", plain(disc()), disc())
    (tmp_path / "from/manifest.csv").write_text("file,kind,group,licence\na.png,foreground,cats,CC0-1.0\n")
    done = import_corpus("corpus", tmp_path / "from", tmp_path / "to")
    assert done.added == ("foreground/cats/a.png",)


def test_long_names_are_cut_and_stay_apart(tmp_path: Path) -> None:
    for number, inner in enumerate(("x" * 149 + "1", "x" * 149 + "2")):
        folder = tmp_path / "long" / "g" / inner
        folder.mkdir(parents=True)
        alpha = disc(70 + 20 * number, 91)
        images.write_image(folder / f"{'y' * 150}.png", to_words(plain(alpha)), to_words(alpha))
    done = import_corpus("rgba", tmp_path / "long", tmp_path / "corpus", facts=FACTS)
    assert len(set(done.added)) == 2
    assert all((tmp_path / "corpus" / file).is_file() for file in done.added)


def test_facts_that_cannot_be_written_down_are_refused() -> None:
    with pytest.raises(BadInput, match=r"author is .*expected text in UTF-8"):
        Facts(author=os.fsdecode(b"Ren\xe9"))


def test_a_corpus_inside_its_origin_is_not_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(("a.png", "b.png")):
        alpha = disc(70 + 20 * number, 91)
        _cutout(tmp_path / "cuts", name, plain(alpha), alpha)
    corpus = tmp_path / "cuts/corpus"
    _interrupt_at_b(monkeypatch, "rgba", tmp_path / "cuts", corpus)
    done = import_corpus("rgba", tmp_path / "cuts", corpus, facts=FACTS)
    assert done.added == ("foreground/cuts/a.png", "foreground/cuts/b.png")
    assert import_corpus("rgba", tmp_path / "cuts", corpus, facts=FACTS).added == ()
