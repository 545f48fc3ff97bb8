import io
import math
from typing import Any

from rich.console import Console

from biasgan.evaluation.result_table import remarks, result_table
from biasgan.io.weight_files import fetch_command

RESULT: dict[str, Any] = {
    "subject": {"name": "some"},
    "set": {"name": "kodak", "images": 24},
    "codec": "bpg",
    "quality": 37,
    "metrics": {
        "psnr": {"compressed": 30.1234, "restored": 31.0, "gain_interval": (0.7, 1.0123)},
        "fid": {"compressed": 9.73, "restored": 7.51, "gain_interval": None},
    },
    "protocols": {"psnr": {"unit": "dB", "higher_is_better": True}, "fid": {"unit": "", "higher_is_better": False}},
    "unavailable": {
        "lpips": f"No weights alexnet, lpips here. {fetch_command('lpips')}",
        "niqe": f"No weights niqe here. {fetch_command('niqe')}",
        "ahiq": "It needs timm",
        "pi": "It needs timm",
    },
    "triangles": {
        "features": {"deviation": -35.678, "deviation_interval": (-40.0, -31.25), "holds": True},
        "fid": {"deviation": 12.0, "deviation_interval": None, "holds": False},
    },
    "realism": {"original": 0.27, "restored": 0.73, "compressed": 0.3},
    "bits_per_pixel": {"mean": 0.31246},
    "speed": {"megapixels_per_second": 12.345},
    "features": {"weights": "imagenet"},
}


def printed(result: dict[str, Any]) -> str:
    file = io.StringIO()
    Console(file=file, width=80).print(result_table(result))
    return file.getvalue()


def cells(result: dict[str, Any]) -> list[list[str]]:
    lines = printed(result).splitlines()
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if "│" in line]


def test_the_main_figures_fit_into_a_terminal() -> None:
    assert cells(RESULT) == [
        ["psnr, dB ↑", "30.12", "31", "+0.877", "+0.7 … +1.01"],
        ["fid ↓", "9.73", "7.51", "-2.22", ""],
        ["deviation, features, %", "", "", "-35.7", "-40 … -31.2"],
        ["deviation, fid, %", "", "", "+12.0", ""],
        ["realism; originals 0.27", "0.300", "0.730", "", ""],
        ["bits per pixel", "0.3125", "", "", ""],
        ["megapixels a second", "", "12.3", "", ""],
    ]
    assert "some · kodak · bpg 37" in printed(RESULT)
    assert "24 images" in printed(RESULT)


def test_what_was_not_measured_has_no_row() -> None:
    rows = cells({**RESULT, "realism": None, "speed": None, "metrics": {}})
    assert [row[0] for row in rows] == ["deviation, features, %", "deviation, fid, %", "bits per pixel"]


def test_what_was_measured_on_some_images_says_on_how_many() -> None:
    some = {
        "compressed": 0.9,
        "restored": 0.95,
        "gain_interval": None,
        "images": 3,
        "unmeasured": {"a": "4 x 4 pixels"},
    }
    none = {"compressed": math.nan, "restored": math.nan, "gain_interval": None, "images": 0}
    none["unmeasured"] = {"a": "4 x 4 pixels", "b": "5 x 5 pixels"}
    result = {**RESULT, "metrics": {"psnr": some, "fid": none}}
    assert cells(result)[:2] == [["psnr, dB ↑", "0.9", "0.95", "+0.05", ""], ["fid ↓", "", "", "", ""]]
    assert remarks(result)[:2] == [
        "psnr is that of 3 images: a has 4 x 4 pixels.",
        "fid is that of 0 images: a has 4 x 4 pixels, as 1 more.",
    ]


def test_a_distance_between_small_sets_is_remarked_upon() -> None:
    protocols = {"patch_fid": {"metric": "patch FID"}}
    small, large = ({**RESULT, "protocols": protocols, "metrics": {"patch_fid": {"vectors": n}}} for n in (2047, 2048))
    few = "patch FID of 2047 vectors, fewer than 2048: compare it with values of equally many images only."
    assert remarks(small)[0] == few
    assert remarks(large) == remarks(small)[1:]


def test_remarks_say_what_is_missing_and_how_to_get_it() -> None:
    lines = remarks(RESULT)[:3]
    assert lines == [
        "The distances by fid form no triangle: one is longer than the other two together.",
        f"Not measured: lpips, niqe. {fetch_command('lpips niqe')}",
        "Not measured: ahiq, pi. It needs timm",
    ]
    random = {**RESULT, "features": {"weights": "random"}, "triangles": {}, "unavailable": {}}
    assert remarks(random)[0].startswith("Features are those of a VGG-19 with random weights")
