import os
import re
import signal
import subprocess
import sys
import time
import zlib
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import biasgan
from biasgan import enhance
from biasgan.codecs import bpg
from biasgan.inference.photo import read_photo

from .conftest import Command, Finished
from .io.containers.made import chunk, png, segment, tags, tiff
from .io.containers.made import jpeg as jpeg_of

ROOT = Path(__file__).parents[1]
RBQE = Path(__file__).parent / "inference" / "rbqe.safetensors"


@pytest.fixture
def enhancement(command: Command, tmp_path: Path) -> Command:
    """Runs the command in an empty folder."""
    return partial(command, main=enhance.main)


def jpeg(path: Path, size: tuple[int, int] = (40, 30), seed: int = 1) -> None:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path, "JPEG", quality=15)


def test_a_photo_alone_is_enough(enhancement: Command, tmp_path: Path) -> None:
    jpeg(tmp_path / "photo.jpg")
    before = (tmp_path / "photo.jpg").read_bytes()
    assert enhancement("photo.jpg") == (0, "photo-restored.png\n1 restored\n", "")
    assert (tmp_path / "photo.jpg").read_bytes() == before
    expected = np.asarray(biasgan.load()(tmp_path / "photo.jpg"))
    assert np.array_equal(read_photo(tmp_path / "photo-restored.png").colour, expected)
    assert not np.array_equal(expected, read_photo(tmp_path / "photo.jpg").colour)
    assert {path.name for path in tmp_path.iterdir()} == {"photo.jpg", "photo-restored.png"}


def test_what_is_there_stays_and_what_fails_is_named(enhancement: Command, tmp_path: Path) -> None:
    for name in ("in/a.jpg", "in/deep/b b.jpg"):
        jpeg(tmp_path / name)
    assert enhancement("in", "-o", "out", "--compare") == (0, "2 restored\n", "")
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("out/**/*.png")}
    assert files == {"out/a.png", "out/a-compare.png", "out/deep/b b.png", "out/deep/b b-compare.png"}
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    jpeg(tmp_path / "in/c.jpg", (200, 150))
    (tmp_path / "in/broken.jpg").write_bytes((tmp_path / "in/c.jpg").read_bytes()[:-500])
    status, out, err = enhancement("in", "-o", "out", "--compare")
    assert (status, err) == (1, "")
    assert re.fullmatch(r"1 restored, 2 already there, 1 failed: in/broken\.jpg cannot be read: .*truncated.*\n", out)
    assert all(path.stat().st_mtime_ns == when for path, when in written.items())
    status, out, err = enhancement("in", "none.jpg", "-o", "out2")
    assert status == 1
    lines = out.splitlines()
    assert lines[0] == "failed: none.jpg is not there."
    assert lines[1].startswith("failed: in/broken.jpg cannot be read")
    assert lines[2:] == ["3 restored, 2 failed"]
    assert enhancement("in/a.jpg", "-o", "out", "--overwrite") == (0, "out/a.png\n1 restored\n", "")
    assert (tmp_path / "out/a.png").stat().st_mtime_ns > written[tmp_path / "out/a.png"]


def test_results_of_earlier_commands_are_left_out(enhancement: Command, tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    assert enhancement(".", "--compare").out == "a-restored.png\na-compare.png\n1 restored\n"
    assert enhancement(".", "--compare").out == "0 restored, 1 already there, 2 results of earlier commands left out\n"


def test_formats_and_remarks(enhancement: Command, tmp_path: Path) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (9, 7), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    done = enhancement(".", "--format", "webp", "-o", "out")
    assert done.out.splitlines() == [
        "deep.png: 8 bits, since WEBP has no more here",
        "moving.gif: only the first of its frames",
        "2 restored",
    ]
    assert enhancement("deep.png", "-o", "named.tif") == (0, "named.tif\n1 restored\n", "")
    assert read_photo(tmp_path / "named.tif").is_deep
    Image.new("RGBA", (5, 4)).save(tmp_path / "clear.png")
    done = enhancement("clear.png", "-o", "clear.jpg")
    assert done.status == 1
    assert "1 failed: clear.jpg cannot be written: JPEG has no transparency" in done.out
    assert not (tmp_path / "clear.jpg").exists()


def test_one_picture_costs_no_other(enhancement: Command, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    garbage, turned = bytes(32), tags("<", 6, 3, b"and garbage")
    wrong = {258: [16] * 3, 262: [2], 277: [3], 282: (300, 0), 283: (0, 0), 296: [2]}
    files = {
        "a.jpg": jpeg_of(segment(0xE1, b"Exif\0\0" + garbage)),
        "b.jpg": jpeg_of(segment(0xE1, b"Exif\0\0" + turned)),
        "c.jpg": jpeg_of()[:-2],
        "d.png": png(chunk(b"zTXt", b"prompt\0\0" + zlib.compress(bytes(2**21))) * 40),
        "e.tif": tiff([bytes(range(240)) * 2], (8, 10), wrong),
        "f.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n",
        "g.jpg": jpeg_of(),
    }
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    for format in ("png", "jpeg", "tiff", "webp", "avif"):
        done = enhancement("in", "-o", format, "--format", format)
        assert (done.status, done.err) == (1, "")
        lines = done.out.splitlines()
        assert lines[:3] == [
            "in/a.jpg: its EXIF cannot be used and was left out",
            "in/b.jpg: its EXIF cannot be used and was left out",
            "in/c.jpg: its end marker is missing, and no pixel",
        ]
        assert lines[3].startswith("in/e.tif: its resolution is impossible and was left out")
        assert lines[4].startswith("6 restored, 1 failed: in/f.jpg is not an image that Pillow")
        assert len(lines) == 5
    assert read_photo(tmp_path / "png/b.png").colour.shape == (37, 24, 3)


def test_strength_and_realism(enhancement: Command, tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    before = read_photo(tmp_path / "a.jpg").colour
    assert enhancement("a.jpg", "--strength", "0", "-o", "same.png").status == 0
    assert np.array_equal(read_photo(tmp_path / "same.png").colour, before)
    for realism, model in (("0", "bundled-pixel"), ("1", "bundled")):
        options = ("--device", "cpu", "--precision", "32")
        assert enhancement("a.jpg", "--realism", realism, "-o", f"{realism}.png", *options).status == 0
        expected = biasgan.load(model, device="cpu", precision="32")(tmp_path / "a.jpg")
        assert np.array_equal(read_photo(tmp_path / f"{realism}.png").colour, np.asarray(expected))
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()


def test_huge_images_must_be_asked_for(enhancement: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    jpeg(tmp_path / "a.jpg")
    deep = {258: [16] * 3, 262: [2], 277: [3]}
    (tmp_path / "b.tif").write_bytes(tiff([bytes(6 * 1200)], (30, 40), deep))
    names = ["a.jpg", "b.tif"]
    if all(map(find_spec, bpg.NEEDED)):
        (tmp_path / "c.bpg").write_bytes(bpg.encode(np.zeros((30, 40, 3), np.uint8), 40))
        monkeypatch.setattr(bpg.BPG, "most_pixels", 1000)
        names.append("c.bpg")
    for name in names:
        done = enhancement(name)
        assert done.status == 1
        assert f"{name} is larger than Pillow's limit of 1000 pixels" in done.out
    for name in names:
        result = Path(name).with_suffix("").name + "-restored.png"
        assert enhancement(name, "--huge").out == f"{result}\n1 restored\n"
        # The command leaves the limit lifted.
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)


def test_other_models_serve(enhancement: Command, finished: Finished, tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    assert enhancement("a.jpg", "--model", str(finished.folder), "--tile", "64").out == "a-restored.png\n1 restored\n"
    expected = biasgan.load(finished.folder, tile=64)(tmp_path / "a.jpg")
    assert np.array_equal(read_photo(tmp_path / "a-restored.png").colour, np.asarray(expected))


def test_exits_are_reported(enhancement: Command, tmp_path: Path) -> None:
    for name in ("a", "b"):
        jpeg(tmp_path / f"{name}.jpg")
    done = enhancement(".", "--model", str(RBQE))
    assert done.status == 0
    *_, exits, last = done.out.splitlines()
    assert last == "2 restored"
    assert re.fullmatch(r"exits: \d at 1, .*; \d+% of the multiply-adds saved", exits)
    assert sum(map(int, re.findall(r"(\d) at", exits))) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "the following arguments are required: INPUT"),
        (["a.jpg", "--strenth", "1"], "unrecognized arguments: --strenth 1"),
        (["a.jpg", "--strength", "1.5"], "argument --strength: must be from 0 to 1; got 1.5"),
        (["a.jpg", "--strength", "nan"], "must be from 0 to 1; got nan"),
        (["a.jpg", "--strength", "much"], "argument --strength: invalid"),
        (["a.jpg", "--devices", "0"], "argument --devices: must be at least 1; got 0"),
        (["a.jpg", "--tile", "-3"], "argument --tile: must be at least 1; got -3"),
        (["a.jpg", "--format", "gif"], "argument --format: invalid choice: 'gif'"),
        (["a.jpg", "-o", "b.webp", "--format", "png"], "b.webp is webp, and --format says png; leave one of them out"),
        (["a.jpg", "-o", "b.gif"], "b.gif has no extension that can be written"),
        (["a.jpg", "-o", "a.jpg", "--overwrite"], "the result for a.jpg would replace a.jpg, an input"),
        (["a.jpg", "c.jpg", "-o", "b.png"], "b.png names one file"),
        (["a.jpg", "--model", "bundled-pixel", "--realism", "1"], "biasgan interpolate A B --weight 1"),
    ],
)
def test_wrong_commands_are_said_at_once(
    enhancement: Command, tmp_path: Path, options: list[str], message: str
) -> None:
    jpeg(tmp_path / "a.jpg")
    done = enhancement(*options)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"a.jpg"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "none"], "none: expected a run folder"),
        (["--model", "a.jpg"], "a.jpg is no readable checkpoint"),
        (["--device", "abacus"], "device=abacus cannot be used here"),
        (["--tile", "3"], "tile=3 is too small for overlap=10"),
    ],
)
def test_what_a_command_cannot_have_is_one_message(
    enhancement: Command, tmp_path: Path, options: list[str], message: str
) -> None:
    jpeg(tmp_path / "a.jpg")
    done = enhancement("a.jpg", *options)
    assert (done.status, done.out) == (1, "")
    assert f"error: {message}" in done.err
    assert done.err.count("\n") == 2


def test_help_is_quick_and_names_everything(enhancement: Command, tmp_path: Path) -> None:
    done = enhancement("--help")
    assert done.status == 0
    for option in ("INPUT", "--out", "--model", "--strength", "--realism", "--compare", "--device", "--overwrite"):
        assert option in done.out
    code = "import sys; from biasgan import enhance; sys.exit({'torch', 'lightning'} & set(sys.modules) != set())"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def start(console: Path, folder: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(console), "enhance", *options],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without it")
def test_two_processes_share_the_images(console: Path, enhancement: Command, tmp_path: Path) -> None:
    for number in range(5):
        jpeg(tmp_path / "in" / f"{number}.jpg", seed=number)
    (tmp_path / "in/2.jpg").write_text("no image")
    options = ("in", "--model", str(RBQE), "--device", "cpu", "--precision", "32")
    two = start(console, tmp_path, *options, "-o", "two", "--devices", "2")
    out, err = two.communicate(timeout=200)
    assert two.returncode == 1, err
    *_, exits, last = out.splitlines()
    # Each image was restored once, and all came together in the first process, which alone speaks.
    assert re.fullmatch(r"4 restored, 1 failed: in/2\.jpg is not an image .*", last)
    assert sum(map(int, re.findall(r"(\d) at", exits))) == 4
    assert out.count("\n") == 2
    assert enhancement(*options, "-o", "one").out.splitlines() == [exits, last]
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert sorted(files[0]) == ["0.png", "1.png", "3.png", "4.png"]
    assert files[0] == files[1]


def test_an_interrupt_keeps_what_was_done(console: Path, enhancement: Command, tmp_path: Path) -> None:
    for number in range(6):
        jpeg(tmp_path / "in" / f"{number}.jpg", (400, 300), number)
    process = start(console, tmp_path, "in", "-o", "out", "--precision", "32")
    while not list(tmp_path.glob("out/[!.]*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("\nstopped\n")
    assert "Traceback" not in err
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert 0 < len(made) < 6
    assert all(read_photo(path).colour.shape == (300, 400, 3) for path in made)
    again = enhancement("in", "-o", "out", "--tile", "400")
    assert again.out == f"{6 - len(made)} restored, {len(made)} already there\n"
    assert all(path.stat().st_mtime_ns == when for path, when in made.items())


def test_what_stands_around_pictures_is_told(enhancement: Command, tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.jfif")
    for name in (odd, "x" * 251 + ".jpg", "linked/b.JPE"):
        jpeg(tmp_path / "in" / name)
    (tmp_path / "in" / "again").symlink_to("linked")
    (tmp_path / "in" / "notes.txt").touch()
    (tmp_path / "in" / os.fsdecode(b"broken-\xff.png")).write_text("no image")
    done = enhancement("in")
    assert (done.status, done.err) == (1, "")
    assert done.out.startswith(
        "3 restored, 1 other file (.txt) left out, 1 link to folders that are taken already left out, "
        r"1 failed: in/broken-\udcff.png"
    )
    assert (tmp_path / "in" / os.fsdecode(b"caf\xe9-restored.png")).is_file()
    assert enhancement("in").out.startswith("0 restored, 3 already there, 3 results of earlier commands left out")


def test_results_that_cannot_be_written_are_said_before(enhancement: Command, tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg")
    (tmp_path / "file").touch()
    for out, why in (("file/deep", "file: it is no folder"), ("/proc/results", "/proc: No such file or directory")):
        done = enhancement("a.jpg", "-o", out)
        assert done == (1, "", f"\nerror: {out} cannot be written to: {done.err.split('to: ')[1]}")
        assert done.err.endswith(f"{why}.\n")
