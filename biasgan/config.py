from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf

PACKAGE = Path(__file__).parent
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
"""Where the configuration files are: inside the package in a wheel, beside it in a checkout."""


def by_scale(values: Mapping[str, Any], *, _root_: DictConfig) -> object:
    """Resolver: the value for the chosen scale, from a table {demo: …, lite: …, paper: …}."""
    return values[_root_.scale]


def default_iterations(pixel: int, adversarial: int, init_from: str | None) -> int:
    """Resolver: iterations of a recipe; a training that starts from weights leaves the pixel stage out."""
    return adversarial if init_from and adversarial else pixel + adversarial


def default_pretrain_iterations(iterations: int, pixel: int, adversarial: int, init_from: str | None) -> int:
    """Resolver: the recipe's share of pixel-stage iterations, none for a training that starts from weights."""
    return 0 if init_from else round(iterations * pixel / (pixel + adversarial))


def run_folder(resume: str | None, fresh: str) -> str:
    """Resolver: the folder of a run, that of the resumed one if there is one."""
    if not resume:
        return fresh
    path = Path(resume)
    return str(path if path.is_dir() else path.parent.parent)


def register_resolvers() -> None:
    """Make the resolvers known to configuration files, each under its own name."""
    for resolver in (by_scale, default_iterations, default_pretrain_iterations, run_folder):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)


def plain(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration in plain dicts, lists, strings and numbers.

    Raises:
        ValueError: If a key has no value yet; names it.
    """
    try:
        container = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ValueError(f"{error.full_key} has no value; add {error.full_key}=VALUE.") from error
    return cast(dict[str, Any], container)
