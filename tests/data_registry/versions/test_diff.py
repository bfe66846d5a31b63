"""What changed between two versions."""

from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_registry.errors import StorageError
from data_registry.registry import Registry
from data_registry.versions.diff import CHANGES, VersionDiff, diff_versions
from data_registry.versions.manifest import COLUMNS, build_manifest_path, write_manifest
from data_registry.versions.published_versions import Version

BEFORE, AFTER = Version("v1", "1" * 64, "", {}), Version("v2", "2" * 64, "", {})
Rows = dict[str, tuple[str, str]]  # image to (class, split)


def manifest(rows: Rows, reason: str = "") -> pd.DataFrame:
    table = pd.DataFrame(
        [(name, *facts) for name, facts in rows.items()], columns=["sha256", "class_name", "split"]
    )
    table["reason"] = table["split"].map(lambda split: reason if split == "excluded" else "")
    missing = [name for name in COLUMNS if name not in table]
    return table.assign(**dict.fromkeys(missing, ""))


def compared(registry: Registry, before: Rows, after: Rows) -> VersionDiff:
    write_manifest(registry, BEFORE.version_hash, manifest(before))
    write_manifest(registry, AFTER.version_hash, manifest(after, "copy of a better image"))
    return diff_versions(registry, BEFORE, AFTER)


def test_each_kind_of_change_is_told_with_class_and_split(registry: Registry) -> None:
    before = {
        "same": ("a", "train"),
        "gone": ("a", "test"),
        "left out": ("b", "train"),
        "renamed": ("a", "train"),
        "moved": ("b", "val"),
        "both": ("a", "train"),
        "still out": ("a", "excluded"),
        "back": ("a", "excluded"),
    }
    after = {
        "same": ("a", "train"),
        "left out": ("b", "excluded"),
        "renamed": ("b", "train"),
        "moved": ("b", "train"),
        "both": ("b", "val"),
        "still out": ("a", "excluded"),
        "back": ("a", "train"),
        "new": ("c", "train"),
    }
    found = compared(registry, before, after)
    assert (found.images_before, found.images_after) == (6, 6)
    assert found.changes == {"added": 2, "removed": 2, "relabelled": 2, "moved": 2}
    rows = found.images.set_index(["change", "sha256"])
    assert rows.loc[("removed", "left out"), "reason"] == "copy of a better image"
    assert rows.loc[("removed", "gone"), "split_before"] == "test"
    assert rows.loc[("added", "new"), "class_after"] == "c"
    assert list(rows.loc["moved"].index) == ["both", "moved"]
    assert list(rows.loc["relabelled"].index) == ["both", "renamed"]
    assert found.counts["images"].sum() == len(found.images) == 8


def test_what_is_only_described_differently_is_counted_apart(registry: Registry) -> None:
    rows = manifest({"one": ("a", "train"), "two": ("a", "train"), "out": ("a", "excluded")})
    write_manifest(registry, BEFORE.version_hash, rows)
    write_manifest(registry, AFTER.version_hash, rows.assign(licence=["CC0", "", "CC0"]))
    found = diff_versions(registry, BEFORE, AFTER)
    assert (sum(found.changes.values()), found.redescribed) == (0, 1)


states = st.dictionaries(
    st.sampled_from("pqrstuvw"),
    st.tuples(st.sampled_from("ab"), st.sampled_from(["train", "val", "test", "excluded"])),
)


@settings(max_examples=15)
@given(states, states)
def test_the_changes_are_those_of_a_plain_comparison(
    tmp_path_factory: pytest.TempPathFactory, before: Rows, after: Rows
) -> None:
    with Registry.open(tmp_path_factory.mktemp("workspace")) as registry:
        found = compared(registry, before, after)
    kept = [{k: v for k, v in rows.items() if v[1] != "excluded"} for rows in (before, after)]
    both = kept[0].keys() & kept[1].keys()
    expected = Counter(added=len(kept[1].keys() - both), removed=len(kept[0].keys() - both))
    expected["relabelled"] = sum(kept[0][name][0] != kept[1][name][0] for name in both)
    expected["moved"] = sum(kept[0][name][1] != kept[1][name][1] for name in both)
    assert found.changes == {name: expected[name] for name in CHANGES}
    assert dict(found.counts.groupby("change")["images"].sum()) == +expected


def test_a_manifest_that_is_damaged_or_gone_is_told(registry: Registry) -> None:
    write_manifest(registry, BEFORE.version_hash, manifest({"one": ("a", "train")}))
    with pytest.raises(StorageError, match="is not in the workspace"):
        diff_versions(registry, BEFORE, AFTER)
    registry.files.write(build_manifest_path(AFTER.version_hash), b"PAR1 and no more")
    with pytest.raises(StorageError, match="is damaged"):
        diff_versions(registry, BEFORE, AFTER)
