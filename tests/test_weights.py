import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from biasgan import weights
from biasgan.io import download as downloads
from biasgan.io.weight_files import FILES

from .conftest import Done
from .io.faulty_server import FaultyServer, faulty_server

CONTENT = random.Random(1).randbytes(200_000)
HASH = hashlib.sha256(CONTENT).hexdigest()
Weights = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """Runs the command."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["weights", *arguments])
        with pytest.raises(SystemExit) as ended:
            weights.main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """Publishes what metrics of pyiqa need."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(downloads, "WAITS", (0.0, 0.0))
    with faulty_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address(""))
        for name in ("niqe", "nrqm", "musiq", "resnet50"):
            server.files[FILES[name].address.removeprefix(server.address(""))] = CONTENT
        yield server


def test_all_files_are_listed_with_what_is_known_of_them(run: Weights) -> None:
    done = run("list")
    assert done.status == 0
    for name, file in FILES.items():
        assert f"{name}: missing, for {', '.join(file.used_by)}\n" in done.out
        for text in (file.address, str(file.path), file.licence, file.sha256):
            assert text in done.out
    assert "  574.7 MB, BSD-3-Clause (torchvision), SHA-256: dcbb9e9dad569fff" in done.out
    assert "size unknown, PolyForm Noncommercial 1.0.0 (pyiqa), SHA-256: unknown; none is published" in done.out
    assert "SHA-256: unknown; only its first digits, da3ea303, are published" in done.out


@pytest.mark.parametrize(
    ("names", "files"),
    [
        ("vgg19", "vgg19"),
        ("lpips", "alexnet lpips"),
        ("pi", "niqe nrqm"),
        ("musiq niqe", "musiq niqe"),
        ("codiff", "alexnet clip dists lpips maniqa musiq vgg16 vit"),
        ("fast", ""),
    ],
)
def test_names_of_metrics_and_suites_mean_their_files(run: Weights, names: str, files: str) -> None:
    done = run("list", *names.split())
    listed = [line.partition(":")[0] for line in done.out.splitlines() if not line.startswith(" ")]
    assert sorted(listed) == files.split()


def test_the_suite_of_the_paper_is_all_but_two_files(run: Weights) -> None:
    done = run("list", "paper")
    listed = {line.partition(":")[0] for line in done.out.splitlines() if not line.startswith(" ")}
    assert FILES.keys() - listed == {"vgg19", "maniqa"}


def test_files_are_fetched_and_recorded(run: Weights, server: FaultyServer) -> None:
    server.cuts = [50_000]
    done = run("fetch", "pi")
    assert done.status == 0, done.err
    assert server.served == 2 * len(CONTENT)
    for name in ("niqe", "nrqm"):
        assert f"{name}: {FILES[name].path}\n" in done.out
        assert FILES[name].path.read_bytes() == CONTENT
        assert FILES[name].record.read_text().startswith(HASH)
    assert run("fetch", "pi").status == 0
    assert server.served == 2 * len(CONTENT)
    assert f"SHA-256: {HASH} when it came first; none is published" in run("list", "niqe").out
    # What has come once is expected to come again.
    FILES["niqe"].path.write_bytes(b"others")
    FILES["niqe"].path.unlink()
    server.files[FILES["niqe"].address.removeprefix(server.address(""))] = CONTENT[::-1]
    done = run("fetch", "niqe")
    assert done.status == 1
    assert f"instead of sha256:{HASH}" in done.err


def test_other_bytes_than_published_are_refused(run: Weights, server: FaultyServer) -> None:
    done = run("fetch", "musiq")
    assert done.status == 1
    assert "gave other bytes than expected" in done.err
    assert not FILES["musiq"].path.exists()


def test_hugging_faces_cache_is_filled(run: Weights, server: FaultyServer) -> None:
    assert run("fetch", "resnet50").status == 0
    assert FILES["resnet50"].revision.read_text() == "main"
    assert FILES["resnet50"].path.read_bytes() == CONTENT


def test_damage_is_named(run: Weights, server: FaultyServer) -> None:
    assert run("fetch", "pi").status == 0
    done = run("verify", "pi", "vgg19")
    assert done.status == 0
    assert done.out.splitlines() == [
        f"niqe: as it should be. SHA-256: {HASH} when it came first; none is published",
        f"nrqm: as it should be. SHA-256: {HASH} when it came first; none is published",
        "vgg19: missing",
    ]
    FILES["nrqm"].path.write_bytes(CONTENT[:-1])
    done = run("verify")
    assert done.status == 1
    assert f"nrqm: {FILES['nrqm'].path} is damaged or another file" in done.out
    assert "niqe: as it should be" in done.out


def test_a_file_that_was_there_before_is_recorded_at_first_sight(run: Weights) -> None:
    file = FILES["maniqa"]
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(CONTENT)
    first, second = (run("verify", "maniqa").out.splitlines()[0] for _ in range(2))
    recorded = f"SHA-256: {HASH} when it came first; none is published"
    assert first == f"maniqa: seen for the first time, so that nothing vouches for it. {recorded}"
    assert second == f"maniqa: as it should be. {recorded}"
    assert file.record.read_text().startswith(HASH)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fetch",), "error: Name what to fetch: codiff, fast, paper, sets, vgg19, a metric or a file."),
        (("list", "vgg11"), "error: unknown name 'vgg11'; expected some of ahiq, alexnet, clip"),
    ],
)
def test_wrong_names_end_in_one_message(run: Weights, arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments)
    assert done.status == 1
    assert message in done.err
    assert done.out == ""
