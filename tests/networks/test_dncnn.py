from torch import nn

from biasgan.networks.dncnn import DnCNN


def test_batch_norm_as_in_powerqe() -> None:
    norms = [layer for layer in DnCNN(batch_norm=True).modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 15
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-4, 0.9)}
