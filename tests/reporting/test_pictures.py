import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from biasgan.reporting import pictures
from biasgan.reporting.groups import Images, by_images, grouped
from biasgan.reporting.pictures import data_uri, pictures_of, place_of_most
from biasgan.reporting.search import find_evaluations

from .made import make_evaluation, make_sweep


def images_in(folder: Path) -> list[Images]:
    evaluations = find_evaluations([str(folder)]).evaluations
    return by_images(grouped(evaluations), evaluations)


def opened(uri: str) -> np.ndarray:
    head, _, data = uri.partition(",")
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_all_versions_of_an_image_are_together(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("vanilla", "full"), seeds=(1, 0), pictures=2, side=64)
    ((some,), left_out) = [*pictures_of(images_in(tmp_path))[0].values()], pictures_of(images_in(tmp_path))[1]
    assert left_out == []
    assert [picture.name for picture in some] == ["astronaut", "coffee"]
    versions = some[0].versions
    assert list(versions) == ["original", "compressed", "Real-ESRGAN, vanilla", "Real-ESRGAN, full"]
    assert some[0].size == (64, 64)
    file = tmp_path / "realesrgan-full-37-0" / "pictures" / "astronaut-restored.png"
    difference = opened(versions["Real-ESRGAN, full"]).astype(int) - np.asarray(Image.open(file))
    assert np.abs(difference).mean() < 4


def test_the_crop_is_where_the_damage_is() -> None:
    damage = np.zeros((100, 120))
    damage[60:70, 90:100] = 1
    top, left = place_of_most(damage, 32)
    assert damage[top : top + 32, left : left + 32].sum() == damage.sum()
    assert place_of_most(damage, 500) == (0, 0)
    assert place_of_most(np.ones((8, 8)), 8) == (0, 0)


def test_a_picture_takes_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    large = len(data_uri(noise, 10**9))
    assert len(data_uri(noise, large)) == large
    assert len(data_uri(noise, large * 2 // 3)) <= large * 2 // 3
    make_sweep(tmp_path, pictures=4, side=200)
    monkeypatch.setattr(pictures, "CHARACTERS", 60_000)
    found, _ = pictures_of(images_in(tmp_path))
    total = sum(len(uri) for some in found.values() for picture in some for uri in picture.versions.values())
    assert 20_000 < total <= 60_000


def test_what_cannot_be_shown_is_named(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "a", pictures=2, side=64)
    Image.new("RGB", (9, 9)).save(tmp_path / "a" / "pictures" / "astronaut-restored.png")
    (tmp_path / "a" / "pictures" / "coffee-compressed.png").write_bytes(b"none")
    found, left_out = pictures_of(images_in(tmp_path))
    assert found == {}
    assert len(left_out) == 2
    assert left_out[0].endswith("astronaut-restored.png has 9 x 9 pixels, its original 64 x 64.")
    assert "coffee-compressed.png is not an image" in left_out[1]


def test_no_file_outside_of_an_evaluation_is_shown(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "a", pictures=1, side=64)
    file = tmp_path / "a" / "evaluation.json"
    content = json.loads(file.read_text())
    secret = tmp_path / "secret.png"
    Image.new("RGB", (64, 64)).save(secret)
    for path in ("../secret.png", str(secret)):
        given = {**content["pictures"][0], "original": path}
        file.write_text(json.dumps(content | {"pictures": [given]}))
        assert pictures_of(images_in(tmp_path)) == ({}, [])
    file.write_text(json.dumps(content))
    assert len(pictures_of(images_in(tmp_path))[0]) == 1
