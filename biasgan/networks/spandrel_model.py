from collections.abc import Callable, Mapping
from importlib import import_module
from textwrap import shorten
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from biasgan.io.images import pad_to_multiple
from biasgan.networks.blocks import check_size
from biasgan.system.console import no_warnings

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor  # pyright: ignore[reportMissingTypeStubs]

Call = Callable[[nn.Module, Tensor], Tensor]


class SpandrelModel(nn.Module):
    """A published network, recognised and built by spandrel from its weights alone.

    Any restoration model that spandrel knows and that keeps the size: SwinIR, FBCNN, NAFNet, DRUNet, SCUNet and many
    more; see https://github.com/chaiNNer-org/spandrel. State-dict keys are the network's own, so that trained weights
    open in spandrel again. What a network needs beside the image, such as the noise level of DRUNet, is what spandrel
    gives it.

    Args:
        weights: State dict of a published network.

    Shape:
        (N, 3, H, W) in [0, 1], H and W multiples of `multiple_of` and at least `smallest_side` → same, not clamped.

    Raises:
        ImportError: If spandrel is not installed.
        ValueError: If spandrel does not know the network, or it is none that restores colour images at their size, or,
            on a forward pass, if it cannot take images of a size.

    Examples:
        >>> import torch
        >>> from biasgan import RRDBNet, SpandrelModel
        >>> published = RRDBNet(channels=8, blocks=1).state_dict()  # or of a file: torch.load(path, weights_only=True)
        >>> SpandrelModel(published).architecture
        'ESRGAN'
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        described = recognise(weights)
        network = described.model
        try:
            recognise(network.state_dict())
        except ValueError as error:
            raise ValueError(
                f"weights of {described.architecture.name} that spandrel renames and then does not recognise any more, "
                "so that nothing could open what a training would leave."
            ) from error
        needs = described.size_requirements
        self.architecture: str = described.architecture.name
        self.multiple_of: int = needs.multiple_of
        self.smallest_side: int = max(needs.minimum, needs.multiple_of)
        self.square: bool = needs.square
        # In a tuple, so that the network is no part with a name of its own; its parts are this module's.
        self._network = (network,)
        for parts in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
            setattr(self, parts, getattr(network, parts))
        # Not the description's own call, which clamps and has no gradient.
        self._run = cast(Call, described._call_fn)  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType] - no public name, a bare lambda
        self._takes_batches = self._survives_a_batch()

    def train(self, mode: bool = True) -> "SpandrelModel":
        """Set the network to training or evaluation mode."""
        self._network[0].training = mode
        return super().train(mode)

    def forward(self, image: Tensor) -> Tensor:
        """Return the restored image."""
        check_size(self, image, smallest=self.smallest_side, multiple=self.multiple_of)
        height, width = image.shape[-2:]
        if self.square:
            image = pad_to_multiple(image, self.multiple_of, max(height, width))
        if self._takes_batches:
            return self._run(self._network[0], image)[..., :height, :width]
        restored = [self._run(self._network[0], image[index : index + 1]) for index in range(len(image))]
        return torch.cat(restored)[..., :height, :width]

    @torch.no_grad()
    def _survives_a_batch(self) -> bool:
        """Whether several images may go through together; spandrel asks for one at a time."""
        side = -(-max(self.smallest_side, 32) // self.multiple_of) * self.multiple_of
        self.eval()
        try:
            self._run(self._network[0], torch.zeros(2, 3, side, side))
        except RuntimeError:
            return False
        finally:
            self.train()
        return True


class UntrainedModel(SpandrelModel):
    """A network of one of spandrel's architectures with random weights, to be trained from the start.

    Args:
        architecture: As spandrel calls it, such as SwinIR; of those that keep the size of colour images.
        sizes: What its class in spandrel takes.

    Raises:
        ImportError: If spandrel is not installed.
        TypeError: If the class takes no such sizes.
        ValueError: If there is no such architecture, or spandrel would not recognise it by its weights, so that nothing
            could open a trained one.

    Examples:
        >>> from biasgan import UntrainedModel
        >>> UntrainedModel("NAFNet", width=8, enc_blk_nums=[1], dec_blk_nums=[1]).architecture
        'NAFNet'
    """

    def __init__(self, architecture: str, **sizes: object) -> None:
        with no_warnings():
            network = network_class(architecture)(**sizes)
        super().__init__(network.state_dict())
        lost = sorted(network.state_dict().keys() ^ self.state_dict().keys())
        if lost or self.architecture != architecture:
            raise ValueError(
                f"spandrel takes a {architecture} of these sizes for another network, a {self.architecture} that "
                f"differs in {', '.join(lost[:3]) or 'kind'}. Choose sizes that published ones could have."
            )


def network_class(architecture: str) -> type[nn.Module]:
    """The class of one of spandrel's architectures.

    Raises:
        ImportError: If spandrel is not installed.
        ValueError: If it has no such architecture.
    """
    try:
        import spandrel  # noqa: F401 # pyright: ignore[reportMissingTypeStubs, reportUnusedImport] - its source has types
    except ImportError as error:
        raise ImportError(f"{architecture} is built by spandrel: pip install 'biasgan[spandrel]'") from error
    try:
        return getattr(import_module(f"spandrel.architectures.{architecture}"), architecture)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"spandrel has no architecture {architecture}; expected one of those that keep the size, such as SwinIR, "
            "Swin2SR, NAFNet, SCUNet or FBCNN."
        ) from error


def recognise(weights: Mapping[str, Tensor]) -> "ImageModelDescriptor[nn.Module]":
    """What spandrel makes of weights: the network with a description.

    Raises:
        ImportError: If spandrel is not installed.
        ValueError: If it does not know the network, or it is none that restores colour images at their size.
    """
    try:
        import spandrel  # pyright: ignore[reportMissingTypeStubs] - its source has types
    except ImportError as error:
        raise ImportError(
            "weights without a configuration do not say what network they belong to; spandrel tells that of many "
            "published ones: pip install 'biasgan[spandrel]'"
        ) from error
    try:
        with no_warnings():
            described = spandrel.ModelLoader("cpu").load_from_state_dict(dict(weights))
    except spandrel.UnsupportedModelError as error:
        raise ValueError("weights without a configuration, of no network that spandrel recognises.") from error
    except Exception as error:
        # Where weights only look like those of a network, its readers raise nearly anything.
        reason = shorten(str(error) or type(error).__name__, 200)
        raise ValueError(f"spandrel cannot build the network that it takes these weights for: {reason}") from error
    name = described.architecture.name
    if not isinstance(described, spandrel.ImageModelDescriptor):
        raise ValueError(f"weights of {name}, which needs a mask beside the image.")
    if described.scale != 1:
        raise ValueError(f"weights of {name} that enlarges by {described.scale}; expected one that keeps the size.")
    taken, given = described.input_channels, described.output_channels
    if (taken, given) != (3, 3):
        raise ValueError(f"weights of {name} from {taken} to {given} channels; expected one of colour images, 3 to 3.")
    return described
