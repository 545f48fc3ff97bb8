"""biasgan: restore compressed images with GANs that are not biased towards the compressed image."""

import lazy_loader  # pyright: ignore[reportMissingTypeStubs] - it has none

__version__ = "0.1.0"

# What `__init__.pyi` names is imported when it is first asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # pyright: ignore[reportUnknownVariableType]
