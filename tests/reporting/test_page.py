import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from biasgan.reporting.report import report

from .made import NO_NIQE, make_evaluation, make_sweep

VOID = {"meta", "link", "input", "img", "br"}


class Outline(HTMLParser):
    """Checks that elements are nested, and gathers attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name))]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report; not to be changed."""
    folder = tmp_path_factory.mktemp("report")
    make_sweep(folder / "runs", seeds=(0, 1), pictures=1, side=64)
    report([str(folder / "runs")], folder / "out")
    return folder / "out"


def test_the_page_is_whole_and_asks_for_nothing_else(written: Path) -> None:
    text = (written / "report.html").read_text()
    outline = Outline(text)
    assert all(source.startswith("data:") for source in outline.values("src"))
    links = outline.values("href") + outline.values("xlink:href")
    for link in links:
        assert link.startswith(("#", "data:")) or (written / link).is_file(), link
    assert "url(http" not in text
    ids = outline.values("id")
    sections = [one for one in links if one.startswith("#")]
    assert {one[1:] for one in sections} <= {*ids, *re.findall(r'id="([^"]+)"', text)}


def test_everything_that_a_number_was_made_of_is_there(written: Path) -> None:
    text = (written / "report.html").read_text()
    for words in (
        "biasgan evaluate run=realesrgan-full-37-0",
        "baseline: realesrgan",
        "torch 2.9, biasgan 0.1.0",
        "0123456",
        "c0ffee" * 10,
        "encoder bpgenc 0.9.8 jctvc",
        "metrics paper",
        "a machine",
        "ab" * 6,
        "VGG-19 with imagenet weights (0.1 conv1_2, 1 conv3_4; at most 16 patches an image)",
        "plain scores of a discriminator that is conditional; patches of 128 pixels; sha256 " + "d15c" * 16,
    ):
        assert words in text, words


def test_empty_cells_say_why(written: Path) -> None:
    outline = Outline((written / "report.html").read_text())
    cells = [
        attributes for tag, attributes in outline.elements if tag == "td" and "empty" in (attributes.get("class") or "")
    ]
    assert len(cells) > 10
    assert all(cell["title"] and cell["title"] == cell["aria-description"] for cell in cells)
    assert NO_NIQE in {cell["title"] for cell in cells}
    assert all(cell["data-value"] in ("", None) for cell in cells)


def test_what_is_written_is_no_markup(tmp_path: Path) -> None:
    evil = '</script><img src="http://x/"> $x$ {{ 7 }} & "'
    subject = {"kind": "restored", "name": evil, "path": evil, "sha256": None}
    make_evaluation(tmp_path / "a", None, subject=subject, command=evil, set_name=evil, pictures=1, side=64)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "evaluation.json").write_text("<b>")
    page, _ = report([str(tmp_path)], tmp_path / "out")
    outline = Outline(page.read_text())
    assert not [source for source in outline.values("src") if "http" in source]
    assert "http://x/" in page.read_text()


def test_methods_that_were_measured_otherwise_are_told(tmp_path: Path) -> None:
    content = make_evaluation(tmp_path / "a", seed=0)
    protocols = {**content["protocols"], "psnr": {**content["protocols"]["psnr"], "crop": "4 pixels"}}
    make_evaluation(tmp_path / "b", seed=1, protocols=protocols)
    text = report([str(tmp_path)], tmp_path / "out")[0].read_text()
    assert text.count("others measured it otherwise") == 2


def test_the_same_evaluations_give_the_same_page(tmp_path: Path) -> None:
    make_sweep(tmp_path / "runs", methods=("vanilla", "full"), pictures=1, side=64)
    pages = [report([str(tmp_path / "runs")], tmp_path / name)[0].read_bytes() for name in ("one", "other")]
    assert pages[0] == pages[1]


def test_twenty_runs_take_less_than_five_megabytes(tmp_path: Path) -> None:
    for number in range(20):
        subject = {"kind": "restored", "name": f"net {number}", "path": f"{number}", "sha256": None}
        make_evaluation(tmp_path / f"{number}", None, None, number, subject=subject, pictures=4, side=400)
    page, _ = report([str(tmp_path)], tmp_path / "out")
    assert 100_000 < page.stat().st_size < 5_000_000
    gallery = re.search(r'id="pictures">(.*?)</script>', page.read_text(), re.DOTALL)
    assert gallery is not None
    assert [len(picture["versions"]) for picture in json.loads(gallery[1])[0]["pictures"]] == [22] * 4
