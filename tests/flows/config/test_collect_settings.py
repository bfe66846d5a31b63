"""[collect] from the project file to the rooms: licences, budget, background, providers."""

from pathlib import Path

import pytest
from small_project import ephyra, write_project

from collectors.budget import BudgetRule
from collectors.checks.check_settings import CheckSettings
from collectors.fetch.fetched import FetchSettings
from collectors.licences import LicenceRule
from collectors.providers.archives.archive import ArchiveProvider
from collectors.providers.openverse import OpenverseProvider
from data_registry.errors import ProjectFileError
from data_registry.images.image_limits import ImageLimits
from flows.config.collection_settings import build_collect_settings, build_providers
from flows.config.loader import load_project
from flows.config.own_servers import list_admitted_servers
from flows.config.settings import build_image_limits
from flows.config.workspace import open_workspace

NAME = '[project]\nname = "x"\ncontact = "ann@example.org"\n[collect]\n'


def test_one_limit_holds_everywhere(tmp_path: Path) -> None:
    text = NAME + "max_megapixels = 0.5\nmax_megabytes = 3\n"
    with open_workspace(write_project(tmp_path, text)) as workspace:
        assert build_image_limits(workspace) == ImageLimits(max_bytes=3_000_000, max_pixels=500_000)
        settings = build_collect_settings(workspace)
        assert (settings.fetch.max_bytes, settings.check.max_pixels) == (3_000_000, 500_000)
        assert settings.check.memory_bytes == CheckSettings().memory_bytes
    text = NAME + "max_megapixels = 100\n"
    with open_workspace(write_project(tmp_path, text)) as workspace:
        assert (
            build_collect_settings(workspace).check.memory_bytes == 400_000_000
        )  # a plain 100 MP image


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", LicenceRule()),
        ('licences = ["CC0", "BY-SA"]\n', LicenceRule(("CC0", "BY-SA"))),
        (
            'licences = ["PDM"]\nallow_unknown = false\n',
            LicenceRule(("PDM",), allow_unknown=False),
        ),
    ],
)
def test_licences_from_the_project_file(tmp_path: Path, text: str, rule: LicenceRule) -> None:
    with open_workspace(write_project(tmp_path, NAME + text)) as workspace:
        assert build_collect_settings(workspace).licences == rule


def test_a_licence_that_does_not_exist(tmp_path: Path) -> None:
    path = write_project(tmp_path, NAME + 'licences = ["CC0", "unknown"]\n')
    with pytest.raises(ProjectFileError, match=r"line 5: collect\.licences.*'BY-SA'"):
        load_project(path)


def test_providers_from_the_project_file(tmp_path: Path) -> None:
    text = (
        '[[collect.providers]]\nkind = "archive"\npath = "photos.zip"\nlicence = "CC0"\n'
        '[[collect.providers]]\nkind = "openverse"\nlicences = ["cc0", "by"]\nlimit = 40\n'
    )
    with open_workspace(write_project(tmp_path, NAME + text)) as workspace:
        fetch = build_collect_settings(workspace).fetch
        assert build_providers(workspace) == [
            ArchiveProvider(tmp_path / "photos.zip", licence="CC0", fetch=fetch),
            OpenverseProvider(licences=["cc0", "by"], limit=40, fetch=fetch),
        ]
    assert fetch.contact == "ann@example.org"


def admitted(tmp_path: Path, text: str) -> object:
    with open_workspace(write_project(tmp_path, NAME + text)) as workspace:
        return build_collect_settings(workspace).fetch.allow_loopback


def test_servers_of_this_machine_are_named(tmp_path: Path) -> None:
    text = 'allow_loopback = ["127.0.0.1:8000", "http://LOCALHOST:9000/"]\n'
    assert admitted(tmp_path, text) == ("127.0.0.1:8000", "localhost:9000")
    assert admitted(tmp_path, "allow_loopback = false\n") == ()
    assert admitted(tmp_path, "") == ()


def test_true_admits_what_the_providers_name_and_no_other_port(tmp_path: Path) -> None:
    (tmp_path / "urls.csv").write_text("url\nhttp://127.0.0.1:8002/a.jpg\nhttps://far.org/b.jpg\n")
    text = (
        "allow_loopback = true\n"
        '[[collect.providers]]\nkind = "gallery"\nbase = "http://127.0.0.1:8001/bay"\n'
        '[[collect.providers]]\nkind = "urls"\npath = "urls.csv"\n'
        '[[collect.providers]]\nkind = "archive"\npath = "a.zip"\nurl = "http://[::1]:8003/a"\n'
        '[[collect.providers]]\nkind = "openverse"\n'
    )
    assert admitted(tmp_path, text) == ("127.0.0.1:8001", "127.0.0.1:8002", "::1:8003")
    assert admitted(tmp_path, "allow_loopback = true\n") == ()


def test_what_a_user_types_is_admitted_where_loopback_is(tmp_path: Path) -> None:
    typed = ["photo.jpg", "http://127.0.0.1:8000/a.jpg", "https://far.example/b.jpg"]
    for value, admits in (
        ("true", ("127.0.0.1:8000",)),
        ("false", ()),
        ('["[::1]:1"]', ("::1:1",)),
    ):
        text = NAME + f"allow_loopback = {value}\n"
        with open_workspace(write_project(tmp_path, text)) as workspace:
            assert list_admitted_servers(workspace, typed) == admits


@pytest.mark.parametrize(
    "value", ['"127.0.0.1:8000"', '["127.0.0.1"]', '["192.168.0.1:80"]', "1", "[8000]", '["yes"]']
)
def test_servers_that_are_none(tmp_path: Path, value: str) -> None:
    path = write_project(tmp_path, NAME + f"allow_loopback = {value}\n")
    said = r"line 5: collect\.allow_loopback: expected a list of servers on this machine"
    with pytest.raises(ProjectFileError, match=said):
        load_project(path)


def test_limits_have_one_default(tmp_path: Path) -> None:
    """What a project says that says nothing is what the collectors do by themselves."""
    with open_workspace(write_project(tmp_path, NAME)) as workspace:
        fetch = build_collect_settings(workspace).fetch
    assert fetch == FetchSettings(contact="ann@example.org", allow_loopback=())


CLASSES = '[[classes]]\nname = "moon"\nqueries = ["moon jelly"]\n'


def test_budget_and_background_from_the_project_file(tmp_path: Path) -> None:
    text = NAME + 'background = ["street"]\ncandidates_per_class = 40\nleast_new = 0.2\n' + CLASSES
    with open_workspace(write_project(tmp_path, text)) as workspace:
        settings = build_collect_settings(workspace)
        assert workspace.project.queries == ["moon jelly", "street"]
    assert settings.budget == BudgetRule(per_class=40, least_new=0.2)
    assert settings.class_of_query == {"moon jelly": "moon", "street": ""}


def test_a_background_query_that_a_class_has_too(tmp_path: Path) -> None:
    path = write_project(tmp_path, NAME + 'background = ["moon jelly"]\n' + CLASSES)
    with pytest.raises(ProjectFileError, match=r"line 5: collect\.background: moon has this query"):
        load_project(path)


def test_what_licences_keep_out_is_told_with_the_setting(project: Path) -> None:
    file = project / "ephyra.toml"
    file.write_text(file.read_text().replace("[collect]\n", "[collect]\nallow_unknown = false\n"))
    said = ephyra("collect", "--project", project)
    assert "dropped: licence unknown; [collect] allow_unknown = true accepts them" in said.out


# Yield and retry


def test_yield_shows_what_each_query_brought(project: Path) -> None:
    assert "nothing was tried yet" in ephyra("collect", "--yield", "--project", project).out
    collected = ephyra("collect", "--project", project, "--json").json
    told = ephyra("collect", "--yield", "--project", project, "--json").json["queries"]
    outcomes = collected["providers"][0]["outcomes"]
    assert sum(row["candidates"] for row in told) == sum(outcomes.values())
    assert sum(row["new"] for row in told) == outcomes["stored"]
    assert "usable" in ephyra("collect", "--yield", "--project", project).out


def test_retry_tries_nothing_where_nothing_failed(project: Path) -> None:
    ephyra("collect", "--project", project)
    told = ephyra("collect", "--retry", "--project", project, "--json").json
    assert [(each["outcomes"], each["skipped"]) for each in told["providers"]] == [({}, 0)]


def test_a_provider_that_fails_does_not_keep_the_others_from_being_asked(project: Path) -> None:
    file = project / "ephyra.toml"
    missing = '[[collect.providers]]\nkind = "urls"\npath = "nowhere.txt"\n\n[groups]'
    words = file.read_text().replace('path = "found"', 'path = "elsewhere"', 1)
    file.write_text(words.replace("[groups]", missing).replace("[label]", FOUND + "[label]", 1))
    said = ephyra("collect", "--project", project)
    assert said.code == 2
    assert "elsewhere" in said.err and "nowhere.txt" in said.err
    assert "folder: collected; their images are kept" in said.err
    with open_workspace(project) as workspace:
        assert {each.outcome for each in workspace.registry.load_last_attempts("folder").values()}


FOUND = '[[collect.providers]]\nkind = "folder"\npath = "found"\n\n'
