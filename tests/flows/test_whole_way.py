"""The whole way in small: from a labelled set, a folder and a web server to a version and a run."""

import csv
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import timm
import torch
import torchvision
from safetensors.torch import save_file
from small_project import (
    LABEL,
    TINTS,
    digest_of,
    ephyra,
    strange_photo,
    told,
    write_found,
    write_labelled_set,
    write_photos,
    write_project,
)

from data_registry.progress import SilentProgress
from flows.local_run import collect_and_label_in_process

URLS = '\n[[collect.providers]]\nkind = "urls"\npath = "urls.csv"\n'


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the tests' output quiet."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder on loopback, and yield it with its address."""
    folder = tmp_path / "web"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def bay(project: Path, web: tuple[Path, str]) -> Path:
    """Build the small project with a second provider: a list of URLs."""
    folder, address = web
    rows = [["url", "query", "licence", "creator"]]
    for name in TINTS:
        write_photos(folder / name, name, range(200, 204))
        rows += [
            [f"{address}/{name}/{number}.jpg", f"{name} jelly", "CC BY 4.0", "Ada"]
            for number in range(200, 204)
        ]
    (folder / "stripes.jpg").write_bytes(strange_photo())
    rows += [[f"{address}/stripes.jpg", "moon jelly", "", ""], [f"{address}/gone.jpg", "", "", ""]]
    with (project / "urls.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    text = (project / "ephyra.toml").read_text()
    (project / "ephyra.toml").write_text(text.replace("\n[groups]", f"{URLS}\n[groups]"))
    return project


def test_the_whole_way_then_again(bay: Path, tmp_path: Path) -> None:
    assert told(bay, "import", bay / "labelled")["version"]["tag"] == "v1"
    folder, urls = told(bay, "collect")["providers"]
    assert folder["outcomes"] == {"known": 1, "not_an_image": 1, "stored": 8}
    assert (urls["outcomes"]["stored"], sum(urls["outcomes"].values())) == (9, 10)
    # 0.999: some are left for a person
    label = told(bay, "label", "--threshold", "0.999")["label"]
    assert label["pool"] == 17 == sum(label["verdicts"].values())

    _answer_all(bay, tmp_path)
    version = told(bay, "merge")
    assert version["tag"] == "v2"
    splits = version["card"]["splits"]
    first = told(bay, "versions")["versions"][0]["card"]["splits"]
    assert (splits["val"], splits["test"]) == (first["val"], first["test"])
    assert splits["train"] > first["train"]

    trained = told(bay, "train")
    (result,) = trained["comparisons"]
    assert (result["train_without"], result["train_with"]) == (first["train"], splits["train"])
    assert f"of {splits['test']} test images" in result["sentence"]
    assert result["answer"] in {"better", "worse", "cannot tell"}
    page = Path(told(bay, "report")["reports"][0])
    assert "A [small] bay" in page.read_text(encoding="utf-8")
    assert "threshold 0.999" in page.read_text(encoding="utf-8")
    run = result["runs"][0]
    assert told(bay, "report", run[:6])["reports"] == [str(page)]
    assert ephyra("report", "nobody", "--project", bay).code == 2

    _predict(bay)
    assert told(bay, "verify", "--blobs")["holds"]
    _look(bay, tmp_path)
    _nothing_changes(bay)


def _rows(table: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))


def _answer_all(bay: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "answers.csv"
    queue = told(bay, "review", "--sheet", sheet)["queue"]
    rows = _rows(sheet)
    assert len(rows) == len(queue) > 0
    for row in rows:
        assert (tmp_path / row["picture"]).is_file()
        row["answer"] = "none" if "stripes" in row["url"] else row["class_name"]
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    state = told(bay, "review", "--answer", sheet, "--sheet", sheet)
    assert state["taken"] == {"answers": len(rows), "new": len(rows), "blank": 0}
    assert state["queue"] == []


def _predict(bay: Path) -> None:
    (bay / "new").mkdir()
    (bay / "new" / ".hidden.jpg").write_bytes(b"passed over")
    (bay / "new" / "a.jpg").write_bytes((bay / "labelled" / "moon" / "0.jpg").read_bytes())
    (bay / "new" / "b.jpg").write_bytes(b"no image")
    (bay / "new" / "c.jpg").write_bytes(strange_photo())
    good = bay / "labelled" / "rose" / "1.jpg"
    predicted = told(bay, "predict", good, bay / "new", good)["predictions"]
    assert [Path(item["file"]).name for item in predicted] == ["1.jpg", "a.jpg", "b.jpg", "c.jpg"]
    first, second, unreadable, strange = predicted
    assert {first["answer"], second["answer"]} <= set(TINTS)
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    assert (unreadable["answer"], unreadable["probabilities"]) == ("unreadable", {})
    assert unreadable["trouble"]
    assert strange["answer"] == "none of these"
    shown = ephyra("predict", bay / "new" / "b.jpg", "--project", bay)
    assert (shown.code, "unreadable" in shown.out) == (0, True)
    (bay / "hollow").mkdir()
    for path, words in ((bay / "hollow", "no file in"), (bay / "x.jpg", "there is no")):
        refused = ephyra("predict", path, "--project", bay)
        assert (refused.code, words in refused.err) == (2, True)


def _look(bay: Path, tmp_path: Path) -> None:
    table = tmp_path / "pool.csv"
    shown = told(bay, "decisions", "--csv", table)
    rows = _rows(table)
    assert shown["images"] == len({row["sha256"] for row in rows}) == 17
    assert {row["provider"] for row in rows} == {"folder", "urls"}
    assert {row["licence"] for row in rows if "/moon/" in row["url"]} == {"CC BY 4.0"}
    assert all(row["verdict"] and row["reason"] for row in rows)
    state = told(bay, "status")
    assert (state["versions"], state["runs"], state["test_readings"]) == (["v1", "v2"], 6, 6)
    assert state["champion"]


def _nothing_changes(bay: Path) -> None:
    """Run the next round, which learns from the answers; then a repetition changes nothing."""
    for command in ("label", "merge", "train"):
        told(bay, command)
    before, readings = digest_of(bay), told(bay, "status")["test_readings"]
    told(bay, "import", bay / "labelled")
    assert all(item["skipped"] for item in told(bay, "collect")["providers"])
    assert told(bay, "label")["label"]["new_decisions"] == 0
    told(bay, "merge")
    told(bay, "train")
    assert digest_of(bay) == before
    assert told(bay, "status")["test_readings"] == readings


def test_training_without_anything_collected_says_so(imported: Path) -> None:
    said = ephyra("train", "--project", imported)
    assert said.code == 0
    assert "the version holds no collected images, so there is nothing to compare" in said.out
    assert "on 4 test images" in said.out
    (result,) = told(imported, "train")["comparisons"]
    assert (result["answer"], result["difference"]) == ("nothing collected", None)
    assert told(imported, "status")["test_readings"] == 1


def test_labelling_an_empty_pool_says_so(imported: Path) -> None:
    said = ephyra("label", "--project", imported)
    assert (said.code, "the pool is empty" in said.out) == (0, True)


@pytest.mark.slow
def test_the_flow_goes_the_whole_way(
    bay: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "COLUMNS": "100"}
    script = Path(sys.executable).with_name("ephyra")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        given = [script, "run", "--project", bay, *arguments]
        return subprocess.run(given, check=False, capture_output=True, text=True, env=environment)

    first = run("--import", str(bay / "labelled"))
    assert first.returncode == 0, first.stderr
    # A line a phase, and nothing else: no warning of a library.
    assert not re.search(r"^error|warning|Traceback", first.stderr, re.MULTILINE | re.IGNORECASE)
    assert "merged: v2" in first.stdout
    before = digest_of(bay)
    text = (bay / "ephyra.toml").read_text()
    (bay / "ephyra.toml").write_text(text.replace('weights = "random"', 'weights = "gone.pth"'))
    failed = run()
    assert (failed.returncode, failed.stdout) == (2, "")
    assert re.search(r"^error there is no weights file", failed.stderr, re.MULTILINE)
    assert "Traceback" not in failed.stderr
    assert digest_of(bay) == before


def _saved_default_teacher(folder: Path) -> str:
    model = timm.create_model("tf_efficientnetv2_s.in21k_ft_in1k", pretrained=False)
    save_file(model.state_dict(), folder / "teacher.safetensors")
    return 'weights = "teacher.safetensors"\ninput_size = 64\nfolds = 3\n'


def _saved_studys_teacher(folder: Path) -> str:
    model = torchvision.models.efficientnet_v2_s(weights=None)
    torch.save(model.state_dict(), folder / "teacher.pth")
    backbone = 'backbone = "torchvision/efficientnet_v2_s"\nweights = "teacher.pth"\n'
    return f"{backbone}input_size = 64\nfolds = 3\n"


@pytest.mark.parametrize(
    "save_teacher",
    [_saved_default_teacher, pytest.param(_saved_studys_teacher, marks=pytest.mark.slow)],
)
def test_a_saved_teacher_goes_the_whole_way(
    tmp_path: Path, save_teacher: Callable[[Path], str]
) -> None:
    folder = tmp_path / "bay"
    folder.mkdir()
    write_project(folder, label=save_teacher(folder))
    write_labelled_set(folder / "labelled", per_class=8)
    write_found(folder / "found", per_class=2)
    told(folder, "import", folder / "labelled")
    told(folder, "collect")
    label = told(folder, "label")["label"]
    assert label["pool"] == 4
    assert label["card"]["backbone"].endswith(("in21k_ft_in1k", "efficientnet_v2_s"))
    assert told(folder, "merge")["tag"] in {"v1", "v2"}
    assert told(folder, "verify", "--blobs")["holds"]


def test_random_weights_come_by_an_explicit_word_alone(imported: Path) -> None:
    assert 'weights = "random"' in LABEL
    assert ephyra("label", "--project", imported).code == 0


@pytest.mark.slow
def test_the_small_server_of_a_run_obeys_nobody_else(imported: Path) -> None:
    """It writes to the database of `ephyra up`, whose worker would run what a stranger adds."""
    collect_and_label_in_process(imported, None, SilentProgress())
    from prefect.server.api.server import SubprocessASGIServer  # once the run has quietened it

    servers = [each for each in SubprocessASGIServer._instances.values() if each.running]
    assert servers
    for server in servers:
        for path in ("/version", "/csrf-token?client=x"):
            assert requests.get(f"{server.api_url}{path}", timeout=30).status_code == 401
        for headers in ({}, {"Origin": "http://127.0.0.1:1", "Content-Type": "text/plain"}):
            posted = requests.post(
                f"{server.api_url}/flow_runs/filter", data="{}", headers=headers, timeout=30
            )
            assert posted.status_code in {401, 403}
