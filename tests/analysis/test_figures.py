from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from biasgan.analysis.figures import DARK, LIGHT, End, Panel, Theme, new_figure, signed, spread, write_figure

THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])

# Machado et al., A Physiologically-based Model for Simulation of Color Vision Deficiency, 2009, severity 1.
VISION = {
    "all colours": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(color: str) -> np.ndarray:
    values = np.array(to_rgb(color))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Of WCAG 2: from 1 to 21."""
    dark, light = sorted(float(linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


@THEMES
def test_text_and_lines_stand_out_from_the_background(theme: Theme) -> None:
    assert contrast(theme.ink, theme.background) >= 7
    assert contrast(theme.muted, theme.background) >= 4.5
    assert all(contrast(color, theme.background) >= 3 for color in theme.palette)


@THEMES
@pytest.mark.parametrize("vision", VISION)
def test_colours_differ_in_all_eyes(theme: Theme, vision: str) -> None:
    """By CIEDE2000 after what dichromats see; 2 is just noticed side by side."""

    def seen(color: str) -> np.ndarray:
        values = np.clip(VISION[vision] @ linear(color), 0, 1)
        return rgb2lab(np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055))

    distances = [float(deltaE_ciede2000(seen(a), seen(b))) for a, b in combinations(theme.palette, 2)]
    assert min(distances) >= 14


@THEMES
def test_no_two_of_twenty_methods_look_alike(theme: Theme) -> None:
    assert len({theme.look(number) for number in range(20)}) == 20


def test_numbers_carry_their_sign() -> None:
    assert [signed(-67.4), signed(19), signed(-0.478, 2)] == ["\N{MINUS SIGN}67", "+19", "\N{MINUS SIGN}0.48"]
    assert [signed(-0.004, 2), signed(-0.4)] == ["+0.00", "+0"]


def test_labels_are_moved_apart_by_the_least() -> None:
    assert spread([], 1) == []
    assert spread([1, 5, 7], 2) == [1, 5, 7]
    assert spread([1, 1], 2) == pytest.approx([0, 2])
    assert spread([0, 5, 5, 5.5], 1) == pytest.approx([0, 4.17, 5.17, 6.17], abs=0.01)
    random = np.random.default_rng(0)
    for _ in range(100):
        places = np.sort(random.random(6))
        moved = np.array(spread(places.tolist(), 0.15))
        assert (np.diff(moved) > 0.15 - 1e-9).all()
        least = ((moved - places) ** 2).sum()
        for _ in range(20):
            other = np.sort(moved + random.normal(0, 0.05, 6))
            if (np.diff(other) >= 0.15).all():
                assert ((other - places) ** 2).sum() >= least - 1e-9


def drawn() -> Panel:
    panel = Panel(new_figure(3, 2).subplots(), ("left", "bottom"), grid="x")
    panel.name("title", "x", "y")
    panel.line([0, 1], [0, 1], LIGHT.palette[0])
    for count, color in ((50, LIGHT.palette[1]), (1001, LIGHT.palette[2])):
        panel.dots(np.linspace(0, 1, count), np.linspace(1, 0, count), color)
    panel.axes.set(xlim=(0, 2), ylim=(1, 0))
    panel.label_ends([End((1, 0.99), "two", "red"), End((1, 1), "one", "red")])
    return panel


@pytest.mark.parametrize("extension", ["png", "svg"])
def test_figures_are_written_whole_and_the_same_each_time(tmp_path: Path, extension: str) -> None:
    paths = [tmp_path / f"{number}.{extension}" for number in range(2)]
    for path in paths:
        write_figure(drawn().axes.get_figure(), path)  # pyright: ignore[reportArgumentType]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths
    if extension == "png":
        with Image.open(paths[0]) as picture:
            assert picture.size == (450, 300)
            assert picture.convert("RGB").getpixel((1, 1)) == tuple(round(255 * v) for v in to_rgb(LIGHT.background))
    else:
        svg = paths[0].read_text()
        assert svg.count("<image") == 1, "many points are pixels"
        assert svg.count(f'style="fill: {LIGHT.palette[1].lower()}') == 50, "few have the theme's colour"


def test_all_that_is_written_has_the_colours_of_the_theme() -> None:
    """Ticks too, which matplotlib makes when it draws."""
    axes = drawn().axes
    figure = axes.get_figure()
    assert figure is not None
    figure.canvas.draw()
    ticks = [*axes.xaxis.get_ticklabels(), *axes.yaxis.get_ticklabels()]
    written = [*axes.texts, *ticks, axes.xaxis.label, axes.yaxis.label]
    assert {str(text.get_color()) for text in written} == {LIGHT.ink}
    assert {side for side, spine in axes.spines.items() if spine.get_visible()} == {"left", "bottom"}


def test_labels_of_ends_keep_the_order_in_which_they_are_seen() -> None:
    """The axis is upside down, so the larger value is the lower label; that stays above the name of the axis."""
    texts = drawn().axes.texts
    heights = {text.get_text(): text.xy[1] for text in texts}  # pyright: ignore[reportAttributeAccessIssue]
    line = 1.3 * 8 / (0.8 * 72 * 2)
    assert heights["one"] == pytest.approx(line / 2)
    assert heights["two"] - heights["one"] == pytest.approx(line)


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"written as \.svg or \.png; got figure\.pdf"):
        write_figure(new_figure(1, 1), tmp_path / "figure.pdf")
    assert not list(tmp_path.iterdir())
