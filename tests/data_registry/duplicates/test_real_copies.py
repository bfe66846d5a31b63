"""Real photographs: augmented ones find their source by features, and nothing else."""

import re
from pathlib import Path

import pytest
from drawn import collect_bytes

from data_registry.duplicates.feature_evidence import link_images_by_features
from data_registry.duplicates.grouping import load_groups, update_groups
from data_registry.duplicates.match_thresholds import MatchThresholds
from data_registry.images.hashing import compute_sha256
from data_registry.registry import Registry
from train.features.features import extract_features
from train.models.backbones import load_backbone
from train.specs import BackboneSpec

AUGMENTED = re.compile(r"aug-\d+-(.+)")
# Originals of this folder that are one photograph: see benchmarks/natural_copies.csv.
NATURAL = {frozenset(pair) for pair in (("10", "21"), ("25", "44"), ("27", "38"))}
HALF = (0.5, 0.5, 0.5)


@pytest.mark.real_data
def test_augmented_photographs_join_their_source_alone(registry: Registry, shared: Path) -> None:
    files = sorted((shared / "data" / "jellyfish" / "train" / "compass_jellyfish").iterdir())[-30:]
    folder = files[0].parent
    stems = {match[1] for file in files if (match := AUGMENTED.fullmatch(file.stem))}
    originals = [file for file in sorted(folder.iterdir()) if file.stem in stems]
    chosen = sorted({*files, *originals})
    collect_bytes(registry, [file.read_bytes() for file in chosen])
    weights = str(shared / "weights" / "tf_efficientnet_lite0_backbone.pth")
    spec = BackboneSpec("tf_efficientnet_lite0", weights=weights, mean=HALF, std=HALF)
    names = sorted(registry.find_present_images())
    vectors = extract_features(load_backbone(spec), names, registry.read_image)
    link_images_by_features(registry, names, vectors, MatchThresholds())
    update_groups(registry)
    group = {file.stem: load_groups(registry)[compute_sha256(file.read_bytes())] for file in chosen}
    families: dict[str, set[str]] = {}
    for stem, name in group.items():
        match = AUGMENTED.fullmatch(stem)
        families.setdefault(name, set()).add(match[1] if match else stem)
        assert match is None or group[match[1]] == name
    joined = {frozenset(family) for family in families.values() if len(family) > 1}
    assert joined <= NATURAL
