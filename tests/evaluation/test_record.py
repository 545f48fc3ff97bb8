import math
from pathlib import Path

import pytest
import torch

from biasgan.evaluation.record import Record

RECORD = Record(
    {"metric/psnr": torch.tensor([30.25, math.inf]), "scores": torch.rand(4, 3), "seconds": torch.tensor(math.nan)},
    {"of": "größe", "device": ""},
)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    RECORD.write(tmp_path / "one.safetensors")
    read = Record.read(tmp_path / "one.safetensors")
    assert read
    assert read.note == RECORD.note
    assert read.values.keys() == RECORD.values.keys()
    for name, value in RECORD.values.items():
        torch.testing.assert_close(read.values[name], value, rtol=0, atol=0, equal_nan=True)
    assert [file.name for file in tmp_path.iterdir()] == ["one.safetensors"]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_what_is_missing_or_cut_off_is_none(tmp_path: Path, share: float) -> None:
    path = tmp_path / "one.safetensors"
    assert Record.read(path) is None
    RECORD.write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert Record.read(path) is None
