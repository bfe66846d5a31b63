"""`ephyra forget`, from the request to what is left."""

from pathlib import Path

import pytest
from small_project import ephyra

from data_registry.lock import hold_workspace
from flows.config.workspace import open_workspace
from train.features.feature_store import drop_features


def told(project: Path, *arguments: object) -> dict[str, object]:
    said = ephyra(*arguments, "--project", project, "--json")
    assert said.code == 0, said.out
    return said.json


def test_a_takedown_from_request_to_the_next_version(imported: Path) -> None:
    ephyra("collect", "--project", imported)
    ephyra("label", "--project", imported)
    with open_workspace(imported) as workspace:
        pool = sorted(
            workspace.registry.find_known_images() - workspace.registry.find_labelled_images()
        )
        labelled = sorted(workspace.registry.find_labelled_images())
    gone = [pool[0], labelled[0]]
    asked = [part for name in gone for part in ("--sha", name[:10])]
    assert told(imported, "forget", *asked, "--dry-run")["images"] == sorted(gone)
    assert told(imported, "status")["images"] == len(pool) + len(labelled)
    found = told(imported, "forget", *asked, "--reason", "Ann asked")
    assert (found["new"], found["versions"], found["reason"]) == (2, ["v1"], "Ann asked")
    assert told(imported, "status")["images"] == len(pool) + len(labelled) - 2
    assert told(imported, "verify", "--blobs")["breaches"] == []
    refused = ephyra("train", "--project", imported)
    assert (refused.code, "v1 holds 1 image taken down" in refused.err) == (2, True)
    told(imported, "label")
    assert told(imported, "merge")["tag"] == "v2"
    assert told(imported, "verify", "--blobs")["breaches"] == []
    with open_workspace(imported) as workspace:
        files = workspace.registry.files
        assert drop_features(files, gone) == 0  # they had gone with the images
        assert drop_features(files, [pool[1]]) == 1


def test_a_request_without_anything_to_look_for(imported: Path) -> None:
    said = ephyra("forget", "--project", imported)
    assert (said.code, "--url, --creator or --sha" in said.err) == (2, True)


@pytest.mark.parametrize("option", ["--creator", "--url", "--sha"])
@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_text_means_no_image(imported: Path, option: str, text: str) -> None:
    """Most images state no creator and no page, so it would mean nearly all of them."""
    said = ephyra("forget", option, text, "--project", imported)
    assert (said.code, "is empty" in said.err) == (2, True)
    with open_workspace(imported) as workspace:
        assert workspace.registry.find_tombstones() == set()


def test_nothing_goes_while_a_flow_is_at_work(imported: Path) -> None:
    with open_workspace(imported) as workspace:
        name = min(workspace.registry.find_known_images())
        with hold_workspace(workspace.registry):
            said = ephyra("forget", "--sha", name, "--project", imported)
        assert (said.code, "another flow" in said.err) == (2, True)
        assert workspace.registry.find_tombstones() == set()
