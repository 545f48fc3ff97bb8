from pathlib import Path
from typing import Any

import pytest

from biasgan.codecs.jpeg import JPEG
from biasgan.data.coded import CodedPairs
from biasgan.data.sets import ImageSet
from tests.data.conftest import MakeImages


@pytest.fixture
def images(make_images: MakeImages) -> ImageSet:
    files = make_images(7)
    return ImageSet(files[:5], files[5:])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("workers", -1, "workers must be at least 0; got -1"),
        ("quality", 0, r"jpeg quality must be .* got 0\. Set qf=20"),
        ("bad_images", "keep", "bad_images must be stop or skip; got keep"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, images: ImageSet, option: str, value: object, message: str) -> None:
    options: dict[str, Any] = {"quality": 20, option: value}
    with pytest.raises(ValueError, match=message):
        CodedPairs(images, JPEG(), store=tmp_path, **options)


def test_an_interrupt_while_compressing_ends_it(
    tmp_path: Path, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = CodedPairs(images, JPEG(), 20, tmp_path / "store", workers=0)

    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pairs.store, "add", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pairs.open(32, tell=True)
    monkeypatch.undo()
    assert len(pairs.open(32, tell=False).train) == 5
