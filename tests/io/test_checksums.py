from pathlib import Path

import pytest
import torch

from biasgan.io.checksums import damage_of
from biasgan.runs.weights import CheckpointError, read_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "last.ckpt"
    torch.save({"global_step": 3, "weights": torch.arange(3000.0)}, path)
    return path


def test_a_whole_checkpoint_has_no_damage(checkpoint: Path) -> None:
    assert damage_of(checkpoint) is None
    assert torch.equal(read_checkpoint(checkpoint)["weights"], torch.arange(3000.0))


def test_a_flipped_bit_is_noticed_wherever_it_matters(checkpoint: Path) -> None:
    """What is read is what was written, or nothing is."""
    whole = checkpoint.read_bytes()
    noticed = 0
    for place in range(0, len(whole), 97):
        damaged = checkpoint.with_name(f"{place}.ckpt")
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            content = read_checkpoint(damaged)
        except CheckpointError:
            noticed += 1
            continue
        assert content["global_step"] == 3
        assert torch.equal(content["weights"], torch.arange(3000.0))
    assert noticed >= 12000 // 97


@pytest.mark.parametrize("share", [0, 0.2, 0.9, 0.99])
def test_a_checkpoint_that_was_cut_off_is_noticed(checkpoint: Path, share: float) -> None:
    whole = checkpoint.read_bytes()
    for content in (whole[: int(share * len(whole))], whole[: int(share * len(whole))].ljust(len(whole), b"\0")):
        checkpoint.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"last\.ckpt is no readable checkpoint"):
            read_checkpoint(checkpoint)


def test_a_file_is_looked_at_again_when_it_has_changed(checkpoint: Path) -> None:
    assert damage_of(checkpoint) is None
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    assert "differs from its checksum" in (damage_of(checkpoint) or "")
