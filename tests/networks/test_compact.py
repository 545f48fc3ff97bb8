import pytest
import torch
from spandrel import ModelLoader

from biasgan.networks.compact import SRVGGNetCompact


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(("channels", "convolutions"), [(64, 32), (64, 16), (16, 3)])
@torch.no_grad()
def test_spandrel_loads_it_and_gives_the_same_bits(channels: int, convolutions: int, wrapped: bool) -> None:
    torch.manual_seed(0)
    network = SRVGGNetCompact(channels, convolutions).eval()
    for parameter in network.parameters():
        parameter.add_(0.01 * torch.randn_like(parameter))
    state = network.state_dict()
    loaded = ModelLoader(device="cpu").load_from_state_dict({"params_ema": state} if wrapped else state)
    assert loaded.architecture.id == "Compact"
    assert loaded.scale == 1
    image = torch.rand(1, 3, 13, 18)
    assert torch.equal(network(image), loaded.model.eval()(image))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_identity_at_the_start_and_still_able_to_learn(dtype: torch.dtype) -> None:
    network = SRVGGNetCompact(8, 2, start_as_identity=True)
    image = torch.rand(1, 3, 9, 7)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        restored = network(image)
    assert torch.equal(restored, image)
    restored.sum().backward()
    gradient = network.get_parameter("body.6.weight").grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_no_identity_unless_asked() -> None:
    image = torch.rand(1, 3, 9, 7)
    assert not torch.equal(SRVGGNetCompact(8, 2)(image), image)
