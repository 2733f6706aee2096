"""The study's page in a real browser: Debian's chromium without a window, driven by Playwright.

Nothing here waits for a time: every step waits until the page says that it is ready for the next.
"""

import contextlib
import itertools
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, Route, sync_playwright
from small_study import METHODS, PHOTOS, make_study, serving

from deepmatte.evaluation.study.plan import Pair, Study, read_study
from deepmatte.evaluation.study.report import make_report
from deepmatte.evaluation.study.server import StudyServer
from deepmatte.evaluation.study.votes import read_votes

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage"
)
PATIENCE_MS = 120_000
PAIRS = 14  # 2 photos, 2 backgrounds, 3 pairs of methods, 2 checks

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium on this machine: apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS.split(), timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


@pytest.fixture
def study(folder: Path) -> Study:
    return read_study(folder)


@pytest.fixture
def server(folder: Path) -> Iterator[StudyServer]:
    with serving(folder) as server:
        yield server


@contextlib.contextmanager
def opened(browser: Browser, server: StudyServer, expected: str = "", **options: Any) -> Iterator[Page]:
    """Open the page in a new profile; in the end it must not have complained but of what is expected."""
    context = browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | options))
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        page.goto(server.url)
        yield page
    finally:
        context.close()
    assert [text for text in complaints if not expected or expected not in text] == []


@pytest.fixture
def page(browser: Browser, server: StudyServer) -> Iterator[Page]:
    """The page with the first pair. Requests may fail where the test makes them."""
    with opened(browser, server, "net::ERR_FAILED") as page:
        start(page)
        yield page


def start(page: Page, name: str = "") -> None:
    page.wait_for_selector('body[data-state="start"]')
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Start", exact=True).click()
    wait_for(page, 1)


def wait_for(page: Page, number: int) -> None:
    """Wait until a pair, counted from 1, is shown and a choice is awaited."""
    page.wait_for_selector(f'body[data-state="ready"][data-pair="{number}"]')
    assert page.inner_text("#count") == f"{number} of {PAIRS}"


def wait_until(page: Page, condition: str, given: Any = None) -> None:
    """Wait until a JavaScript function says yes, asked once a frame.

    Playwright's own wait_for_function asks from inside the page by eval, which the page's policy forbids.
    """
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(condition, given):
        assert time.monotonic() < deadline, condition
        page.evaluate("() => new Promise(requestAnimationFrame)")


def shown(page: Page, study: Study) -> tuple[Pair, dict[str, str]]:
    """Return the pair that is shown, and for each side whether it is the first or the second of it."""
    names = {
        side: str(page.get_attribute(f"#pane-{side} img", "src")).removeprefix("pictures/")
        for side in ("left", "right")
    }
    (pair,) = (
        each for each in study.pairs if {each.first_picture, each.second_picture} == set(names.values())
    )
    return pair, {side: "first" if name == pair.first_picture else "second" for side, name in names.items()}


def press(key: str) -> Callable[[Page], None]:
    return lambda page: page.keyboard.press(key)


def click(selector: str) -> Callable[[Page], None]:
    return lambda page: page.click(selector)


WAYS = {
    "left": itertools.cycle([press("ArrowLeft"), click("#pane-left"), click("#left")]),
    "right": itertools.cycle([click("#pane-right"), press("ArrowRight"), click("#right")]),
    "none": itertools.cycle([press(" "), click("#none")]),
}


def rate(page: Page, study: Study, number: int, fails_checks: bool = False) -> tuple[Pair, str, str]:
    """Choose on the pair that is shown, by key or by mouse. Returns the pair, what was chosen, the side."""
    pair, sides = shown(page, study)
    if pair.is_check:
        wanted = "second" if fails_checks else "first"
    else:
        wanted = ("first", "second", "none", "first", "first")[number % 5]
    side = "none" if wanted == "none" else next(side for side in sides if sides[side] == wanted)
    next(WAYS[side])(page)
    return pair, wanted, side


def test_a_whole_session_is_reported_exactly_as_it_was_clicked(
    browser: Browser, server: StudyServer, study: Study, folder: Path
) -> None:
    clicked: dict[int, tuple[Pair, str, str]] = {}
    with opened(browser, server, viewport={"width": 800, "height": 520}) as page:
        start(page, "Ann")
        for number in range(1, PAIRS + 1):
            clicked[number] = rate(page, study, number)
            if number == PAIRS:
                break
            wait_for(page, number + 1)
            if number == 5:  # the page is closed and opened again
                page.reload()
                wait_for(page, 6)
            if number == 8:  # back, and another answer
                page.keyboard.press("Backspace")
                wait_for(page, 8)
                before = clicked[8][2]
                assert page.get_attribute(f"#{before}", "aria-pressed") == "true"
                clicked[8] = rate(page, study, 9 if clicked[8][1] != "none" else 3)
                wait_for(page, 9)
            if number == 10:  # back twice, and both answers kept
                page.click("#back")
                wait_for(page, 10)
                page.keyboard.press("Backspace")
                wait_for(page, 9)
                page.keyboard.press("Enter")
                wait_for(page, 10)
                page.click("#keep")
                wait_for(page, 11)
        page.wait_for_selector('body[data-state="finish"]')
        assert f"All {PAIRS} pairs are answered" in page.inner_text("#summary")
        page.reload()
        page.wait_for_selector('body[data-state="finish"]')
        page.get_by_role("button", name="Start as another person").click()  # at the same machine
        start(page)
        for more in range(1, PAIRS):
            pair, *_ = rate(page, study, more, fails_checks=True)
            wait_for(page, more + 1)
            if pair.is_check:
                break

    report = make_report(folder)
    kept = [(pair, chosen, side) for pair, chosen, side in clicked.values() if not pair.is_check]
    wins = {(one, other): 0.0 for one in METHODS for other in METHODS}
    for pair, chosen, _ in kept:
        wins[pair.first, pair.second] += {"first": 1, "second": 0, "none": 0.5}[chosen]
        wins[pair.second, pair.first] += {"first": 0, "second": 1, "none": 0.5}[chosen]
    assert report.overall.wins == tuple(tuple(wins[one, other] for other in METHODS) for one in METHODS)
    assert report.votes == len(kept) == 12
    assert report.undecided == sum(chosen == "none" for _, chosen, _ in kept)
    assert report.left.value == sum(side == "left" for *_, side in kept) / report.left.votes
    assert {name: table.votes for name, table in report.by_background.items()} == {"black": 6, "white": 6}
    assert [(each.votes, each.checks, each.missed, each.is_excluded) for each in report.raters] == [
        (12, 2, 0, False),
        (more - 1, 1, 1, True),
    ]
    with contextlib.closing(sqlite3.connect(folder / "votes.sqlite")) as database:
        assert database.execute("SELECT name FROM raters").fetchall() == [("Ann",), ("",)]
        assert database.execute("SELECT COUNT(*) FROM votes").fetchone() == (PAIRS + more,)


IS_MOVED = "before => document.querySelector('#stage img').style.transform !== before"


def transforms(page: Page) -> list[str]:
    return page.eval_on_selector_all("#stage img", "all => all.map(each => each.style.transform)")


def test_zoom_and_place_are_the_same_on_both_sides_and_choose_nothing(page: Page, folder: Path) -> None:
    whole = transforms(page)
    assert len(whole) == 2
    seen = [whole]
    page.mouse.move(300, 300)
    for act in (
        lambda: page.mouse.wheel(0, -400),
        lambda: page.keyboard.press("+"),
        lambda: (page.mouse.down(), page.mouse.move(420, 360, steps=4), page.mouse.up()),
        lambda: page.keyboard.press("Shift+ArrowLeft"),
        lambda: page.click("#out"),
    ):
        before = transforms(page)
        act()
        wait_until(page, IS_MOVED, before[0])
        assert len(set(transforms(page))) == 1
        seen.append(transforms(page))
    assert len({each[0] for each in seen}) == len(seen)
    page.keyboard.press("0")
    assert transforms(page) == whole
    wait_for(page, 1)
    assert read_votes(folder, read_study(folder)) == []


def test_a_zoom_keeps_what_is_under_the_pointer(page: Page) -> None:
    under = """([x, y]) => {
        const box = document.querySelector('#pane-right img').getBoundingClientRect();
        return [(x - box.left) / box.width, (y - box.top) / box.height];
    }"""
    page.keyboard.press("+")
    page.keyboard.press("+")
    before = page.evaluate(under, [1000, 500])
    page.mouse.move(1000, 500)
    first = transforms(page)[0]
    page.mouse.wheel(0, -300)
    wait_until(page, IS_MOVED, first)
    assert page.evaluate(under, [1000, 500]) == pytest.approx(before, abs=1e-3)


UNDER_THE_LOUPE = """side => {
    const pane = document.querySelector(`#pane-${side}`);
    const [picture, loupe] = [pane.querySelector('img'), pane.querySelector('canvas')];
    const [box, round] = [picture.getBoundingClientRect(), loupe.getBoundingClientRect()];
    const copy = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight).getContext('2d');
    copy.drawImage(picture, 0, 0);
    const pixel = (drawing, x, y) => [...drawing.getImageData(Math.floor(x), Math.floor(y), 1, 1).data];
    const [x, y] = [(round.left + round.right) / 2 - box.left, (round.top + round.bottom) / 2 - box.top];
    return [
        pixel(loupe.getContext('2d'), loupe.width / 2, loupe.height / 2),
        pixel(copy, (x / box.width) * picture.naturalWidth, (y / box.height) * picture.naturalHeight),
    ];
}"""


def test_the_loupe_shows_what_is_under_it_on_both_sides(page: Page) -> None:
    page.keyboard.press("l")
    page.wait_for_selector("#stage.loupe-on")
    assert page.locator("canvas:visible").count() == 2
    found = set()
    for x, y in ((365, 430), (905, 431), (545, 432), (188, 300)):
        page.mouse.move(x, y)
        for side in ("left", "right"):
            in_the_loupe, under_it = page.evaluate(UNDER_THE_LOUPE, side)
            assert in_the_loupe == under_it
            found.add(tuple(under_it))
    assert len(found) > 2
    page.keyboard.press("l")
    assert page.locator("canvas:visible").count() == 0


# A key pressed from outside may stay down for long where the machine is busy; this one does not.
SHORT_PRESS = """key => {
    for (const kind of ['keydown', 'keyup']) {
        document.activeElement.dispatchEvent(new KeyboardEvent(kind, { key, bubbles: true }));
    }
}"""


def test_the_photo_is_fetched_when_it_is_asked_for(browser: Browser, server: StudyServer) -> None:
    asked: list[str] = []
    with opened(browser, server) as page:
        page.on("request", lambda request: asked.append(request.url))
        start(page)
        assert not [url for url in asked if url.endswith(".jpg")]
        page.evaluate(SHORT_PRESS, "o")
        page.wait_for_selector("#stage.photo-on")
        assert len({url for url in asked if url.endswith(".jpg")}) == 1
        assert page.locator("#stage img.original").count() == 2
        assert len(set(transforms(page))) == 1
        page.click("#pane-left")  # only puts the photo away
        assert page.locator("#stage.photo-on").count() == 0
        wait_for(page, 1)


def test_the_photo_goes_when_a_key_that_was_held_is_let_go(page: Page) -> None:
    page.keyboard.down("o")
    page.wait_for_selector("#stage.photo-on")
    wait_until(page, "() => performance.now() - photoSince > PEEK_MS")
    page.keyboard.up("o")
    assert page.locator("#stage.photo-on").count() == 0
    page.evaluate(SHORT_PRESS, "o")
    page.wait_for_selector("#stage.photo-on")
    page.evaluate(SHORT_PRESS, "o")
    assert page.locator("#stage.photo-on").count() == 0


def test_the_background_goes_on_around_the_pictures(page: Page, study: Study) -> None:
    colours = {"black": "rgb(0, 0, 0)", "white": "rgb(255, 255, 255)"}
    met = set()
    for number in range(1, PAIRS):
        pair, _ = shown(page, study)
        met.add(pair.background)
        surround = page.eval_on_selector("#pane-left", "pane => getComputedStyle(pane).backgroundColor")
        assert surround == colours[pair.background]
        page.keyboard.press(" ")
        wait_for(page, number + 1)
    assert met == {"black", "white"}


def test_the_next_pair_is_there_before_it_is_needed(page: Page) -> None:
    session = page.evaluate(
        """async () => (await (await fetch('api/session', { headers: { Rater: code } })).json()).pairs"""
    )
    wait_until(
        page,
        """names => { const there = performance.getEntriesByType('resource').map(each => each.name);
            return names.every(name => there.some(each => each.endsWith(name))); }""",
        [session[1]["left"], session[1]["right"]],
    )
    fetched = page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    assert len([name for name in fetched if name.endswith(".png")]) <= 4  # this pair and the next


def test_both_pictures_appear_at_once(browser: Browser, server: StudyServer) -> None:
    held: list[Route] = []
    with opened(browser, server) as page:
        page.wait_for_selector('body[data-state="start"]')

        def hold(route: Route) -> None:
            if held:
                route.continue_()
            else:
                held.append(route)

        page.route("**/pictures/*.png", hold)
        with page.expect_response("**/pictures/*.png"):  # the other one arrives
            page.get_by_role("button", name="Start", exact=True).click()
        page.wait_for_selector('body[data-state="busy"] #compare:not([hidden])')
        assert page.locator("#stage img").count() == 0
        held[0].continue_()
        wait_for(page, 1)
        assert page.locator("#stage img").count() == 2


def test_an_answer_that_was_not_stored_is_sent_again(page: Page, folder: Path) -> None:
    page.route("**/api/votes", lambda route: route.abort())
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "not stored yet" in page.inner_text("#trouble")
    page.keyboard.press("ArrowRight")  # is not taken meanwhile
    page.unroute("**/api/votes")
    page.click("#retry")
    wait_for(page, 2)
    assert page.locator("#trouble:visible").count() == 0
    assert [vote.side for vote in read_votes(folder, read_study(folder))] == ["left"]


def test_a_second_click_and_a_key_held_down_are_no_second_answer(page: Page, folder: Path) -> None:
    page.dblclick("#pane-right")
    wait_for(page, 2)
    page.keyboard.down("ArrowLeft")
    wait_for(page, 3)
    page.keyboard.down("ArrowLeft")  # repeats
    page.keyboard.up("ArrowLeft")
    page.keyboard.press("ArrowRight")
    wait_for(page, 4)
    sides = [vote.side for vote in read_votes(folder, read_study(folder))]
    assert sides == ["right", "left", "right"]


def test_space_is_no_preference_after_a_click_and_presses_a_button_reached_by_tab(
    page: Page, folder: Path
) -> None:
    page.click("#left")
    wait_for(page, 2)
    page.keyboard.press(" ")
    wait_for(page, 3)
    page.locator("#right").focus()
    page.keyboard.press(" ")
    wait_for(page, 4)
    assert [vote.side for vote in read_votes(folder, read_study(folder))] == ["left", "none", "right"]


def test_another_browser_goes_on_with_the_code(page: Page, browser: Browser, server: StudyServer) -> None:
    page.keyboard.press("ArrowLeft")
    wait_for(page, 2)
    page.keyboard.press("?")
    code = page.inner_text("#own-code")
    page.get_by_role("button", name="Close").click()
    with opened(browser, server, "404 (Not Found)") as other:
        other.click("summary")
        other.get_by_label("Your code").fill("abcde-fghjk")
        other.get_by_role("button", name="Go on", exact=True).click()
        other.wait_for_selector("text=Nobody has this code")
        other.get_by_label("Your code").fill(code.upper())
        other.get_by_role("button", name="Go on", exact=True).click()
        wait_for(other, 2)


def test_nothing_that_reaches_the_browser_tells_a_name(browser: Browser, server: StudyServer) -> None:
    told: list[str] = []

    def keep(request: Request) -> None:
        answer = request.response()
        told.append(request.url)
        if answer is not None and not request.url.endswith((".png", ".jpg")):
            told.append(answer.text())

    with opened(browser, server) as page:
        requests: list[Request] = []
        page.on("requestfinished", lambda request: requests.append(request))
        start(page)
        page.click("#photo")
        page.wait_for_selector("#stage.photo-on")
        page.keyboard.press("ArrowLeft")
        wait_for(page, 2)
        for request in list(requests):
            keep(request)
        told.append(page.content())
    everything = "\n".join(told).lower()
    assert "api/session" in everything
    assert not [name for name in (*METHODS, *PHOTOS) if name in everything]


def test_the_owners_texts_are_shown_as_they_are(browser: Browser, folder: Path) -> None:
    content = json.loads((folder / "study.json").read_text("utf-8"))
    content |= {
        "title": "<b>Hair</b>",
        "text": "First <i>this</i>.\n\nThen that.",
        "question": "Better & why?",
    }
    (folder / "study.json").write_text(json.dumps(content), "utf-8")
    with serving(folder) as server, opened(browser, server) as page:
        page.wait_for_selector('body[data-state="start"]')
        assert page.inner_text("h1#title") == "<b>Hair</b>"
        assert page.locator("#text p").all_inner_texts() == ["First <i>this</i>.", "Then that."]
        assert page.title() == "<b>Hair</b>"
        start(page)
        assert page.inner_text("#question") == "Better & why?"


def test_on_a_phone_one_cutout_is_above_the_other_and_a_tap_chooses(
    browser: Browser, server: StudyServer, folder: Path
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with opened(browser, server, **phone) as page:
        start(page)
        upper, lower = (page.locator(f"#pane-{side}").bounding_box() for side in ("left", "right"))
        assert upper
        assert lower
        assert upper["width"] == lower["width"] == 390
        assert upper["y"] + upper["height"] <= lower["y"]
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.evaluate("document.documentElement.scrollHeight") == 844
        for button in page.locator("#compare button:visible").all():
            box = button.bounding_box()
            assert box
            assert min(box["width"], box["height"]) >= 44
            assert box["x"] + box["width"] <= 390
        page.touchscreen.tap(200, lower["y"] + 100)
        wait_for(page, 2)
        page.touchscreen.tap(200, upper["y"] + 100)
        wait_for(page, 3)
        page.get_by_role("button", name="Upper").tap()
        wait_for(page, 4)
    assert [vote.side for vote in read_votes(folder, read_study(folder))] == ["right", "left", "left"]


CONTRASTS = """() => {
    const light = colour => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(value => value / 255)
            .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const behind = node => {
        for (; node; node = node.parentElement) {
            const colour = getComputedStyle(node).backgroundColor;
            if (!colour.endsWith(', 0)')) return colour;
        }
    };
    return [...document.querySelectorAll('h1, p, label, summary, button:enabled, #count, td, small')]
        .filter(node => node.checkVisibility()).map(node => {
            const two = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a);
            return [node.textContent, (two[0] + 0.05) / (two[1] + 0.05)];
        });
}"""


def test_the_page_is_usable_by_keyboard_and_easy_to_read(browser: Browser, server: StudyServer) -> None:
    with opened(browser, server) as page:
        page.wait_for_selector('body[data-state="start"]')
        poor = [each for each in page.evaluate(CONTRASTS) if each[1] < 4.5]
        page.keyboard.press("Tab")
        page.keyboard.type("Ben")
        page.keyboard.press("Enter")
        wait_for(page, 1)
        assert page.evaluate("document.activeElement.id") == "stage"
        assert "Pair 1 of 14" in page.inner_text("[role=status]")
        poor += [each for each in page.evaluate(CONTRASTS) if each[1] < 4.5]
        assert poor == []
        names = [
            button.get_attribute("aria-label") or button.inner_text()
            for button in page.locator("button").all()
        ]
        assert all(names)
        reached = []
        for _ in range(8):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id"))
        assert reached == ["left", "none", "right", "photo", "loupe", "out", "fit", "in"]
        pictures = page.locator("#stage img").all()
        assert [picture.get_attribute("alt") for picture in pictures] == ["First cutout", "Second cutout"]
