"""The page in Chromium, by the command that serves it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    scratch = tmp_path_factory.mktemp("scratch")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch), "no_proxy": "127.0.0.1"}
    with subprocess.Popen(
        [sys.executable, "-m", "biasgan", "app", "--model", "bundled-pixel"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as server:  # fmt: skip
        assert server.stdout
        first = server.stdout.readline()
        if not first.startswith("http"):
            pytest.fail(first + server.stdout.read())
        yield first.strip()
        server.send_signal(signal.SIGTERM)
        rest = server.stdout.read()
    assert (server.returncode, "Traceback" in rest) == (130, False), rest
    assert not list(scratch.rglob("*.png"))


@pytest.fixture
def opened(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    """The page in a window of some width; nobody but its server may be asked for anything."""
    context = browser.new_context(viewport={"width": request.param, "height": 800})
    page = context.new_page()
    hosts: set[str] = set()
    page.on("request", lambda asked: hosts.add(urlsplit(asked.url).netloc))
    page.goto(address)
    yield page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
    # Without a host are data: and blob:.
    assert hosts <= {urlsplit(address).netloc, ""}


def picture(path: Path) -> Path:
    slopes = np.add.outer(np.arange(64), np.arange(96))[..., np.newaxis] * [1, 2, 1.5] % 256
    Image.fromarray(slopes.astype(np.uint8)).save(path, quality=10)
    return path


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


@pytest.mark.parametrize("opened", [1280], indirect=True)
def test_a_photograph_is_dropped_compared_and_downloaded(opened: Page, tmp_path: Path) -> None:
    page = opened
    page.locator("input[type=file]").set_input_files(picture(tmp_path / "photo.jpg"))
    page.get_by_text("bits per pixel").wait_for()
    assert page.get_by_text("PSNR").count() == 0

    choose(page, "codec", "JPEG")
    page.get_by_text("PSNR, restored").wait_for()
    choose(page, "model", "bundled")
    page.get_by_label("number input for strength").fill("0")
    page.get_by_text("-100 %", exact=True).wait_for()

    handle = page.locator(".slider-wrap .inner, [data-testid=slider]").first
    handle.scroll_into_view_if_needed()
    before = handle.bounding_box()
    assert before
    page.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    page.mouse.down()
    page.mouse.move(before["x"] - 40, before["y"] + before["height"] / 2, steps=4)
    page.mouse.up()
    after = handle.bounding_box()
    assert after
    assert after["x"] < before["x"] - 20

    with page.expect_download() as coming:
        page.get_by_text("Download", exact=True).click()
    assert coming.value.suggested_filename == "photo-restored.png"
    with Image.open(coming.value.path()) as restored:
        assert (restored.format, restored.size) == ("PNG", (96, 64))


@pytest.mark.parametrize("opened", [390], indirect=True)
def test_a_broken_file_gives_the_plain_error_and_the_next_is_restored(opened: Page, tmp_path: Path) -> None:
    page = opened
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    page.locator("input[type=file]").set_input_files(tmp_path / "broken.jpg")
    error = page.get_by_role("alert")
    error.wait_for()
    assert error.inner_text().startswith("error: broken.jpg is not an image")
    assert "/" not in error.inner_text()
    assert page.get_by_text("Download", exact=True).count() == 0
    page.get_by_label("Clear").click()
    error.wait_for(state="detached")
    page.locator("input[type=file]").set_input_files(picture(tmp_path / "photo.jpg"))
    page.get_by_text("bits per pixel").wait_for()
