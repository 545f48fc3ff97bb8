from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from biasgan.data.pairs.entry import names_of
from biasgan.data.pairs.store import StoredEntry
from biasgan.evaluation.subject import CompressedImages, Network, RestoredImages
from biasgan.io.images import ImageError, read_image, write_png

CPU = torch.device("cpu")
PIXELS = np.random.default_rng(6).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def entry(name: str, place: str = "") -> StoredEntry:
    nowhere = Path("nowhere")
    return StoredEntry(name, 30, 20, 80, None, nowhere, nowhere, None, nowhere, "", "", place=place)


class Inverse:
    """Restores by inverting, and counts."""

    precision = "32"

    def __init__(self) -> None:
        self.images = 0

    def restore(self, image: Tensor) -> Tensor:
        self.images += 1
        return 1 - image


def make_network(folder: Path, restorer: Inverse, digest: str = "abc") -> Network:
    subject = Network("weights", "some", "some.pth", digest, nn.Identity(), lambda *_: restorer, folder)
    subject.start({"one": entry("one")}, CPU)
    return subject


def test_compressed_images_are_not_restored() -> None:
    restored = CompressedImages().restored("one", PIXELS)
    assert np.array_equal(restored.pixels, PIXELS)
    assert restored.seconds is None


def test_a_network_restores_an_image_once(tmp_path: Path) -> None:
    restorer = Inverse()
    first = make_network(tmp_path / "restored", restorer).restored("one", PIXELS)
    assert np.array_equal(first.pixels, 255 - PIXELS)
    assert np.array_equal(read_image(tmp_path / "restored" / "one.png"), 255 - PIXELS)
    assert first.seconds
    assert first.seconds > 0
    second = make_network(tmp_path / "restored", restorer).restored("one", PIXELS)
    assert np.array_equal(second.pixels, first.pixels)
    assert second[1:] == first[1:]
    assert restorer.images == 1


def test_other_weights_pixels_or_precision_are_restored_anew(tmp_path: Path) -> None:
    restorer = Inverse()
    make_network(tmp_path, restorer).restored("one", PIXELS)
    other = PIXELS.copy()
    other[0, 0, 0] ^= 1
    assert np.array_equal(make_network(tmp_path, restorer).restored("one", other).pixels, 255 - other)
    assert restorer.images == 2
    make_network(tmp_path, restorer, "abd").restored("one", other)
    assert restorer.images == 3
    restorer.precision = "bf16"
    make_network(tmp_path, restorer, "abd").restored("one", other)
    assert restorer.images == 4


def test_restored_images_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    write_png(tmp_path / "some" / "one.bmp.png", PIXELS)
    write_png(tmp_path / "one.png", 255 - PIXELS)
    subject = RestoredImages(tmp_path)
    subject.start({name: entry(name) for name in ("one", "one.bmp")}, CPU)
    assert np.array_equal(subject.restored("one", PIXELS).pixels, 255 - PIXELS)
    assert np.array_equal(subject.restored("one.bmp", PIXELS).pixels, PIXELS)
    assert subject.name == tmp_path.name


def test_restored_images_that_do_not_fit_are_named(tmp_path: Path) -> None:
    write_png(tmp_path / "one.png", PIXELS)
    subject = RestoredImages(tmp_path)
    with pytest.raises(ImageError, match=r"lacks 6 of 7 images: 0, 1, 2, 3, 4 …\. Expected files of these names"):
        subject.start({name: entry(name) for name in (*"012345", "one")}, CPU)
    subject.start({"one": entry("one")}, CPU)
    with pytest.raises(ImageError, match=r"one\.png has 30 x 20 pixels, but the compressed image one has 20 x 30"):
        subject.restored("one", PIXELS.transpose(1, 0, 2))
    write_png(tmp_path / "one.bmp", PIXELS)
    with pytest.raises(ImageError, match=r"one\.bmp and .*one\.png have the same name"):
        RestoredImages(tmp_path).start({"one": entry("one")}, CPU)
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        RestoredImages(Path("nowhere"))


def chosen(folder: Path, *entries: StoredEntry) -> list[str]:
    subject = RestoredImages(folder)
    subject.start(dict(zip(names_of(entries), entries, strict=True)), CPU)
    return [path.relative_to(folder).as_posix() for path in subject.chosen.values()]


def test_equal_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    day, night = entry("1", "day/1"), entry("1", "night/1")
    for name in ("day/1.png", "night/1.png", "elsewhere/1.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert chosen(tmp_path, day, night) == ["day/1.png", "night/1.png"]
    assert chosen(tmp_path, night) == ["night/1.png"]
    (tmp_path / "night" / "1.png").rename(tmp_path / "night-1.png")
    assert chosen(tmp_path, day, night) == ["day/1.png", "night-1.png"]
    (tmp_path / "night-1.png").unlink()
    with pytest.raises(ImageError, match="lacks 1 of 2 images: night-1"):
        chosen(tmp_path, day, night)


def test_names_that_enhance_gives_are_found(tmp_path: Path) -> None:
    for name in ("a-jpg.png", "a-png.png", "b.png", "b-restored.png", "b-compare.png"):
        (tmp_path / name).touch()
    assert chosen(tmp_path, entry("a", "a-jpg"), entry("a", "a-png"), entry("b", "b")) == [
        *("a-jpg.png", "a-png.png", "b-restored.png"),
    ]  # fmt: skip
    # An image of the set may be called so itself.
    assert chosen(tmp_path, entry("b", "b"), entry("b-restored", "b-restored")) == ["b.png", "b-restored.png"]
