import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_benchmark import CRASHING, HALF, SIZES, TRUTH, make_benchmark

from deepmatte import images
from deepmatte.errors import BadOutput
from deepmatte.evaluation import report, runs
from deepmatte.evaluation.benchmarks import find_cases
from deepmatte.evaluation.methods import Method, open_predictions
from deepmatte.evaluation.records import Records

EMPTY = {"br", "img", "input", "meta"}


class Page(HTMLParser):
    """Reads a page and keeps its elements; fails where one is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str, kind: str | None = None) -> list[dict[str, str | None]]:
        """The attributes of each element of a tag, of one class."""
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and (kind is None or kind in str(attributes.get("class")).split())
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_benchmark(tmp_path / "benchmark")


def make_report(folder: Path, output: Path, methods: list[Method], **options: object) -> str:
    cases = find_cases(folder)
    result = runs.run(cases, methods, output=output)
    path = output / "report.html"
    report.write_report(path, result, cases, methods, Records(output), **options)  # type: ignore[arg-type]
    return path.read_text("utf-8")


def test_the_page_needs_nothing_from_outside(folder: Path, tmp_path: Path) -> None:
    text = make_report(folder, tmp_path / "out", [HALF, TRUTH])
    page = Page(text)
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/"))
    assert page.of("link") == page.of("iframe") == []
    outside = [
        found for found in re.findall(r"(?:https?:)?//[^\s\"'<]+", text) if not found.startswith("// ")
    ]
    without_data = re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", "", text)
    assert [found for found in outside if found in without_data] == []
    assert "@import" not in without_data
    assert "url(" not in without_data
    (policy,) = (each for each in page.of("meta") if "http-equiv" in each)
    assert str(policy["content"]).startswith("default-src 'none'")


def test_every_case_is_shown_with_every_method(folder: Path, tmp_path: Path) -> None:
    page = Page(make_report(folder, tmp_path / "out", [HALF, TRUTH], title="photos <1>"))
    assert len(page.of("article", "case")) == 4
    labels = [str(image["alt"]) for image in page.of("img") if image["alt"]]
    for name in SIZES:
        for trimap_set in ("trimap1", "trimap2"):
            shown = [label for label in labels if label.endswith(f" of {name}, {trimap_set}")]
            assert sorted(shown) == sorted(
                f"{what} of {name}, {trimap_set}"
                for what in ("image", "trimap", "true alpha", "half", "half: error", "truth", "truth: error")
            )
    assert "photos <1>" in page.texts
    assert {row["id"] for row in page.of("article")} == {f"case-{index}" for index in range(4)}
    links = {str(each["href"])[1:] for each in page.of("a")}
    assert links <= {str(attributes.get("id")) for _, attributes in page.elements}


def test_pictures_are_what_they_say(folder: Path, tmp_path: Path) -> None:
    page = Page(make_report(folder, tmp_path / "out", [HALF, TRUTH]))
    pictures = {
        str(image["alt"]): np.asarray(
            Image.open(io.BytesIO(base64.b64decode(str(image["src"]).split(",")[1])))
        )
        for image in page.of("img")
        if image["alt"]
    }
    np.testing.assert_array_equal(
        pictures["trimap of b, trimap2"], images.read_map(folder / "trimap2" / "b.png")
    )
    assert pictures["half of a, trimap1"].shape[:2] == SIZES["a"]
    assert pictures["half of a, trimap1"] == pytest.approx(np.full((*SIZES["a"], 3), 128), abs=2)
    assert pictures["truth: error of a, trimap1"].max() <= 45  # nothing but black and the grey of the known


def test_figures_are_in_tables_that_can_be_sorted(folder: Path, tmp_path: Path) -> None:
    page = Page(make_report(folder, tmp_path / "out", [HALF, TRUTH]))
    assert len(page.of("table", "sortable")) == 5  # four errors and the time
    assert len([cell for cell in page.of("td") if "data-value" in cell]) == 5 * 4 * 4
    names = {str(choice["id"]).removeprefix("show-") for choice in page.of("input")}
    style = "".join(page.texts)
    assert all(f"#show-{name}:checked ~ #of-{name}" in style for name in names)
    assert len(names) == 5


def test_failures_are_shown_and_their_texts_are_not_markup(folder: Path, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise ValueError("<script>alert(1)</script> & more")

    text = make_report(folder, tmp_path / "out", [Method("odd & b", fail), CRASHING])  # type: ignore[arg-type]
    page = Page(text)
    assert "odd & b" in page.texts
    assert "odd & b" not in text
    assert "alert(1)</script>" not in text
    assert any("6 of 8 failed" in each for each in page.texts)
    assert "ZeroDivisionError: no answer for this one" in text
    assert "failed" in page.texts


def test_a_damaged_picture_is_said(folder: Path, tmp_path: Path) -> None:
    (folder / "image" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    page = Page(make_report(folder, tmp_path / "out", [HALF]))
    assert len(page.of("article", "case")) == 4
    assert any("b.png is damaged" in text for text in page.texts)


def test_mattes_that_were_not_made_here_are_shown_too(folder: Path, tmp_path: Path) -> None:
    cases = find_cases(folder)
    runs.run(cases, [HALF], output=tmp_path / "made")
    predictions = open_predictions(tmp_path / "made" / "mattes" / "half", cases)
    result = runs.run(cases, [predictions], output=tmp_path / "out")
    path = tmp_path / "report.html"
    report.write_report(path, result, cases, [predictions], Records(tmp_path / "out"))
    page = Page(path.read_text("utf-8"))
    assert "half of a, trimap1" in {image["alt"] for image in page.of("img")}
    assert len(page.of("table", "sortable")) == 4  # there is no time


def test_what_does_not_fit_is_left_out_and_said_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_report(folder, tmp_path / "whole", [HALF])
    monkeypatch.setattr(report, "MOST_BYTES", 9000)
    text = make_report(folder, tmp_path / "some", [HALF])
    page = Page(text)
    count = len(page.of("article"))
    assert 0 < count < 4
    assert f"Shown are {count} of 4: those with the largest SAD of half." in "".join(page.texts)
    assert len(text) < len(whole)
    assert len(page.of("a")) == 3 + 5 * count + count  # every link leads somewhere


def test_an_existing_report_is_kept_unless_told(folder: Path, tmp_path: Path) -> None:
    make_report(folder, tmp_path / "out", [HALF])
    cases = find_cases(folder)
    result = runs.run(cases, [HALF], output=tmp_path / "out", resume=True)
    path = tmp_path / "out" / "report.html"
    with pytest.raises(BadOutput, match="exists already"):
        report.write_report(path, result, cases, [HALF], Records(tmp_path / "out"))
    report.write_report(path, result, cases, [HALF], Records(tmp_path / "out"), overwrite=True)


def test_progress_tells_every_case(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    make_report(folder, tmp_path / "out", [HALF], progress=lambda *step: told.append(step))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
