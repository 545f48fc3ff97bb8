import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from biasgan.cli.config import CONF
from biasgan.codecs.jpeg import JPEG
from biasgan.io.images import read_image, write_png

from .conftest import Command, tiny

ROOT = Path(__file__).parents[1]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A dozen images that take a while."""
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(5)
    for number in range(12):
        coarse = rng.integers(0, 256, (130, 100, 3), dtype=np.uint8)
        write_png(tmp_path / "photos" / f"{number:02}.png", coarse.repeat(6, axis=0).repeat(8, axis=1))
    return tmp_path / "photos"


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_preparation_tells_what_it_made(preparation: Command, pictures: Path, tmp_path: Path) -> None:
    done = preparation("data=folder", f"data.root={pictures}", "data.valid_every=2", "qf=30")
    assert done.status == 0
    assert re.search(r"jpeg 30 .* 6/6 .* images/s 0:00:00", done.err)
    original = [read_image(pictures / f"{number}.png") for number in range(6)]
    coded = [JPEG().encode(image, 30) for image in original]
    psnr = [peak_signal_noise_ratio(one, other.image) for one, other in zip(original, coded, strict=True)]
    rows = dict(re.findall(r"│ (.*?) *│ (.*?) *│", done.out))
    assert rows["images"] == "6: 3 to train, 3 to validate"
    assert rows["bits per pixel"] == f"{np.mean([8 * len(one.data) / (56 * 48) for one in coded]):.3f}"
    assert rows["PSNR, RGB"] == f"{np.mean(psnr):.2f} dB"
    assert rows["megapixels"] == f"{6 * 56 * 48 / 1e6:.1f}"
    (folder,) = (tmp_path / "cache" / "pairs").glob("jpeg-*/30")
    own, originals = (sum(f.stat().st_size for f in d.iterdir()) for d in (folder, tmp_path / "cache/pairs/originals"))
    assert rows["on disk"] == f"{own / 1000:.1f} kB, and originals {originals / 1000:.1f} kB"
    assert rows["codec"].startswith("jpeg, ")
    assert "subsampling 4:2:0" in done.out
    assert str(folder) in done.out
    assert {path.name for path in tmp_path.iterdir()} == {"cache"}


def test_an_empty_variable_is_no_place_for_pairs(
    preparation: Command, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIASGAN_CACHE", "")
    monkeypatch.setenv("HOME", str(tmp_path / "[home]"))
    done = preparation("data=folder", f"data.root={pictures}")
    assert done.status == 0
    assert f"{tmp_path}/[home]/.cache/biasgan/pairs/jpeg-" in done.out


def test_a_second_preparation_changes_nothing(preparation: Command, tmp_path: Path) -> None:
    first = preparation()
    before = files(tmp_path)
    second = preparation()
    told = "5 images to train with, 2 for validation: photographs of scikit-image.\n"
    assert second == (0, first.out, told)
    assert first.err.startswith(told)
    assert files(tmp_path) == before


def test_a_preparation_says_how_it_divides_and_what_is_too_small(preparation: Command, tmp_path: Path) -> None:
    for name, size in (("DIV2K_train_HR/1", 48), ("DIV2K_valid_HR/801", 40), ("DIV2K_valid_HR/802", 12)):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (size, size), (size, 0, 0)).save(tmp_path / "set" / f"{name}.png")
    done = preparation("data=folder", "data.root=set")
    assert done.status == 1
    assert done.err.startswith(
        f"1 image to train with, 2 for validation: by folders: {tmp_path}/set/DIV2K_train_HR to train with, "
        f"{tmp_path}/set/DIV2K_valid_HR for validation.\n"
    )
    assert "802.png has 12 x 12 pixels, less than the 16 that psnr_b needs.\n" in done.err
    assert preparation("data=folder", "data.root=set", "pairs.bad_images=skip").status == 0


def test_several_qualities_share_originals(preparation: Command, pictures: Path, tmp_path: Path) -> None:
    done = preparation("-m", "data=folder", f"data.root={pictures}", "qf=10,20-40,30")
    assert done.status == 0
    assert [title in done.out for title in ("jpeg 10", "jpeg 20-40", "jpeg 30")] == [True] * 3
    assert len(list((tmp_path / "cache/pairs/originals").iterdir())) == 6
    for quality in (10, 30):
        assert len(list((tmp_path / "cache/pairs").glob(f"jpeg-*/{quality}/*.npy"))) >= 6
    assert {path.name for path in tmp_path.iterdir()} == {"cache"}


def test_a_training_takes_the_prepared_pairs(
    command: Command, preparation: Command, pictures: Path, tmp_path: Path
) -> None:
    assert preparation("data=folder", "data.valid_every=2", f"data.root={pictures}").status == 0
    before = files(tmp_path / "cache")
    assert command(*tiny(pictures, "iterations=1", "pretrain_iterations=0")).status == 0
    assert files(tmp_path / "cache") == before


def test_a_check_is_one_line_or_names_the_damage(preparation: Command, pictures: Path, tmp_path: Path) -> None:
    options = ("data=folder", f"data.root={pictures}", "check=true")
    unmade = preparation(*options)
    assert unmade.status == 1
    assert unmade.out.count(" has no pair yet.\n") == 6
    assert unmade.out.endswith("\n6 problems.\n")
    assert not (tmp_path / "cache").exists()
    assert preparation(*options[:2]).status == 0
    assert preparation(*options) == (0, "All pairs are as they should be.\n", "")
    damaged = sorted((tmp_path / "cache/pairs").glob("jpeg-*/20/*.jpg"))[0]
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 16
    damaged.write_bytes(data)
    before = files(tmp_path)
    done = preparation(*options)
    assert (done.status, done.err) == (1, "")
    assert re.fullmatch(rf".*\.png: {damaged} is not as it was written: its hash differs\.\n1 problem\.\n", done.out)
    assert files(tmp_path) == before
    assert str(damaged) in preparation(*options[:2]).err
    assert preparation(*options).status == 0


def test_given_pairs_are_prepared_and_checked(preparation: Command, pictures: Path, tmp_path: Path) -> None:
    compressed = tmp_path / "compressed"
    compressed.mkdir()
    for file in pictures.iterdir():
        Image.open(file).save(compressed / f"{file.stem}.webp", quality=30)
    options = ("data=pairs", f"original={pictures}", "compressed=compressed")
    done = preparation(*options)
    assert done.status == 0
    assert "6: 5 to train, 1 to validate" in done.out
    assert re.search("codec +│ given", done.out)
    assert preparation(*options, "check=true").status == 0
    (compressed / "2.webp").rename(compressed / "7.webp")
    done = preparation(*options, "check=true")
    assert done.status == 1
    assert done.out == (
        f"{pictures}/2.png has no partner: no compressed image is called 2.\n"
        f"{compressed}/7.webp has no partner: no original image is called 7.\n2 problems.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("qf=0", r"from 1 to 100 .* got 0\. Set qf=20"),
        ("qf=50-10", r"LOW-HIGH; got 50-10\. Set qf=10-50"),
        ("qf=0-50", "'0-50' is no range of qualities, such as 10-50: jpeg quality"),
        ("qf=a-b", "'a-b' is no range of qualities"),
        ("data=folder", "data.root has no value; add data.root=VALUE"),
        ("data=pairs", "original has no value; add original=VALUE"),
        ("data=pairs original=missing compressed=missing", "missing is not a folder"),
        ("codec=none", "codec=none is for data=pairs"),
        ("codec=gif", "Could not find 'codec/gif'"),
        ("iterations=5", "Could not override 'iterations'"),
        ("check=maybe", "check must be true or false; got 'maybe'"),
        ("to=gs://bucket/set", "neither a folder nor s3://bucket/prefix"),
        ("pairs.workers=-1", "workers must be at least 0; got -1"),
        ("pairs.store=file/pairs", "Not a directory"),
    ],
)
def test_wrong_options_end_in_one_message(preparation: Command, tmp_path: Path, arguments: str, message: str) -> None:
    (tmp_path / "file").touch()
    once = any(option in arguments for option in ("store=", "check=", "to="))
    for more in ((),) if once else ((), ("check=true",)):
        done = preparation(*arguments.split(), *more)
        assert done.status == 1
        assert re.search(message, done.err), done.err
        assert done.err.count("error:") == 1
        assert "Traceback" not in done.err
        assert {path.name for path in tmp_path.iterdir()} == {"file"}


def test_help_lists_the_choices(preparation: Command, tmp_path: Path) -> None:
    done = preparation("--help")
    assert done.status == 0
    for group in ("codec", "data", "pairs"):
        assert f"{group}: {', '.join(sorted(file.stem for file in (CONF / group).glob('*.yaml')))}" in done.out
    assert not list(tmp_path.iterdir())


def start(photos: Path, cache: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "biasgan.prepare", "data=folder", f"data.root={photos}", *options],
        cwd=photos.parent, env={**os.environ, "BIASGAN_CACHE": str(cache), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def records(cache: Path) -> int:
    return len(list(cache.glob("pairs/jpeg-*/20/[!.]*.json")))


def wait_for_more(cache: Path, before: int, process: "subprocess.Popen[str]") -> None:
    """Until there is one pair more, or the process has ended."""
    while records(cache) <= before and process.poll() is None:
        time.sleep(0.002)


def finish(photos: Path, cache: Path, *options: str) -> str:
    process = start(photos, cache, *options)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def test_any_moment_is_safe_to_be_killed_at(photos: Path, tmp_path: Path) -> None:
    alone, cache = tmp_path / "alone", tmp_path / "cache"
    table = finish(photos, alone, "pairs.workers=1")
    for _ in range(4):
        before = records(cache)
        process = start(photos, cache, "pairs.workers=1")
        wait_for_more(cache, before, process)
        time.sleep(random.uniform(0, 0.05))
        process.kill()
        process.communicate()
        assert records(cache) >= before
        check = start(photos, cache, "check=true")
        out, _ = check.communicate(timeout=120)
        # What is there is whole.
        assert out.count("has no pair yet") == 12 - records(cache)
        assert "hash" not in out
    left = list(cache.rglob(".partial-*"))
    for file in left:
        os.utime(file, (0, 0))
    assert finish(photos, cache).splitlines()[:-1] == table.splitlines()[:-1]
    assert files(cache) == files(alone)


def test_two_at_once_do_not_harm_each_other(photos: Path, tmp_path: Path) -> None:
    alone, cache = tmp_path / "alone", tmp_path / "cache"
    finish(photos, alone)
    processes = [start(photos, cache) for _ in range(2)]
    for process in processes:
        assert process.communicate(timeout=120)[1].count("error") == 0
        assert process.returncode == 0
    assert files(cache) == files(alone)


def test_of_two_at_once_one_makes_the_pairs(photos: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    finish(photos, cache)
    (lock,) = (cache / "pairs").glob(".jpeg-*-20.lock")
    shutil.rmtree(next((cache / "pairs").glob("jpeg-*")))
    with FileLock(lock):
        processes = [start(photos, cache, "pairs.workers=0") for _ in range(2)]
        for process in processes:
            assert process.stderr
            assert process.stderr.readline().startswith("11 images to train with, 1 for validation")
            assert process.stderr.readline() == f"Another process holds {lock}; waiting for it.\n"
        assert records(cache) == 0
    written: dict[Path, set[int]] = {}
    while any(process.poll() is None for process in processes):
        for path in cache.glob("pairs/jpeg-*/20/[!.]*"):
            written.setdefault(path, set()).add(path.stat().st_ino)
        time.sleep(0.001)
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    assert len(written) == 36
    assert all(len(inodes) == 1 for inodes in written.values())


def test_of_several_sets_the_others_are_made_if_one_fails(preparation: Command, pictures: Path, tmp_path: Path) -> None:
    done = preparation("-m", "data=folder", f"data.root={pictures}", "qf=200,20")
    assert done.status == 1
    assert "got 200" in done.err
    assert done.err.endswith(f"\n1 failed:\ndata=folder data.root={pictures} qf=200\n")
    assert "jpeg 20" in done.out
    assert len(list((tmp_path / "cache/pairs").glob("jpeg-*/20/*.json"))) == 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_one_line_and_loses_nothing(photos: Path, tmp_path: Path, number: int) -> None:
    cache = tmp_path / "cache"
    process = start(photos, cache, "pairs.workers=1")
    wait_for_more(cache, 0, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.endswith("\nstopped\n")
    assert "Traceback" not in err
    made = {path: path.stat().st_ino for path in cache.glob("pairs/jpeg-*/20/*.json")}
    assert 0 < len(made) < 12
    finish(photos, cache)
    assert records(cache) == 12
    assert all(path.stat().st_ino == inode for path, inode in made.items())


def test_a_preparation_imports_no_deep_learning(photos: Path, tmp_path: Path) -> None:
    code = "import json, sys; from biasgan.prepare import main; main(); print(json.dumps(sorted(sys.modules)))"
    for option in ("qf=20", "check=true"):
        done = subprocess.run(
            [sys.executable, "-c", code, "data=folder", f"data.root={photos}", option],
            cwd=ROOT, env={**os.environ, "BIASGAN_CACHE": str(tmp_path / "cache")},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        modules = json.loads(done.stdout.splitlines()[-1])
        assert "biasgan.data.pairs.coded" in modules
        assert not {"torch", "lightning", "torchmetrics", "kornia", "matplotlib", "wandb"} & set(modules)


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    status = Path("/proc/self/status")
    if not status.is_file():
        pytest.skip("needs Linux")
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(5)
    for number in range(24):
        coarse = rng.integers(0, 256, (150, 210, 3), dtype=np.uint8)
        write_png(tmp_path / "photos" / f"{number:02}.png", coarse.repeat(8, axis=0).repeat(8, axis=1))
    code = "from biasgan.prepare import main; main(); print(open('/proc/self/status').read())"
    done = subprocess.run(
        [sys.executable, "-c", code, "data=folder", f"data.root={tmp_path / 'photos'}", "pairs.workers=2"],
        cwd=ROOT, env={**os.environ, "BIASGAN_CACHE": str(tmp_path / "cache")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (most,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stdout)
    # The pixels of all, before and after compression, are 290 MB.
    assert int(most) < 220_000
