import torch
from torch.nn import functional

from biasgan.networks.rdn import RDN, DenseBlock


@torch.no_grad()
def test_layers_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    network = RDN(channels=6, blocks=3, convolutions=4, growth=5)
    image = torch.rand(2, 3, 9, 14)
    weights = iter(network.parameters())

    def conv(x: torch.Tensor) -> torch.Tensor:
        weight = next(weights)
        return functional.conv2d(x, weight, next(weights), padding=weight.shape[-1] // 2)

    shallow = conv(image)
    block_input = conv(shallow)
    results: list[torch.Tensor] = []
    for _ in range(3):
        seen = [block_input]
        for _ in range(4):
            seen.append(conv(torch.cat(seen, 1)).relu())
        block_input = conv(torch.cat(seen, 1)) + block_input
        results.append(block_input)
    expected = conv(conv(conv(torch.cat(results, 1))) + shallow)
    assert not list(weights)
    torch.testing.assert_close(network(image), expected)


def test_a_dense_block_without_its_fusion_is_the_identity() -> None:
    block = DenseBlock(4, 3, 2)
    for parameter in block.fusion.parameters():
        torch.nn.init.zeros_(parameter)
    features = torch.randn(1, 4, 5, 6)
    assert torch.equal(block(features), features)
