"""[collect] licences and allow_unknown, and the kinds of providers, from the file to the rooms."""

from pathlib import Path

import pytest
from small_project import write_project

from collectors.licences import LicenceRule
from collectors.providers.archive import ArchiveProvider
from collectors.providers.openverse import OpenverseProvider
from data_registry.errors import ProjectFileError
from flows.project_file import load_project
from flows.settings import collect_settings, providers
from flows.workspace import open_workspace

NAME = '[project]\nname = "x"\ncontact = "ann@example.org"\n[collect]\n'


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
        assert collect_settings(workspace).licences == rule


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
        fetch = collect_settings(workspace).fetch
        assert providers(workspace) == [
            ArchiveProvider(tmp_path / "photos.zip", licence="CC0", fetch=fetch),
            OpenverseProvider(licences=["cc0", "by"], limit=40, fetch=fetch),
        ]
    assert fetch.contact == "ann@example.org"
