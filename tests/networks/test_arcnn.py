import torch
from torch.nn import functional

from biasgan.networks.arcnn import ARCNN


def test_layers_are_those_of_the_paper_plus_the_image() -> None:
    network = ARCNN()
    image = torch.rand(1, 3, 11, 14)
    weights = iter(network.parameters())
    expected = image
    for index, kernel in enumerate((9, 7, 1, 5)):
        expected = functional.conv2d(expected, next(weights), next(weights), padding=kernel // 2)
        expected = expected.relu() if index < 3 else expected
    torch.testing.assert_close(network(image), image + expected)
