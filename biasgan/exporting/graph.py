"""Networks as graphs that run without this package: ONNX and TorchScript, for images of any size."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import torch
from torch import Tensor, nn

from biasgan.networks.any_size import SizeNeeds, restore
from biasgan.system.console import no_warnings

if TYPE_CHECKING:
    from onnx import ModelProto

TRACED = (2, 3, 48, 64)
"""Shape that a network is shown while its graph is recorded."""

CHECKED = ((1, 3, 1, 1), (2, 3, 37, 24), (1, 3, 16, 50))
"""Shapes that a graph is compared with its network at."""

TOLERANCE = 1e-4
"""Largest difference, a fortieth of a grey level; sums in another order differ by a hundredth of it."""

OPSET = 18
"""The oldest that PyTorch's exporter writes, for the sake of old runtimes."""


class GraphError(RuntimeError):
    """A network that no graph can be made of; the message says why."""


class AnySize(nn.Module):
    """A network together with the extension and the cropping of `any_size.restore`, so that one graph holds all.

    Args:
        network: What `restore` takes, or a trace of it.
        needs: What sides it takes.

    Shape:
        (N, 3, H, W) in [0, 1], any size → same, not clamped.
    """

    def __init__(self, network: nn.Module, needs: SizeNeeds) -> None:
        super().__init__()
        self.network = network
        self.multiple_of, self.smallest_side = needs

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        height, width = image.shape[-2], image.shape[-1]
        if self.multiple_of > 1 or self.smallest_side > 1:
            rows = _extended(height, self.multiple_of, self.smallest_side, image)
            columns = _extended(width, self.multiple_of, self.smallest_side, image)
            image = image.index_select(2, rows).index_select(3, columns)
        return self.network(image)[..., :height, :width]


def _extended(side: int, multiple: int, least: int, like: Tensor) -> Tensor:
    """Where each position of a side comes from after `images.pad_to_multiple`, without branches that depend on it."""
    # Within the condition, since only so TorchScript leaves out the branch that it cannot compile.
    longer = max(side, least) if torch.jit.is_scripting() else torch.sym_max(side, least)  # pyright: ignore[reportPrivateImportUsage] - documented
    # Rounded up without negative numbers, whose division ONNX rounds the other way.
    positions = torch.arange((longer + multiple - 1) // multiple * multiple, device=like.device)
    last = side - 1
    mirrored = torch.where(positions > last, 2 * last - positions, positions)
    return torch.where(positions[-1] > 2 * last, positions.clamp(max=last), mirrored)


@torch.no_grad()
def torchscript_graph(network: nn.Module) -> bytes:
    """A network as TorchScript, for `torch.jit.load` in Python and C++, checked at several sizes.

    Args:
        network: In evaluation mode, on the CPU; states what sizes it takes, see `any_size`.

    Returns:
        The file. What it holds takes (N, 3, H, W) of any size.

    Raises:
        GraphError: If the network cannot be traced, or the graph gives something else than it.
    """
    jit: Any = torch.jit  # untyped
    # PyTorch says that it will be replaced, and on tracing that sizes might be fixed, which the check would find.
    with no_warnings():
        try:
            traced = jit.trace(network, torch.rand(TRACED), check_trace=False)
            scripted = jit.script(AnySize(traced, SizeNeeds.of(network)).eval())
        except Exception as error:
            raise GraphError(f"TorchScript cannot trace {type(network).__name__}: {lines_of(error)[0]}") from error
        data = without_paths(scripted)
        loaded = jit.load(io.BytesIO(data))
    check(loaded, network, "TorchScript")
    return data


@torch.no_grad()
def onnx_graph(network: nn.Module) -> bytes:
    """A network as ONNX with dynamic batch, height and width, checked at several sizes with ONNX Runtime.

    Args:
        network: In evaluation mode, on the CPU; states what sizes it takes, see `any_size`.

    Returns:
        The file. Its input `image` and its output `restored` are (N, 3, H, W) of any size.

    Raises:
        GraphError: If the network cannot be exported, or the graph gives something else than it.
        ImportError: If the packages for it are not installed.
    """
    try:
        import onnxruntime  # pyright: ignore[reportMissingTypeStubs] - has none
        import onnxscript  # noqa: F401 # pyright: ignore[reportUnusedImport] - the exporter's; it would complain later
    except ImportError as error:
        raise ImportError(f"ONNX needs packages of its own ({error}): pip install 'biasgan[export]'") from error
    exporter: Any = torch.onnx  # untyped
    any_length = torch.export.Dim.DYNAMIC
    try:
        with no_warnings():
            program = exporter.export(
                AnySize(network, SizeNeeds.of(network)).eval(),
                (torch.rand(TRACED),),
                dynamo=True,
                dynamic_shapes=({0: any_length, 2: any_length, 3: any_length},),
                input_names=["image"],
                output_names=["restored"],
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:
        # What PyTorch raises itself is advice to developers.
        reason = lines_of(error.__cause__ or error)[0]
        raise GraphError(f"ONNX cannot describe {type(network).__name__}: {reason}") from error
    data = finished(program.model_proto)
    session: Any = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    check(lambda image: torch.tensor(session.run(None, {"image": image.numpy()})[0]), network, "ONNX")
    return data


def without_paths(scripted: nn.Module) -> bytes:
    """The file of a TorchScript module, without the paths of the code it came from, which are for debuggers."""
    whole, file = io.BytesIO(), io.BytesIO()
    jit: Any = torch.jit  # untyped
    jit.save(scripted, whole)
    with ZipFile(whole) as source, ZipFile(file, "w") as target:
        for entry in source.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                target.writestr(entry.filename, source.read(entry))
    return file.getvalue()


def finished(model: "ModelProto") -> bytes:
    """The file of an exported model, with the names of its lengths and without the paths of the code it came from."""
    graph = model.graph
    for values in (graph.input, graph.output):
        lengths = values[0].type.tensor_type.shape.dim
        for index, name in {0: "batch", 2: "height", 3: "width"}.items():
            lengths[index].dim_param = name
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    model.doc_string = "Restores compressed images: RGB in [0, 1], of any size."
    return model.SerializeToString()


def check(graph: Callable[[Tensor], Tensor], network: nn.Module, kind: str) -> None:
    """Compare a graph with its network.

    Raises:
        GraphError: If they differ at some size.
    """
    source = torch.Generator().manual_seed(0)
    for shape in CHECKED:
        image = torch.rand(shape, generator=source)
        expected = restore(network, image)
        size = f"{shape[0]} x 3 x {shape[2]} x {shape[3]}"
        try:
            result = graph(image)
        except Exception as error:
            # The last line, since TorchScript begins with where it happened.
            reason = lines_of(error)[-1]
            raise GraphError(f"The {kind} graph of {type(network).__name__} fails at {size}: {reason}") from error
        if result.shape != expected.shape:
            raise GraphError(f"The {kind} graph of {type(network).__name__} makes {tuple(result.shape)} of {size}.")
        difference = (result - expected).abs().max().item() / max(1, expected.abs().max().item())
        if not difference <= TOLERANCE:
            raise GraphError(
                f"The {kind} graph of {type(network).__name__} differs from it by {difference:.1g} at {size}; at most "
                f"{TOLERANCE:g} were expected. Is it one that computes otherwise at other sizes?"
            )


def lines_of(error: BaseException) -> list[str]:
    """What an error says, line by line, without empty ones; its kind if it says nothing."""
    return [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
