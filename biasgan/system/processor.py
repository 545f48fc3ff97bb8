from collections.abc import Mapping

import torch


def has_bf16(accelerator: str) -> bool:
    """Whether the device that `accelerator` means has instructions for bf16."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Older releases of PyTorch cannot tell.
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict[str, object])()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
