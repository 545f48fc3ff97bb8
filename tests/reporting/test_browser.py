"""The page in a browser, the system's Chromium."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from biasgan.reporting.report import report

from .made import make_evaluation, make_sweep


class Opened(NamedTuple):
    """A page, and what went wrong or was asked for while it was shown."""

    page: Page
    messages: list[str]
    requests: list[str]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    make_sweep(folder / "runs", seeds=(0, 1), pictures=2, side=128)
    make_evaluation(folder / "runs" / "theirs", None, pictures=2, side=128)
    make_evaluation(
        folder / "runs" / "kodak", "arcnn", set_name="kodak", codec="jpeg", quality=20, pictures=1, side=128
    )
    return report([str(folder / "runs")], folder / "out")[0]


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def opened(request: pytest.FixtureRequest, browser: Browser, file: Path) -> Iterator[Opened]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width < 500)
    page = context.new_page()
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda asked: requests.append(asked.url))
    page.goto(file.as_uri())
    yield Opened(page, messages, requests)
    context.close()
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [file.as_uri()]


def column(table: Locator, number: int) -> list[str]:
    """The numbers of ours in a column, or its words."""
    take = "(rows, n) => rows.map(({ cells }) => (cells[n].dataset.value ?? cells[n].textContent.trim()))"
    return table.locator("tbody tr").evaluate_all(take, number)


def test_nothing_is_wider_than_the_window(opened: Opened) -> None:
    width, window = opened.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= window
    backgrounds = {390: "rgb(16, 20, 24)", 1280: "rgb(255, 255, 255)"}
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == backgrounds[window]
    chart = opened.page.locator("#bias svg path").first
    assert chart.evaluate("one => getComputedStyle(one).fill") == backgrounds[window]


def test_the_slider_moves_by_keys_and_by_dragging(opened: Opened) -> None:
    page = opened.page
    left, slider, stage = page.locator(".layer.left"), page.locator("[name=place]"), page.locator(".stage")

    def covered() -> float:
        clip = left.evaluate("one => one.style.clipPath")
        return 100 - float(clip.split()[1].rstrip("%"))

    assert covered() == 50
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert covered() == 50.5
    page.keyboard.press("Home")
    assert covered() == 0
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 50, steps=3)
    page.mouse.up()
    assert covered() == pytest.approx(75, abs=1)
    assert float(slider.input_value()) == pytest.approx(75, abs=1)
    assert page.locator(".stage.zoomed").count() == 0


def test_a_click_zooms_and_the_residual_is_shown(opened: Opened) -> None:
    page = opened.page
    stage, image = page.locator(".stage"), page.locator(".layer.right img")
    before = image.bounding_box()
    stage.click(position={"x": 30, "y": 40})
    after = image.bounding_box()
    assert before
    assert after
    assert after["width"] == pytest.approx(4 * before["width"], rel=0.01)
    page.locator("[name=zoom]").click()
    again = image.bounding_box()
    assert again
    assert again["width"] == before["width"]
    page.locator("[name=residual]").check()
    assert page.locator(".layer.left").evaluate("one => getComputedStyle(one).mixBlendMode") == "difference"
    page.add_style_tag(content=".stage .label { display: none; }")
    page.locator("[name=left]").select_option("original")
    page.locator("[name=right]").select_option("original")
    assert brightness(stage) < 0.1
    page.locator("[name=right]").select_option("compressed")
    assert brightness(stage) > 10


def brightness(shown: Locator) -> float:
    """Mean of what is seen in the middle, from 0 to 255."""
    picture = np.asarray(Image.open(io.BytesIO(shown.screenshot())).convert("L"))
    return float(picture[20:-20, 20:-20].mean())


def origin(page: Page) -> list[float]:
    """Where both pictures are looked at when they are zoomed, in percent."""
    found = page.locator(".layer img").evaluate_all("all => all.map(one => one.style.transformOrigin)")
    assert found[0] == found[1]
    return [float(part.rstrip("%")) for part in found[0].split()[:2]]


def test_what_is_zoomed_is_moved_by_dragging_and_the_divider_stays(opened: Opened) -> None:
    page = opened.page
    stage = page.locator(".stage")
    page.locator("[name=zoom]").click()
    assert origin(page) == [50, 50]
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 0.3 * box["width"], middle[1] + 0.15 * box["height"], steps=4)
    page.mouse.up()
    assert origin(page) == pytest.approx([60, 45], abs=1)
    assert page.locator("[name=place]").input_value() == "50"
    assert page.locator(".stage.zoomed").count() == 1


def test_the_picture_is_moved_by_keys(opened: Opened) -> None:
    page = opened.page
    page.locator(".stage").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("[name=place]").input_value() == "45"
    page.keyboard.press("Enter")
    assert page.locator("[name=zoom]").get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert origin(page) == [55, 45]
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    assert origin(page) == [55, 100]
    assert page.locator("[name=place]").input_value() == "45"
    page.keyboard.press("Enter")
    assert page.locator(".stage.zoomed").count() == 0


def test_a_tap_zooms(opened: Opened) -> None:
    if not opened.page.evaluate("navigator.maxTouchPoints"):
        pytest.skip("nothing is touched on a desktop")
    opened.page.locator(".stage").tap()
    assert opened.page.locator(".stage.zoomed").count() == 1


def test_on_paper_all_tables_are_open_and_whole(opened: Opened) -> None:
    page = opened.page
    opened.page.evaluate("for (const block of document.querySelectorAll('.block')) block.open = false")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1030, "height": 720})
    assert page.locator(".block:not(.provenance):not([open])").count() == 0
    for table in page.locator(".block[open] .scroll").all():
        assert table.evaluate("one => getComputedStyle(one).overflow") == "visible"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("input:visible, nav:visible, select:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".block[open]").count() == 0


def test_the_head_of_a_long_table_stays_in_sight(opened: Opened) -> None:
    scroll = opened.page.locator("#tests .scroll")
    head = scroll.locator("thead th").first
    assert scroll.evaluate("one => one.scrollHeight > one.clientHeight && one.clientHeight <= innerHeight")
    scroll.evaluate("one => one.scrollTo(0, 200)")
    places = [one.evaluate("one => one.getBoundingClientRect().top") for one in (head, scroll)]
    assert places[0] == pytest.approx(places[1], abs=1)


def test_other_pictures_can_be_chosen(opened: Opened) -> None:
    page = opened.page
    image = page.locator(".layer.right img")
    first = image.get_attribute("src")
    page.locator("[name=picture]").select_option(label="coffee")
    assert image.get_attribute("src") != first
    assert (image.get_attribute("alt") or "").startswith("coffee, ")
    page.locator("[name=images]").select_option(label="kodak, jpeg 20")
    assert page.locator("[name=right] option").all_inner_texts() == ["original", "compressed", "AR-CNN"]
    assert image.evaluate("one => one.decode().then(() => one.naturalWidth)") == 128


def test_a_click_on_a_head_sorts(opened: Opened) -> None:
    table = opened.page.locator("#quality table").first
    head = table.locator("thead th").nth(1)
    assert head.get_attribute("aria-sort") == "none"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    values = [text for text in column(table, 1) if text]
    assert values
    assert [float(value) for value in values] == sorted(map(float, values))
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [text for text in column(table, 1) if text] == values[::-1]
    table.locator("thead th").first.locator("button").click()
    assert head.get_attribute("aria-sort") == "none"
    assert column(table, 0) == sorted(column(table, 0), key=str.lower)


def test_empty_cells_stay_last(opened: Opened) -> None:
    table = opened.page.locator("#quality table").first
    head, names = (table.locator("thead th").nth(number).locator("button") for number in (1, 0))
    for _ in range(2):
        names.click()  # mixes empty rows with others
        before = column(table, 1)
        head.click()
        values = column(table, 1)
        assert sorted(values) == sorted(before)
        empty = [value == "" for value in values]
        assert any(empty)
        assert empty == sorted(empty)


def test_rows_are_filtered_by_all_words(opened: Opened) -> None:
    block = opened.page.locator("#tests .block")
    block.locator("input[type=search]").fill("psnr full")
    shown = [row for row in block.locator("tbody tr").all() if row.is_visible()]
    assert len(shown) == 1
    assert "full" in shown[0].inner_text()
    block.locator("input[type=search]").fill("")
    assert all(row.is_visible() for row in block.locator("tbody tr").all())
    opened.page.locator("#find").fill("kodak")
    assert opened.page.locator(".provenance:visible").count() == 1


def test_a_touched_cell_says_how_it_came_about(opened: Opened) -> None:
    block = opened.page.locator("#quality .block").first
    block.locator("td.empty").first.click()
    assert "pip install 'biasgan[metrics]'" in block.locator(".told").inner_text()
