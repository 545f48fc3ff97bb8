import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf

from biasgan.io.checksums import sha256_of_json
from biasgan.io.files import expanded
from biasgan.runs.folder import AUTO
from biasgan.training.alone import is_one_of_several

PACKAGE = Path(__file__).parents[1]
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"
"""Where the configuration files are: inside the package in a wheel, beside it in a checkout."""

PLUGINS = PACKAGE / "sweep" / "plugins"


def by_scale(values: Mapping[str, Any], *, _root_: DictConfig) -> object:
    """Resolver: the value for the chosen scale, from a table {demo: …, lite: …, paper: …}."""
    return values[_root_.scale]


def default_iterations(pixel: int, adversarial: int, init_from: str | None) -> int:
    """Resolver: iterations of a recipe; a training that starts from weights leaves the pixel stage out."""
    return adversarial if init_from and adversarial else pixel + adversarial


def default_pretrain_iterations(iterations: int, pixel: int, adversarial: int, init_from: str | None) -> int:
    """Resolver: the recipe's share of pixel-stage iterations, none for a training that starts from weights."""
    return 0 if init_from else round(iterations * pixel / (pixel + adversarial))


def of_network(layers: Mapping[str, float], *, _root_: DictConfig) -> DictConfig | Mapping[str, float]:
    """Resolver: layers of VGG-19 by the names that the chosen network has: its blocks' last are meant."""
    if _root_.features.network == "vgg19":
        return layers
    return OmegaConf.create({name.replace("_4", "_3"): weight for name, weight in layers.items()})


def run_folder(resume: str | None, fresh: str) -> str:
    """Resolver: the folder of a run, that of the resumed one if there is one."""
    if not resume or resume == AUTO:
        return fresh
    path = Path(expanded(resume))
    return str(path if path.is_dir() else path.parent.parent)


def started(form: str) -> str:
    """Resolver: the moment at which a training started, the same in all of its processes."""
    now = datetime.now().strftime(form)
    if not is_one_of_several():
        return now
    # Seconds that a single process does not take.
    from biasgan.training.distributed import agreed

    return agreed("started", now)


def digest_of(options: Iterable[str]) -> str:
    """Resolver: eight hexadecimal digits for some options in any order, those on how they are run left out."""
    counted = sorted(option for option in options if not option.startswith(("sweep.", "resume=")))
    return sha256_of_json(counted)[:8]


def cores() -> int:
    """Resolver: number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def may_download(check: bool) -> bool:
    """Resolver: whether images may be fetched; a check changes nothing."""
    return not check


def register_resolvers() -> None:
    """Make the resolvers known to configuration files, each under its own name."""
    for resolver in (
        by_scale, of_network, default_iterations, default_pretrain_iterations, run_folder, digest_of, cores,
        may_download,
    ):  # fmt: skip
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
    OmegaConf.register_new_resolver("started", started, replace=True, use_cache=True)


def register_plugins() -> None:
    """Make the way in which sweeps are run known to Hydra."""
    if str(PLUGINS) not in sys.path:
        sys.path.append(str(PLUGINS))
    plugins = Plugins.instance()
    # After Hydra has loaded its own, which it does anew; if it has looked for plugins before, it knows none of these.
    module = import_module("hydra_plugins.biasgan_sweep")
    for plugin in (module.CombinationSweeper, module.ProcessLauncher):
        plugins.register(plugin)


def composed(name: str, options: Sequence[str]) -> DictConfig:
    """The configuration of a command with some options, apart from that command."""
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, list(options))


def plain(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration in plain dicts, lists, strings and numbers.

    Raises:
        ValueError: If a key has no value yet; names it.
    """
    try:
        # Without following references first: what refers to a missing value would be named instead of it.
        OmegaConf.to_container(config, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ValueError(f"{error.full_key} has no value; add {error.full_key}=VALUE.") from error
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
