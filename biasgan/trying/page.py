"""The page: what is on it, and the server that shows it."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from socket import create_server
from tempfile import TemporaryDirectory, mkdtemp
from threading import Event
from typing import Any

from biasgan.cli.errors import PLAIN
from biasgan.inference.comparison import amplified, change_of, gain_of, on_white
from biasgan.inference.load import TWINS
from biasgan.inference.photo import write_photo
from biasgan.runs.weights import GENERATORS, generator_file
from biasgan.system.console import say
from biasgan.trying.trial import CODECS, Trial, Trials, available, rows

# Much of it has no types, and who does without the extra checks ours too.
gr = import_module("gradio")

Update = dict[str, Any]
"""What is to become of a part of the page."""

AS_IT_IS = "none: take it as it is"
HOUR = 3600
SCRATCH = "GRADIO_TEMP_DIR"
"""Environment variable that tells Gradio where to put what is uploaded and shown."""

ABOUT_DEVIATION = (
    "Deviation is the bias of eq. 1, here by differences of pixels: -100 % where restored is as compressed, 0 where it "
    "is equally far from both, +100 % where it is as the original."
)
CSS = """
.gradio-container { width: 100%; max-width: 1200px !important; margin: auto; }
.whole { display: grid !important; gap: 16px; }
.whole { grid-template: "photo result" auto "dials result" 1fr ". change" auto / 290px 1fr; }
.whole > * { min-width: 0 !important; }
.photo { grid-area: photo; }
.dials { grid-area: dials; }
.result { grid-area: result; }
.change { grid-area: change; }
@media (max-width: 700px) { .whole { grid-template: "photo" auto "result" auto "dials" auto "change" auto / 1fr; } }
.figures dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin: 0; }
.figures dt { opacity: 0.75; font-size: 0.85em; }
.figures dd { margin: 0; font-size: 1.15em; font-variant-numeric: tabular-nums; }
.figures p { margin: 10px 0 0; opacity: 0.75; font-size: 0.85em; }
.figures [role=alert] { margin: 0; padding: 10px 12px; opacity: 1; font-size: 1em; border-left: 3px solid #dc2626; }
"""
ALONE = {"interactive": False, "buttons": ["fullscreen"]}
"""Of a picture that is shown: without a button that would send it to others."""


def serve(models: Sequence[str] = (), host: str | None = None, port: int | None = None, share: bool = False) -> None:
    """Show the page until the process is asked to stop. Nothing leaves the machine unless it is shared.

    Args:
        models: What `weights.generator_file` takes, to choose from beside the package's own; the first is tried first.
        host: Address to listen at; None for this machine alone, or what GRADIO_SERVER_NAME says.
        port: None for the first free one from 7860 on.
        share: Whether Gradio's servers make the page reachable from anywhere, for a week.

    Raises:
        FileNotFoundError: If there is no such model.
        OSError: If the port is taken, or the address another machine's.
    """
    for model in models:
        generator_file(model)
    require_free(host or "127.0.0.1", port or 0)
    with TemporaryDirectory(prefix="biasgan-app-") as scratch:
        os.environ[SCRATCH] = scratch
        # Uploads that are an hour old are removed every hour.
        with gr.Blocks(title="biasgan", analytics_enabled=False, delete_cache=(HOUR, HOUR)) as page:
            fill(list(dict.fromkeys([*models, *GENERATORS])), scratch)
        look = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
        try:
            _, local, public = page.launch(
                server_name=host, server_port=port, share=share, prevent_thread_lock=True, quiet=True, ssr_mode=False,
                theme=look, css=CSS, footer_links=[], run_history=False, inline=False,
            )  # fmt: skip
            say(f"{public or local}\nCtrl-C ends it.")
            Event().wait()
        finally:
            page.close(verbose=False)


def require_free(host: str, port: int) -> None:
    """Find out whether there can be a server at an address, since Gradio would try a hundred ports of a wrong one.

    Raises:
        OSError: If not.
    """
    try:
        with create_server((host, port)):
            return
    except OSError as error:
        raise OSError(f"No page can be served: {error.strerror}.") from error


def fill(models: Sequence[str], scratch: str) -> None:
    """Put all on the page that is on it.

    Args:
        models: To choose from, first that which is tried first.
        scratch: Folder for what is shown.
    """
    # Emptied with the next photograph, and removed when its reader has left.
    folder = gr.State(partial(mkdtemp, dir=scratch), delete_callback=partial(rmtree, ignore_errors=True))
    gr.Markdown("# biasgan\nRestore a compressed photograph, or compress one and see what comes back.")
    with gr.Row(elem_classes="whole"):
        with gr.Column(elem_classes="photo"):
            photo = gr.File(label="photograph", height=130)
        with gr.Column(elem_classes="result"):
            slider = gr.ImageSlider(label="compressed | restored", max_height=560, **ALONE)
            figures = gr.HTML(elem_classes="figures")
            download = gr.DownloadButton("Download", visible=False, variant="primary")
        with gr.Column(elem_classes="dials"):
            codec = gr.Dropdown([AS_IT_IS, *available()], label="codec", filterable=False)
            quality = gr.Slider(visible=False)
            strength = gr.Slider(0, 1, 1, step=0.05, label="strength")
            realism = gr.Slider(0, 1, 1, step=0.05, label="realism", interactive=models[0] in TWINS)
            model = gr.Dropdown(list(models), label="model", filterable=False)
        with gr.Column(elem_classes="change"):
            change = gr.Image(label="difference", visible=False, **ALONE)
    settings = [codec, quality, model, realism, strength]
    restoring = {
        "fn": restore(Trials()),
        "inputs": [folder, photo, *settings],
        "outputs": [slider, figures, download, change],
        "show_progress_on": slider,
    }
    codec.input(quality_of, codec, quality).then(**restoring)
    model.input(realism_of, model, realism)
    gr.on([photo.change, *(one.input for one in settings[1:])], **restoring, trigger_mode="always_last")


def quality_of(name: str) -> Update:
    """The dial of a codec's quality, or none."""
    if name == AS_IT_IS:
        return gr.update(visible=False)
    codec = CODECS[name]
    better = "larger" if codec.larger_is_better else "smaller"
    return gr.update(
        minimum=codec.lowest_quality, maximum=codec.highest_quality, value=codec.usual_quality, step=1, visible=True,
        label=f"{codec.quality_option}, {better} is better",
    )  # fmt: skip


def realism_of(name: str) -> Update:
    """The dial of realism, which only some models have."""
    return gr.update(interactive=name in TWINS)


def restore(trials: Trials) -> Callable[..., list[Any]]:
    """What is called whenever something on the page changes, and gives what is shown then."""
    bar = gr.Progress()
    hidden = gr.update(visible=False)

    def restored(
        folder: str, path: str | None, codec: str, quality: float, model: str, realism: float, strength: float,
        progress: Callable[..., object] = bar,
    ) -> list[Any]:  # fmt: skip
        def tell(done: int, of: int) -> None:
            progress((done, of), unit="tiles")

        # The browser may still ask for the last.
        for former in sorted(Path(folder).iterdir(), key=lambda one: one.stat().st_mtime)[:-1]:
            rmtree(former)
        if path is None:
            return [None, "", hidden, hidden]
        try:
            compressing = None if codec == AS_IT_IS else codec
            trial = trials(path, compressing, int(quality), model, realism, strength, tell)
            # A folder of its own, or the browser would show what it was shown before.
            return shown(trial, Path(path).stem, Path(mkdtemp(dir=folder)))
        except (*PLAIN, MemoryError) as error:
            words = (str(error) or type(error).__name__).replace(path, Path(path).name)
            return [None, f"<p role=alert>error: {escape(words)}</p>", hidden, hidden]

    return restored


def shown(trial: Trial, name: str, folder: Path) -> list[Any]:
    """Write what the page shows of a trial, and say where it is.

    Args:
        trial: What came of the photograph.
        name: Of the photograph.
        folder: Where to write.
    """
    photos = {
        folder / f"{name}-compressed.png": trial.given.compressed,
        folder / f"{name}-restored.png": trial.restored,
    }
    lost = [remark for file, photo in photos.items() for remark in write_photo(file, photo)]
    levels = change_of(*map(on_white, photos.values()))
    gain = gain_of(levels)
    amplified(levels, gain).save(folder / "difference.png")
    cells = "".join(f"<div><dt>{label}</dt><dd>{figure}</dd></div>" for label, figure in rows(trial))
    notes = [*dict.fromkeys((*trial.given.compressed.remarks, *lost)), *[ABOUT_DEVIATION] * bool(trial.triangle)]
    return [
        tuple(map(str, photos)),
        f"<dl>{cells}</dl>" + "".join(f"<p>{escape(note)}</p>" for note in notes),
        gr.update(value=str(folder / f"{name}-restored.png"), visible=True),
        gr.update(value=str(folder / "difference.png"), visible=True, label=f"{gain} times the difference"),
    ]
