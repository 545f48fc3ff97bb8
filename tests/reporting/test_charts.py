import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from biasgan.analysis.figures import DARK, LIGHT
from biasgan.analysis.rate_distortion import Curve, bd_rate
from biasgan.reporting.charts import (
    DISPARITY,
    Chart,
    chart,
    disparities_of,
    disparity_charts,
    rate_distortion_charts,
    realism_charts,
    training_charts,
    triangle_charts,
)
from biasgan.reporting.groups import Grouped, Images, by_images, grouped
from biasgan.reporting.rates import sweep_of, sweeps
from biasgan.reporting.search import find_evaluations

from .made import make_evaluation, make_sweep


def groups_of(folder: Path) -> tuple[Grouped, list[Images]]:
    evaluations = find_evaluations([str(folder)]).evaluations
    groups = grouped(evaluations)
    return groups, by_images(groups, evaluations)


def words(one: Chart) -> list[str]:
    """What is written in a chart, without the space before a minus or in numbers."""
    return [
        "".join(element.itertext()).strip()
        for element in ElementTree.fromstring(one.svg).iter()
        if element.tag.endswith("text")
    ]


@pytest.fixture
def swept(tmp_path: Path) -> Path:
    make_sweep(tmp_path, methods=("vanilla", "full"), qualities=(27, 32, 37, 42, 47), seeds=(0, 1))
    return tmp_path


def test_the_same_figure_gives_the_same_svg_whose_text_is_text() -> None:
    def draw() -> Chart:
        figure = Figure(facecolor=LIGHT.background)
        figure.text(0.5, 0.5, "costs $5 or $6", color=LIGHT.ink)
        return chart("A name", "T", figure)

    assert draw() == draw()
    assert draw().name == "a-name"
    assert words(draw()) == ["costs $5 or $6"]


def test_colours_are_those_of_the_theme() -> None:
    figure = Figure(facecolor=LIGHT.background)
    axes = figure.subplots()
    for color in (*LIGHT.palette, LIGHT.ink, LIGHT.muted, LIGHT.faint):
        axes.plot([0, 1], color=color)
    axes.set_axis_off()
    one = chart("a", "A", figure)
    assert {color.lower() for color in DARK.palette} <= set(re.findall("#[0-9a-fA-F]{6}", one.dark.lower()))
    assert not {color.lower() for color in LIGHT.palette} & set(re.findall("#[0-9a-f]{6}", one.dark.lower()))
    used = set(re.findall(r"var\(--([\w-]+)\)", one.inline))
    assert used == {"background", "ink", "muted", "faint", "palette-0", "palette-1", "palette-2", "palette-3"}
    assert not re.search("#[0-9a-f]{6}", one.inline)


def test_on_a_page_ids_are_those_that_are_referred_to(swept: Path) -> None:
    groups, images = groups_of(swept)
    (sweep,) = sweeps(images, groups)
    for one in rate_distortion_charts(sweep):
        ids = set(re.findall(r' id="([^"]+)"', one.inline))
        assert ids <= set(re.findall(r"#([\w.-]+)", one.inline))
        root = ElementTree.fromstring(one.inline)
        assert root.get("viewBox")
        assert root.get("width") is None


def test_curves_are_means_over_seeds_with_their_bd_rate(swept: Path) -> None:
    groups, images = groups_of(swept)
    (sweep,) = sweeps(images, groups)
    charts = {one.title: one for one in rate_distortion_charts(sweep)}
    assert list(charts) == [f"{metric}: div2k-valid, bpg" for metric in ("PSNR", "SSIM", "LPIPS", "FID")]
    points: dict[float, list[float]] = {}
    compressed: dict[float, float] = {}
    for one in find_evaluations([str(swept)]).evaluations:
        if one.chosen["method"] == "full":
            points.setdefault(one.bits_per_pixel.mean, []).append(one.metrics["psnr"].restored or 0)
            compressed[one.bits_per_pixel.mean] = one.metrics["psnr"].compressed or 0
    means = Curve(list(points), [sum(values) / 2 for values in points.values()])
    expected = bd_rate(Curve(list(compressed), list(compressed.values())), means).text.replace("-", "\N{MINUS SIGN}")
    written = " ".join(words(charts["PSNR: div2k-valid, bpg"]))
    assert f"BD-rate {expected}" in written
    assert "PSNR (dB)" in written
    assert not [*rate_distortion_charts(sweep_of("one", images[:1], groups))]


def test_many_groups_are_in_several_pictures(tmp_path: Path) -> None:
    for number in range(10):
        for quality in (37, 42):
            subject = {"kind": "restored", "name": f"net {number}", "path": f"{number}", "sha256": None}
            make_evaluation(tmp_path / f"{number}-{quality}", None, quality=quality, subject=subject)
    groups, images = groups_of(tmp_path)
    charts = [one for one in rate_distortion_charts(sweep_of("x", images, groups)) if one.title.startswith("PSNR")]
    assert [one.name for one in charts] == ["rate-psnr-x-1", "rate-psnr-x-2"]
    written = [" ".join(words(one)) for one in charts]
    assert sum(f"net {number}" in written[0] for number in range(10)) == 8
    assert sum(f"net {number}" in written[1] for number in range(10)) == 2


def test_triangles_and_realism_of_what_has_them(tmp_path: Path) -> None:
    make_sweep(tmp_path, ("realesrgan", "arcnn"), methods=("vanilla", "full"), seeds=(0, 1))
    flat = {"features": {"compressed_restored": 0, "compressed_original": 0, "restored_original": 0}}
    make_evaluation(tmp_path / "flat", "esrgan", triangles=flat)
    ((images,),) = groups_of(tmp_path)[1:]
    triangles = list(triangle_charts(images._replace(label="div2k")))
    assert [one.title for one in triangles] == ["Triangles by features: div2k", "Triangles by LPIPS: div2k"]
    assert {"AR-CNN", "Real-ESRGAN, vanilla", "Real-ESRGAN, full"} <= set(words(triangles[0]))
    assert "ESRGAN, full" not in words(triangles[0])
    (realism,) = realism_charts(images)
    assert {"Real-ESRGAN, full", "0.80"} <= set(words(realism))
    assert "AR-CNN" not in words(realism)


def test_trainings_of_a_baseline_are_in_one_picture(tmp_path: Path) -> None:
    make_sweep(tmp_path, ("realesrgan", "arcnn"), qualities=(37, 42), methods=("vanilla", "full"), seeds=(0, 1))
    for log in tmp_path.glob("arcnn*/log.csv"):
        log.unlink()
    charts = list(training_charts(groups_of(tmp_path)[0]))
    assert [one.title for one in charts] == ["Training: Real-ESRGAN, bpg 37", "Training: Real-ESRGAN, bpg 42"]
    assert {"Real-ESRGAN, vanilla", "Real-ESRGAN, full", "deviation by features, %"} <= set(words(charts[0]))
    assert not [text for text in words(charts[0]) if "$" in text]


def test_disparities_stand_in_one_picture_with_the_line_of_all_their_seeds(tmp_path: Path) -> None:
    make_sweep(tmp_path, ("realesrgan", "esrgan"), methods=("vanilla", "full"), seeds=(0, 1))
    (images,) = groups_of(tmp_path)[1]
    (one,) = disparity_charts(images)
    assert (one.name, one.title) == ("disparity-div2k-valid-bpg-37", "Disparity of patches: div2k-valid, bpg 37")
    written = words(one)
    for label in ("Real-ESRGAN, vanilla", "Real-ESRGAN, full", "ESRGAN, vanilla", "ESRGAN, full"):
        assert written.count(label) == 2  # by pixels and by features
    slopes = [float(text.split()[1].rstrip(",")) for text in written if text.startswith("slope")]
    expected = [json_slope(tmp_path, "realesrgan", "vanilla"), json_slope(tmp_path, "esrgan", "full")]
    assert all(round(slope, 2) in slopes for slope in expected)
    assert "<image" not in one.svg
    assert one.is_wide


def json_slope(folder: Path, baseline: str, method: str) -> float:
    """The mean of two seeds of the same originals."""
    found = find_evaluations([str(folder / f"{baseline}-{method}-*")]).evaluations
    return sum((one.disparity["pixels"].slope or 0) for one in found) / len(found)


def test_what_has_no_table_of_patches_is_left_out(tmp_path: Path) -> None:
    damaged = ["", "name,patch\n", "pixels_original,pixels_restored\n1,\n", "\0", None]
    for number, text in enumerate(damaged):
        make_evaluation(tmp_path / f"{number}", "arcnn", seed=number)
        if text is None:
            (tmp_path / f"{number}" / DISPARITY).unlink()
        else:
            (tmp_path / f"{number}" / DISPARITY).write_text(text)
    (images,) = groups_of(tmp_path)[1]
    assert not list(disparity_charts(images))
    make_evaluation(tmp_path / "whole", "arcnn", seed=9)
    (images,) = groups_of(tmp_path)[1]
    assert len(list(disparity_charts(images))) == 1
    whole = (tmp_path / "whole" / DISPARITY).read_text()
    (tmp_path / "whole" / DISPARITY).write_text(whole.replace("0.05", "nan"))
    assert not any(disparities_of(one) for one in find_evaluations([str(tmp_path)]).evaluations)


def test_many_clouds_of_points_are_in_several_pictures(tmp_path: Path) -> None:
    for number in range(8):
        subject = {"kind": "restored", "name": f"net {number}", "path": f"{number}", "sha256": None}
        make_evaluation(tmp_path / f"{number}", None, subject=subject)
    (images,) = groups_of(tmp_path)[1]
    assert [one.name for one in disparity_charts(images._replace(label="x"))] == ["disparity-x-1", "disparity-x-2"]
