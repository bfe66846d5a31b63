"""`predict` and `serve`: pictures from everywhere, calibrated, over loopback, within limits."""

import csv
import io
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from local_servers import served
from PIL import Image
from small_project import TINTS, ephyra, photo, strange_photo, told, write_labelled_set
from small_project import write_project as write

from data_registry.progress import SilentProgress
from data_registry.runs.champions import require_champion
from flows.champion.champion_calibration import calibrate_stage, read_temperature
from flows.config.workspace import open_workspace
from flows.prediction.predicting import Predictor
from flows.prediction.site.app import MOST_IMAGES, create_app
from labeling.review.site_security.owner_token import build_start_address

GROUPED = '[[train.models]]\nname = "cnn"\nlearns = "groups"\ninput_size = 16\nsteps = 2\n'
MOST_BYTES = 20_000
TOKEN = "only-the-owner-knows-this"
OWNER = {"Authorization": f"Bearer {TOKEN}"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the tests' output quiet."""


@pytest.fixture(scope="module")
def bay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a project with a champion, and a model of groups beside it."""
    folder = write(tmp_path_factory.mktemp("bay"))
    text = (folder / "ephyra.toml").read_text()
    for name in TINTS:
        text = text.replace(f'name = "{name}"\n', f'name = "{name}"\ngroup = "of {name}"\n')
    (folder / "ephyra.toml").write_text(f"{text}\n{GROUPED}")
    write_labelled_set(folder / "labelled")
    told(folder, "import", folder / "labelled")
    trained = told(folder, "train")
    assert [item["model"] for item in trained["comparisons"]] == ["cnn", "cnn (groups)"]
    return folder


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """Serve one photo on loopback, and yield its address."""
    (tmp_path / "moon.jpg").write_bytes(photo("moon", 300))
    handler = partial(_Quiet, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_files_and_addresses_are_answered_with_calibrated_classes(
    bay: Path, web: str, tmp_path: Path
) -> None:
    table = tmp_path / "answers.csv"
    local = bay / "labelled" / "rose" / "0.jpg"
    given = (local, f"{web}/moon.jpg", f"{web}/gone.jpg")
    found = told(bay, "predict", *given, "--top", "2", "--csv", table)["predictions"]
    assert [item["file"] for item in found] == [str(name) for name in given]
    assert found[0]["calibrated"]
    assert found[0]["answer"] in TINTS
    chances = list(found[0]["probabilities"].values())
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) == pytest.approx(1)
    assert found[1]["gate_distance"] is not None
    assert (found[2]["answer"], "404" in found[2]["trouble"]) == ("unreadable", True)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["answer"] for row in rows] == [item["answer"] for item in found]
    assert rows[0]["class_1"] == next(iter(found[0]["probabilities"]))
    assert float(rows[0]["probability_1"]) == pytest.approx(chances[0])
    assert (rows[2]["class_1"], rows[2]["probability_1"]) == ("", "")


def test_names_that_look_like_formulas_or_are_no_text_reach_the_csv(
    bay: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["=1+1.jpg", os.fsdecode(b"caf\xe9.jpg")]
    for name in names:
        Path(name).write_bytes(photo("moon", 300))
    told(bay, "predict", *names, "--csv", "answers.csv")
    rows = list(csv.DictReader(Path("answers.csv").read_text().splitlines()))
    assert [row["file"] for row in rows] == ["'=1+1.jpg", "caf\\xE9.jpg"]


def test_a_class_may_be_called_like_another_answer(bay: Path) -> None:
    with open_workspace(bay) as workspace:
        predictor = Predictor(workspace, SilentProgress())
        good, strange, broken = predictor.predict(
            [("a", photo("moon", 1)), ("b", strange_photo()), ("c", b"no image")]
        )
    assert (good.is_class, strange.is_class, broken.is_class) == (True, False, False)


def test_what_costs_too_much_is_refused_and_the_rest_is_answered(bay: Path, tmp_path: Path) -> None:
    good = photo("moon", 5, side=2400)
    with io.BytesIO() as buffer:
        Image.open(io.BytesIO(good)).save(buffer, "JPEG", progressive=True)
        scans = buffer.getvalue()
    last = scans.rindex(b"\xff\xda")
    (tmp_path / "a.jpg").write_bytes(good)
    (tmp_path / "b.jpg").write_bytes(scans[:last] + scans[last:-2] * 40 + b"\xff\xd9")
    with (tmp_path / "c.mp4").open("wb") as film:
        film.truncate(10**12)  # a terabyte that takes no room
    (tmp_path / "d.jpg").write_bytes(good[:-2000])
    (tmp_path / "e.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    found = told(bay, "predict", tmp_path)["predictions"]
    assert [Path(item["file"]).name[0] for item in found] == list("abcde")
    assert found[0]["answer"] != "unreadable"
    why = ["scans", "at most 20 MB", "incomplete", "HEIC"]
    for item, words in zip(found[1:], why, strict=True):
        assert (item["answer"], words in item["trouble"]) == ("unreadable", True), item


def test_private_networks_are_never_asked(bay: Path) -> None:
    (found,) = told(bay, "predict", "http://10.0.0.1/photo.jpg")["predictions"]
    assert found["answer"] == "unreadable"
    assert "10.0.0.1" in found["trouble"]


def test_the_champion_s_temperature_comes_from_folds_of_train(bay: Path) -> None:
    with open_workspace(bay) as workspace:
        run_id = require_champion(workspace.registry)
        temperature = read_temperature(workspace.registry.files, run_id)
        assert temperature is not None
        assert temperature > 0
        assert calibrate_stage(workspace) == temperature
        calm = Predictor(workspace, SilentProgress()).predict([("x", photo("moon", 1))])[0]
        workspace.registry.files.write(
            f"runs/{run_id}/calibration.json",
            f'{{"temperature": {temperature * 1e6}}}'.encode(),
        )
        hot = Predictor(workspace, SilentProgress()).predict([("x", photo("moon", 1))])[0]
        workspace.registry.files.delete(f"runs/{run_id}/calibration.json")
        plain = Predictor(workspace, SilentProgress()).predict([("x", photo("moon", 1))])[0]
        assert calibrate_stage(workspace) == pytest.approx(temperature)
    assert list(hot.probabilities.values()) == pytest.approx([0.5, 0.5], abs=1e-3)
    assert calm.answer == plain.answer
    assert (calm.calibrated, plain.calibrated) == (True, False)


def test_groups_have_their_own_lines(bay: Path) -> None:
    pages = [Path(page).read_text() for page in told(bay, "report")["reports"]]
    (fine,) = [page for page in pages if "Coarse classes" in page]
    assert "By a model of the groups" in fine
    assert "of moon, of rose" in fine
    cards = list(bay.glob("runs/*/MODEL_CARD.md"))
    assert len(cards) == 2
    assert all("Licence not stated: 16 images" in card.read_text() for card in cards)


def test_two_runs_are_compared(bay: Path) -> None:
    first, second = (item["runs"][0] for item in told(bay, "train")["comparisons"])
    refused = ephyra("report", "--compare", first, second, "--project", bay)
    assert (refused.code, "different images or classes" in refused.err) == (2, True)
    same = told(bay, "report", "--compare", first[:8], first)
    assert (same["answer"], same["difference"], same["p_value"]) == ("cannot tell", 0, 1)
    assert Path(same["report"]).is_file()
    champion = told(bay, "status")["champion"]
    titled = told(bay, "report", "--compare", "champion", champion)
    assert (titled["first"], titled["second"]) == (champion, champion)
    assert titled["report"] in told(bay, "report", "champion")["reports"]
    assert same["report"] in told(bay, "report", first)["reports"]


@pytest.fixture(scope="module")
def site(bay: Path) -> Iterator[str]:
    """Serve the champion, and yield its address."""
    with open_workspace(bay) as workspace:
        app = create_app("A <small> bay", Predictor(workspace, SilentProgress()), MOST_BYTES, TOKEN)
    with served(app) as address:
        yield address


def sent(site: str, path: str, *pictures: tuple[str, bytes], **headers: str) -> requests.Response:
    files = [("images", picture) for picture in pictures]
    return requests.post(f"{site}{path}", files=files, headers=OWNER | headers, timeout=60)


def test_programs_get_json(site: str) -> None:
    said = sent(
        site, "/predict", ("a.jpg", photo("moon", 1)), ("b", b"no image"), ("c", strange_photo())
    )
    found = said.json()["predictions"]
    assert [item["file"] for item in found] == ["a.jpg", "b", "c"]
    assert found[0]["calibrated"]
    assert (found[1]["answer"], found[2]["answer"]) == ("unreadable", "none of these")


def test_people_get_a_page(site: str) -> None:
    empty = requests.get(build_start_address(site, TOKEN), timeout=60)
    assert 'type="file"' in empty.text
    assert "A &lt;small&gt; bay" in empty.text
    assert empty.headers["content-security-policy"].startswith("default-src 'none'")
    page = sent(site, "/", ("<a>.jpg", photo("rose", 2)), Origin=site).text
    assert "&lt;a&gt;.jpg" in page
    assert "data:image/jpeg;base64," in page
    assert all(name in page for name in TINTS)
    assert "no image was sent" in sent(site, "/", ("", b"")).text
    none = requests.post(f"{site}/predict", headers=OWNER, timeout=60)
    assert "no image" in none.json()["error"]


def test_only_its_owner_is_answered(site: str) -> None:
    assert requests.get(site, timeout=60).status_code == 403
    refused = sent(site, "/predict", ("a.jpg", photo("moon", 1)), Authorization="Bearer guess")
    assert (refused.status_code, refused.headers["content-type"]) == (
        403,
        "text/plain; charset=utf-8",
    )
    for path in ("/nothing", "/%3Cscript%3E"):
        gone = requests.get(f"{site}{path}", headers=OWNER, timeout=60)
        assert (gone.status_code, gone.text) == (404, "404: Not Found")
        assert gone.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/predict"])
@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}]
)
def test_another_site_s_page_may_not_ask(site: str, path: str, headers: dict[str, str]) -> None:
    assert sent(site, path, ("a.jpg", photo("moon", 1)), **headers).status_code == 403
    assert requests.get(site, headers={"Host": "rebound.example"}, timeout=60).status_code == 400


def test_too_much_is_refused(site: str) -> None:
    large = photo("moon", 1) + b"\0" * MOST_BYTES
    (found,) = sent(site, "/predict", ("a.jpg", large)).json()["predictions"]
    assert (found["answer"], "at most 0.02 MB" in found["trouble"]) == ("unreadable", True)
    many = sent(site, "/predict", *[("a", b"x")] * (MOST_IMAGES + 1))
    assert (many.status_code, "at most 32" in many.json()["error"]) == (422, True)
    body = b"0" * (MOST_IMAGES * MOST_BYTES + 1)
    stated = requests.post(f"{site}/predict", data=body, headers=OWNER, timeout=60)
    assert stated.status_code == 413
    kind = OWNER | {"Content-Type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'
    pieces = (
        part if start < 0 else body[start : start + 65536]
        for start in range(-65536, len(body), 65536)
    )
    unstated = requests.post(f"{site}/predict", data=pieces, headers=kind, timeout=60)
    assert unstated.status_code == 413
