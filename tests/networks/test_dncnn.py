import pytest
import torch
from spandrel import ModelLoader
from torch import Tensor, nn

from biasgan.networks.dcad import DCAD
from biasgan.networks.dncnn import DnCNN


def for_spandrel(network: nn.Module) -> dict[str, Tensor]:
    """Its DnCNN subtracts what it predicts, and all its convolutions have a bias."""
    state = {name.replace("layers", "model"): tensor.clone() for name, tensor in network.state_dict().items()}
    convolutions = [name for name, tensor in state.items() if tensor.ndim == 4]
    for name in convolutions:
        bias = name.replace("weight", "bias")
        state.setdefault(bias, torch.zeros(len(state[name])))
    for name in (convolutions[-1], convolutions[-1].replace("weight", "bias")):
        state[name].neg_()
    return state


@pytest.mark.parametrize(
    "network",
    [DnCNN(), DnCNN(channels=8, convolutions=6), DnCNN(batch_norm=True), DCAD()],
    ids=["published", "small", "batch norm", "DCAD"],
)
@torch.no_grad()
def test_spandrel_gives_the_same(network: nn.Module) -> None:
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                assert tensor is not None
                tensor.uniform_(0.5, 1.5)
    network.eval()
    loaded = ModelLoader(device="cpu").load_from_state_dict(for_spandrel(network))
    assert loaded.architecture.id == "DnCNN"
    image = torch.rand(1, 3, 13, 18)
    restored = network(image)
    assert (restored - image).abs().max() > 0.1
    torch.testing.assert_close(restored, loaded.model.eval()(image))


def test_batch_norm_as_in_powerqe() -> None:
    norms = [layer for layer in DnCNN(batch_norm=True).modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 15
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-4, 0.9)}
