from collections.abc import Callable
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from biasgan.exporting.graph import OPSET, GraphError, onnx_graph
from biasgan.networks.any_size import restore
from biasgan.networks.rbqe import RBQE
from biasgan.networks.rrdbnet import RRDBNet

from ..networks.test_networks import GENERATORS
from .test_graph import OTHER_SIZES

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    **{name: GENERATORS[name][0] for name in ("SRVGGNetCompact", "DnCNN with batch norm", "CBDNet", "UNet")},
    "RRDBNet": lambda: RRDBNet(channels=4, blocks=1, growth=4),
    "RBQE": lambda: RBQE(channels=4, levels=2, exits=1),
}
"""Those whose graphs are unlike; that of MPRNet takes too long here."""


class Choosy(nn.Module):
    """Looks at the pixels to decide what to do."""

    def forward(self, image: Tensor) -> Tensor:
        return image * 2 if image.mean() > 0.5 else image


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_onnx_runtime_gives_the_same_at_any_size(name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    content = onnx_graph(network)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for size in OTHER_SIZES:
        image = torch.rand(size)
        (result,) = session.run(None, {"image": image.numpy()})
        torch.testing.assert_close(torch.tensor(result), restore(network, image))
    for described in (*session.get_inputs(), *session.get_outputs()):
        assert described.shape == ["batch", 3, "height", "width"]
    assert [described.name for described in (*session.get_inputs(), *session.get_outputs())] == ["image", "restored"]
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    for path in (Path(__file__).parents[2], Path(torch.__file__).parent):
        assert str(path).encode() not in content


def test_a_network_without_a_fixed_graph_is_refused() -> None:
    with pytest.raises(GraphError, match=r"ONNX cannot describe Choosy: (?!Failed to export)\S"):
        onnx_graph(Choosy().eval())
