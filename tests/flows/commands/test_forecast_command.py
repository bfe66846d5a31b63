"""`ephyra forecast`: from kept features, in words and for machines."""

from pathlib import Path

from small_project import ephyra, told, write_labelled_set, write_project


def test_it_says_what_more_images_bring(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "bay")
    told(folder, "import", write_labelled_set(folder / "labelled", per_class=36))
    found = told(folder, "forecast")["forecast"]
    assert [gain["class_name"] for gain in found["classes"]]
    assert found["images"] == found["answers"]["now"] == 52
    assert found["answers"]["low"] <= found["answers"]["gain"] <= found["answers"]["high"]
    said = ephyra("forecast", "--project", folder)
    assert said.code == 0
    assert "200 more bring" in said.out
    assert found["advice"].split(":")[0] in {"go on", "stop", "hardly worth it"}


def test_too_few_images_are_told(imported: Path) -> None:
    found = told(imported, "forecast")
    assert found["forecast"] is None
    assert "at least 40" in found["advice"]
