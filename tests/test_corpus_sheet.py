from pathlib import Path

import numpy as np
import pytest
from small_corpus import write_corpus

from deepmatte import images
from deepmatte.errors import BadInput
from deepmatte.training.corpus.sheet import GAP_PX, Look, Sheet, write_sheet


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


def _draw(corpus: Path, **options: object) -> tuple[Sheet, np.ndarray]:
    sheet = write_sheet(corpus, corpus / "sheet.png", overwrite=True, **options)
    return sheet, images.read_photo(corpus / "sheet.png").pixels


def _cell(pixels: np.ndarray, row: int, column: int, side: int = 45) -> np.ndarray:
    top, left = (GAP_PX + place * (side + GAP_PX) for place in (row, column))
    return pixels[top : top + side, left : left + side]


def test_a_sheet_has_a_cell_for_each_picture(corpus: Path) -> None:
    sheet, pixels = _draw(corpus, look=Look(45, columns=3))
    names = [f"foreground/{group}/{number}.png" for group in ("soft", "sharp") for number in (0, 1)]
    assert sheet == Sheet((tuple(names[:3]), tuple(names[3:])), ())
    assert pixels.shape == (GAP_PX + 2 * (45 + GAP_PX), GAP_PX + 3 * (45 + GAP_PX), 3)


def test_foregrounds_lie_on_the_colour_and_alphas_beside(corpus: Path) -> None:
    sheet, pixels = _draw(corpus, groups=["sharp"], look=Look(45, over="red", with_alpha=True))
    shown, alpha = _cell(pixels, 0, 0), _cell(pixels, 0, 0)
    # 90 × 110 px is shrunk to 37 × 45 and stands in the middle; its disc does not reach the corners.
    np.testing.assert_array_equal(shown[4, 0], (255, 0, 0))
    np.testing.assert_array_equal(pixels[GAP_PX + 22, GAP_PX + 45 + 22], (255, 255, 255))
    assert alpha.shape == (45, 45, 3)
    assert sum(map(len, sheet.shown)) == 2


def test_foregrounds_lie_on_photographs_and_photographs_are_shown(corpus: Path) -> None:
    _, pixels = _draw(corpus, count=1, look=Look(45, over="photos"))
    assert len(np.unique(_cell(pixels, 0, 0).reshape(-1, 3), axis=0)) > 500
    sheet, _ = _draw(corpus, kind="background", look=Look(45))
    assert [Path(file).parts[0] for row in sheet.shown for file in row] == ["background"] * 2


def test_the_seed_decides_what_is_shown(corpus: Path) -> None:
    shown = [_draw(corpus, count=2, seed=seed, look=Look(20))[0].shown for seed in (0, 0, 1, 2, 3)]
    assert shown[0] == shown[1]
    assert len(set(shown)) > 1


def test_what_cannot_be_read_leaves_a_grey_cell(corpus: Path) -> None:
    (corpus / "foreground/soft/0.png").write_bytes(b"nothing")
    sheet, pixels = _draw(corpus, look=Look(45, columns=4))
    assert len(sheet.failures) == 1
    assert "soft/0.png is no picture" in sheet.failures[0]
    assert len(np.unique(_cell(pixels, 0, 0))) == 1


def test_what_cannot_be_chosen_is_refused(corpus: Path) -> None:
    with pytest.raises(BadInput, match="no group hair; expected some of soft, sharp"):
        _draw(corpus, groups=["hair"])
    with pytest.raises(BadInput, match="not a colour"):
        _draw(corpus, look=Look(over="reddish"))
    (corpus / "manifest.csv").write_text("file,group,licence\nforeground/soft/0.png,soft,CC0-1.0\n")
    with pytest.raises(BadInput, match="no background in this corpus to lay"):
        _draw(corpus, look=Look(over="photos"))
    with pytest.raises(BadInput, match="no background in this corpus; nothing"):
        _draw(corpus, kind="background")
