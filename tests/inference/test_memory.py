import gc
from pathlib import Path

import pytest
import torch
from torch import nn

from biasgan.inference import memory
from biasgan.inference.memory import LiveBytes, bytes_per_pixel, free_memory, is_out_of_memory
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.rrdbnet import RRDBNet

CPU = torch.device("cpu")


def test_bytes_per_pixel_of_a_plain_stack() -> None:
    """The input and the output of a layer are there at once, and the image's three channels beside them."""
    for channels in (8, 64):
        network = SRVGGNetCompact(channels=channels, convolutions=3).eval()
        assert bytes_per_pixel(network, CPU) == pytest.approx(2 * channels * 4, abs=2 * 12)


def test_wider_networks_take_more_and_deeper_ones_do_not() -> None:
    narrow, wide, deep = (bytes_per_pixel(RRDBNet(*size).eval(), CPU) for size in ((8, 1, 4), (32, 1, 16), (8, 3, 4)))
    assert wide > 3 * narrow
    assert deep == pytest.approx(narrow, rel=0.1)


def test_live_bytes_are_counted_once_and_forgotten() -> None:
    with LiveBytes() as live:
        one = torch.ones(256)
        same = one.view(16, 16)
        two = torch.ones(256)
        assert live.peak == 2048
        del one, two
        gc.collect()
        three = torch.ones(256)
        assert live.peak == 2048
    assert same.shape == (16, 16)
    assert three.numel() == 256


def test_free_memory_is_what_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  8000 kB\nMemAvailable:   3000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CONTROL_GROUP", tmp_path)
    assert free_memory(CPU) == 3000 * 1024
    (tmp_path / "memory.current").write_text("1000\n")
    for limit, free in (("max", 3000 * 1024), ("6000", 5000), ("400", 0)):
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        assert free_memory(CPU) == free
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    (tmp_path / "memory.max").unlink()
    assert free_memory(CPU) > 2**28


def test_which_errors_are_of_memory() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**60)
    assert is_out_of_memory(error.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"))
    with pytest.raises(RuntimeError) as error:
        nn.Conv2d(3, 3, 3)(torch.rand(1, 4, 8, 8))
    assert not is_out_of_memory(error.value)
    assert not is_out_of_memory(ValueError("out of memory"))
