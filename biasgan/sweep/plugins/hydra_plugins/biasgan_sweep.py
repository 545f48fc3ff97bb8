"""What Hydra needs to run sweeps as `biasgan.sweep` does; it takes plugins of a package of this name alone."""

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import NamedTuple, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from biasgan.cli.config import digest_of, plain
from biasgan.cli.options import plain_or_quoted, quoted, with_absolute_paths
from biasgan.runs.folder import AUTO
from biasgan.sweep.identical import refuse_identical, training_key
from biasgan.sweep.job import Job
from biasgan.sweep.shared_stage import pixel_stage_key
from biasgan.sweep.sweep import Sweep
from biasgan.system.signals import check_signals

OF_THE_SWEEP = ("hydra.mode", "hydra.sweep.", "hydra.sweeper", "hydra/sweeper", "hydra.launcher", "hydra/launcher")
"""Options of Hydra's that a job must not be given."""


QUALITY = "quality"
"""Option of a sweep in a file that stands for the one that the chosen codec reads: qf, qp, ratio …"""
COMBINATIONS = "sweep.combinations"
OVER_QUALITIES = "This experiment is a sweep over qualities"


class CombinationSweeper(Sweeper):
    """Makes a job of each combination of values, names the sweep, refuses identical jobs, and lets each fail alone.

    `hydra.sweeper.params` names options and their values in a file. Where not all combinations are wanted,
    `sweep.combinations` is a list of such tables, each with combinations of its own. An option that is given on the
    command line takes the place of the file's. Where a file sweeps over `quality`, the option is swept over that sets
    the quality of the chosen codec.

    Args:
        params: Read from the configuration.
    """

    def __init__(self, params: object) -> None:
        """Take what Hydra gives; it is read from the configuration when all of that is known."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Name the sweep, before its launcher is made.

        Raises:
            ValueError: If a run is to be resumed, or the codec has no qualities to sweep over.
        """
        self.config = config
        if config.resume not in (None, AUTO):
            raise ValueError(f"A sweep resumes its own jobs; leave resume={config.resume} out.")
        self.products = products_of_file(config)
        if not config.sweep.name:
            swept = [option for product in self.products for option in product]
            config.sweep.name = f"sweep-{digest_of([*swept, *config.hydra.overrides.task])}"
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.launcher = launcher
        self.parser = OverridesParser.create(hydra_context.config_loader)
        # That of the launcher, if it has one: each job takes a third of a second.
        self.compose = launcher.compose if isinstance(launcher, ProcessLauncher) else composer(hydra_context, config)

    def sweep(self, arguments: list[str]) -> object:
        """Run one job for each combination of values, each of which goes on where it was.

        Raises:
            ValueError: If several jobs would train the same; names them.
        """
        assert self.config is not None
        assert self.launcher is not None
        name = plain_or_quoted("sweep.name", self.config.sweep.name)
        arguments = [*arguments, "resume=auto", f"sweep.name={name}"]
        jobs = [job for product in self.products for job in combinations(self.parser, [*product, *arguments])]
        refuse_identical(jobs, [self.compose(tuple(options)).training for options in jobs])
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        results = self.launcher.launch(jobs, initial_job_idx=0)
        # Raises what a job ended with.
        return [result.return_value for result in results]


def combinations(parser: OverridesParser, options: Sequence[str]) -> list[list[str]]:
    """The options of each job.

    Args:
        parser: Hydra's.
        options: With one value or, parted by commas, several.

    Raises:
        ValueError: If an option has a value twice, or a range of them.
    """
    axes: dict[str, list[str]] = {}
    for override in parser.parse_overrides([*options]):
        key = override.get_key_element()
        if not override.is_sweep_override():
            axes[key] = [f"{key}={override.get_value_element_as_str()}"]
            continue
        if not override.is_discrete_sweep():
            raise ValueError(f"{override.input_line} does not name values; give those to try: {key}=ONE,ANOTHER.")
        values = [*override.sweep_string_iterator()]
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise ValueError(f"{override.input_line} has {twice} twice; give each value once.")
        axes[key] = [f"{key}={value}" for value in values]
    return [list(job) for job in product(*axes.values())]


def products_of_file(config: DictConfig) -> list[list[str]]:
    """The options that a file sweeps over, but for those that are given on the command line.

    Returns:
        KEY=ONE,ANOTHER for each, one list of them for each table of `sweep.combinations`, or one in all.

    Raises:
        ValueError: If it sweeps over qualities, and the codec has none, or the combinations are no tables.
    """
    overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    given = {each.get_key_element(): each for each in overrides}
    everywhere = swept_options(config, config.hydra.sweeper.params or {}, given)
    listed: object = config.sweep.combinations or ()
    rows = list(cast(Sequence[object], listed)) if isinstance(listed, Sequence) else [listed]
    if not all(isinstance(each, Mapping) for each in rows):
        raise ValueError(
            f"{COMBINATIONS} must be a list of tables, such as [{{baseline:arcnn}},{{baseline:esrgan,method:full}}]; "
            f"got {listed}."
        )
    tables = cast(list[Mapping[str, object]], rows)
    if both := given.keys() & {option for table in tables for option in table}:
        if COMBINATIONS in given:
            raise ValueError(f"{min(both)}= is given beside {COMBINATIONS}, which has it too; give it there alone.")
        tables = []
    return [[*swept_options(config, table, given), *everywhere] for table in tables] or [everywhere]


def swept_options(config: DictConfig, table: Mapping[str, object], given: Mapping[str, Override]) -> list[str]:
    """A table of options and their values as KEY=ONE,ANOTHER, without those that are given.

    Raises:
        ValueError: As `products_of_file`.
    """
    options: list[str] = []
    for name in table:
        option = name
        if name == QUALITY and name not in given:
            if "codec" in given and given["codec"].is_sweep_override():
                raise ValueError(f"{OVER_QUALITIES} of one codec; got {given['codec'].input_line}.")
            option = quality_option(config)
        if option in given:
            continue
        try:
            values = table[name]
        except OmegaConfBaseException as error:
            raise ValueError(
                f"{OVER_QUALITIES}, and the file of codec={config.hydra.runtime.choices.codec} does not name five, as "
                f"qualities: [SLIGHTEST, …, STRONGEST]. Give those to compare: {option}=ONE,ANOTHER."
            ) from error
        several = isinstance(values, Sequence) and not isinstance(values, str)
        options.append(f"{option}={','.join(map(str, cast(Sequence[object], values))) if several else values}")
    return options


def quality_option(config: DictConfig) -> str:
    """The option that sets the quality of the chosen codec, to which its `quality` refers.

    Raises:
        ValueError: If there is none.
    """
    (given,) = cast(dict[str, object], OmegaConf.to_container(OmegaConf.masked_copy(config, QUALITY))).values()
    refers = re.fullmatch(r"\$\{(\w+)\}", str(given))
    if not refers:
        raise ValueError(
            f"{OVER_QUALITIES}, but codec={config.hydra.runtime.choices.codec} has one alone, {given}. Choose another "
            f"codec, or give those to compare: {QUALITY}=ONE,ANOTHER."
        )
    return refers[1]


class Composed(NamedTuple):
    """What a job is to be.

    Attributes:
        options: Of the job.
        folder: Its run folder.
        error: Why there can be none.
        training: Its `training_key`; None if that is not known.
        key: Of its pixel stage.
        pretrain_iterations: Its length.
    """

    options: list[str]
    folder: Path
    error: str | None = None
    training: str | None = None
    key: str | None = None
    pretrain_iterations: int = 0


Compose = Callable[[tuple[str, ...]], Composed]


def composer(context: HydraContext, config: DictConfig) -> Compose:
    """Finds out from a job's options where it belongs, and what it shares with others; once, since it takes long."""
    return cache(partial(compose, context, config))


def compose(context: HydraContext, config: DictConfig, options: tuple[str, ...]) -> Composed:
    """What a job of the sweep that a configuration describes is to be."""
    sweep = Path(config.hydra.sweep.dir).absolute()
    before = HydraConfig.instance().cfg
    try:
        job = context.config_loader.load_sweep_config(config, list(options))
        HydraConfig.instance().set_config(job)
        folder = sweep / str(job.hydra.sweep.subdir)
        with read_write(job.hydra.runtime), open_dict(job):
            # The same for all, since it is no part of what a training is.
            job.hydra.runtime.output_dir = ""
            HydraConfig.instance().set_config(job)
            del job["hydra"]
        try:
            settings = plain(job)
        except ValueError:
            return Composed([*options], folder)  # the job itself says what has no value
        stage, pixel = pixel_stage_key(settings), settings["pretrain_iterations"]
        # One folder may be given in several ways.
        key = training_key(plain(with_absolute_paths(job)))
        return Composed([*options], folder, None, key, stage, pixel)
    except (HydraException, OmegaConfBaseException) as error:
        return Composed([*options], sweep / f"failed-{digest_of(options)}", str(error).strip())
    finally:
        HydraConfig.instance().cfg = before


class ProcessLauncher(Launcher):
    """Gives each job a process of its own, as `biasgan.sweep.sweep.Sweep` describes.

    Jobs that differ in their adversarial stage alone have their pixel stage trained once, by a job before them.
    """

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what is needed to compose jobs."""
        self.config = config
        self.compose = composer(hydra_context, config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs.

        Raises:
            OSError: On Windows.
            SystemExit: If one failed or was stopped.
        """
        check_signals("Sweeps")
        folder = Path(self.config.hydra.sweep.dir).absolute()
        composed = [self.compose(tuple(overrides)) for overrides in job_overrides]
        settings = self.config.sweep
        sweep = Sweep(folder, self.jobs(composed, folder), settings.jobs, settings.fail_fast)
        sweep.run()
        if sweep.status:
            sys.exit(sweep.status)
        # Hydra asks each whether it went well.
        return [JobReturn(overrides=each.options, status=JobStatus.COMPLETED) for each in composed]

    def jobs(self, composed: Sequence[Composed], sweep: Path) -> list[Job]:
        """The jobs, and before them those pixel stages that several of them need."""
        common = set[str].intersection(*(set(each.options) for each in composed))

        def label(options: Sequence[str]) -> str:
            return " ".join(option for option in options if option not in common)

        groups: defaultdict[str | None, list[Composed]] = defaultdict(list)
        for each in composed:
            groups[each.key].append(each)
        stages: dict[str | None, Job] = {}
        for key, group in groups.items():
            if key is None or len(group) == 1:
                continue
            first, folder = group[0], sweep / f"pixel-stage-{key}"
            shared = [option for option in first.options if all(option in each.options for each in group)]
            stop = f"trainer.max_steps={first.pretrain_iterations}"
            arguments = self.arguments([*first.options, stop], folder)
            stages[key] = Job(f"pixel stage {label(shared)}".strip(), folder, arguments)
        jobs: list[Job] = []
        for each in composed:
            stage = stages.get(each.key)
            arguments = self.arguments(each.options, each.folder)
            status = "failed" if each.error else "waiting"
            name = label(each.options) or each.folder.name
            jobs.append(Job(name, each.folder, arguments, stage, status, error=each.error))
        needed = [stage for stage in stages.values() if any(job.stage is stage and not job.is_done for job in jobs)]
        return [*needed, *jobs]

    def arguments(self, options: Sequence[str], folder: Path) -> list[str]:
        """Arguments of the training command for a job."""
        of_hydra: list[str] = [o for o in self.config.hydra.overrides.hydra if not o.startswith(OF_THE_SWEEP)]
        flags = [
            f"--config-dir={source.path}"
            for source in self.config.hydra.runtime.config_sources
            if source.provider == "command-line"
        ]
        return [*flags, *of_hydra, *options, "hydra.mode=RUN", f"hydra.run.dir={quoted(folder)}"]
