import json
from pathlib import Path

import pytest
import torch

from biasgan.exporting.model_card import card_beside, model_card, number, read_summary, sizes_of, table, write_with_card
from biasgan.io.files import PARTIAL
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.rrdbnet import RRDBNet


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    card = model_card("it.pth", b"content", SRVGGNetCompact(4, 1), {}, {}, sizes="any", loading="open('{name}')")
    for row in ("baseline", "method", "data", "codec", "codec's identity", "quality", "iterations", "seed"):
        assert f"| {row} | unknown |" in card
    assert card.startswith("# SRVGGNetCompact that restores images\n")
    assert "They are unknown" in card
    assert "open('it.pth')" in card
    assert "| licence | not stated." in card
    assert "Mixture" not in card
    assert "None" not in card


def test_a_training_without_a_discriminator_has_no_realism() -> None:
    summary = {"compressed": {"psnr": 30.0}, "restored": {"psnr": 31.0}, "realism": {}, "deviation": 0.0}
    card = model_card("it", b"", SRVGGNetCompact(4, 1), {}, summary, sizes="any", loading="")
    assert "| PSNR, dB | 30.0000 | 31.0000 |" in card
    assert "| SSIM | unknown | unknown |" in card
    assert "| deviation (eq. 1), % | 0.0000 |" in card
    assert "realism" not in card


def test_the_codec_and_its_quality_are_in_the_title() -> None:
    config = {"chosen": {"codec": "bpg"}, "quality": 37}
    card = model_card("it", b"", SRVGGNetCompact(4, 1), config, {}, sizes="any", loading="")
    assert card.startswith("# SRVGGNetCompact that restores images compressed with bpg of quality 37\n")


def test_tables_hold_any_text() -> None:
    assert table(("a", "b"), [("x|y", None), ("two\nlines", 0)]) == (
        "| a | b |\n| --- | --- |\n| x\\|y | unknown |\n| two lines | 0 |"
    )
    assert (number(0.0), number(None)) == ("0.0000", "unknown")


def test_sizes_in_words() -> None:
    assert sizes_of(SRVGGNetCompact(4, 1)) == "any"
    assert sizes_of(RRDBNet(4, 1, 4)) == "multiples of 4 from 4 on; the code below extends others"


def test_only_the_generator_that_a_run_left_has_its_summary(tmp_path: Path) -> None:
    assert read_summary(tmp_path / "generator.safetensors") == {}
    (tmp_path / "summary.json").write_text(json.dumps({"quality": 20}))
    assert read_summary(tmp_path / "generator.safetensors") == {"quality": 20}
    assert read_summary(tmp_path / "mixed-0.5.safetensors") == {}
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(ValueError, match=r"summary\.json is no readable summary"):
        read_summary(tmp_path / "generator.safetensors")


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    """A folder in its place stops it, after the card."""
    file = tmp_path / "made" / "it.pth"
    write_with_card(file, b"content", "card")
    assert (file.read_bytes(), card_beside(file).read_text()) == (b"content", "card")
    taken = tmp_path / "made" / "taken"
    taken.mkdir()
    (taken / "mine").touch()
    with pytest.raises(OSError):  # noqa: PT011 - another text on each system
        write_with_card(taken, b"content", "card")
    assert (taken / "mine").exists()
    assert not list(tmp_path.rglob(f"{PARTIAL}*"))


def test_versions_are_named() -> None:
    card = model_card("it", b"", SRVGGNetCompact(4, 1), {}, {}, sizes="any", loading="")
    assert torch.__version__ in card
