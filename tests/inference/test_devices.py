import pytest
import torch

from biasgan.inference.devices import devices_of


def test_devices_are_as_many_as_there_are_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    cpu, gpu, second = (torch.device(name) for name in ("cpu", "cuda", "cuda:1"))
    assert [devices_of(gpu, None, images) for images in (1, 3, 9)] == [1, 3, 4]
    assert [devices_of(cpu, None, 9), devices_of(cpu, 2, 9), devices_of(gpu, 2, 9)] == [1, 2, 2]
    assert [devices_of(second, None, 9), devices_of(second, 1, 9)] == [[1], [1]]
    with pytest.raises(ValueError, match=r"devices=5: expected from 1 to 4"):
        devices_of(gpu, 5, 9)
    with pytest.raises(ValueError, match=r"device=cuda:1 is a single one; leave its number out to take 2"):
        devices_of(second, 2, 9)
