"""Drawn pictures of a few tints, a small registry of them, and a tiny teacher that tells them."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from data_registry.duplicates.grouping import link_images_by_hashes, update_groups
from data_registry.duplicates.match_thresholds import Radii
from data_registry.images.hashing import compute_sha256
from data_registry.images.image_record import build_image_record
from data_registry.images.pixels import decode
from data_registry.images.records import CollectedImage, FetchAttempt, ImageRecord, Source
from data_registry.ingest.importing import import_folder
from data_registry.labels.decisions import Decision, record_decisions, record_teacher
from data_registry.registry import Registry
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits
from labeling.rounds.label_settings import LabelSettings
from labeling.teacher.labelled import LabelledImages
from labeling.teacher.teacher_spec import TeacherSpec
from train.choices import RANDOM
from train.specs import BackboneSpec

TINTS = {"blue": (40, 80, 230), "green": (40, 200, 60), "red": (230, 50, 40)}
TINY = BackboneSpec(
    name="tf_efficientnetv2_b0",
    weights=RANDOM,
    model_args={"channel_multiplier": 0.25, "depth_multiplier": 0.25},
    input_size=32,
)


def jpeg(class_name: str, seed: int, side: int = 64) -> bytes:
    """Soft blobs of one tint; each seed gives another picture."""
    return _encoded(_soft(seed, side) * np.array(TINTS[class_name]) / 255)


def smaller_copy(data: bytes, side: int = 48) -> bytes:
    """Draw the same picture at another size: other bytes, nearly the same hashes."""
    image = decode(data).image.resize((side, side), Image.Resampling.LANCZOS)
    return _encoded(np.asarray(image, dtype=np.float64))


def unlike_anything(seed: int, side: int = 64) -> bytes:
    """Hard black and white noise, of no tint."""
    dots = np.random.default_rng(seed).integers(0, 2, (side, side, 1)) * 255
    return _encoded(np.repeat(dots, 3, axis=2).astype(np.float64))


def labelled(classes: Sequence[int], groups: Sequence[str]) -> LabelledImages:
    """Labelled images without any pictures."""
    names = tuple(
        hashlib.sha256(str(number).encode()).hexdigest() for number in range(len(classes))
    )
    class_names = tuple(f"class {number}" for number in range(max(classes) + 1))
    return LabelledImages(
        sha256=names,
        classes=np.array(classes, dtype=np.int64),
        groups=tuple(groups),
        class_names=class_names,
    )


def settings(
    threshold: float = 0.9,
    teacher: TeacherSpec | None = None,
    class_of_query: Mapping[str, str] | None = None,
) -> LabelSettings:
    teacher = teacher or TeacherSpec(TINY, folds=3, gate_quantile=0.99)
    return LabelSettings(teacher, threshold, class_of_query=class_of_query or {})


class Bay:
    """A registry to fill with labelled and collected pictures."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def label(self, folder: Path, per_class: int = 8, held_out: int = 2) -> None:
        """Import pictures of every tint: `per_class` for train, `held_out` for val and for test."""
        counts = {"train": per_class, "val": held_out, "test": held_out}
        first = 0
        for split, count in counts.items():
            for name in TINTS:
                (folder / split / name).mkdir(parents=True, exist_ok=True)
                for seed in range(first, first + count):
                    (folder / split / name / f"{seed}.jpg").write_bytes(
                        jpeg(name, seed + _offset(name))
                    )
            first += count
        import_folder(self.registry, folder)
        self.regroup()
        assign_splits(self.registry, SplitSettings())

    def label_twice(self, folder: Path, data: bytes) -> str:
        """Import one picture under the classes blue and red; returns its name."""
        for name in ("blue", "red"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "same.jpg").write_bytes(data)
            (folder / name / "other.jpg").write_bytes(jpeg(name, 900))
        import_folder(self.registry, folder)
        return compute_sha256(data)

    def collect(self, pictures: Sequence[bytes], query: str = "") -> list[str]:
        """Store pictures as a collection would; returns their names."""
        records = [self._stored(data) for data in pictures]
        self.record(records, query)
        self.regroup()
        return [record.sha256 for record in records]

    def record(self, records: Sequence[ImageRecord], query: str = "") -> None:
        batch = []
        for record in records:
            source = Source(
                provider="web", url=f"http://127.0.0.1/{query}/{record.sha256[:12]}", query=query
            )
            batch.append(
                CollectedImage(
                    FetchAttempt(source=source, outcome="stored", sha256=record.sha256), record
                )
            )
        self.registry.record_collected(batch)

    def record_without_pixels(self, count: int) -> list[str]:
        """Rows of images that nobody will look at; returns their names, sorted."""
        zeros = np.zeros(8, dtype=np.uint64)
        names = [hashlib.sha256(f"row {number}".encode()).hexdigest() for number in range(count)]
        self.record(
            [
                ImageRecord(
                    sha256=name,
                    format="jpeg",
                    width=64,
                    height=64,
                    byte_count=1000,
                    phash=zeros,
                    dhash=zeros,
                )
                for name in names
            ]
        )
        return sorted(names)

    def decide(
        self, teacher_id: str, verdicts: Mapping[str, tuple[str, float]], class_name: str = "blue"
    ) -> None:
        """Write a teacher's decisions: image to (verdict, confidence)."""
        record_teacher(self.registry, teacher_id, {})
        decisions = [
            Decision(
                sha256=name,
                teacher_id=teacher_id,
                policy="threshold",
                verdict=verdict,
                class_name=class_name,
                confidence=confidence,
                reason="why",
                detail="words",
            )
            for name, (verdict, confidence) in verdicts.items()
        ]
        record_decisions(self.registry, decisions)

    def regroup(self) -> None:
        link_images_by_hashes(self.registry, Radii())
        update_groups(self.registry)

    def _stored(self, data: bytes) -> ImageRecord:
        self.registry.store_bytes(data)
        return build_image_record(data, decode(data))


def picture(class_name: str, seed: int) -> bytes:
    """Draw the picture that `Bay.label` imports under this name and number."""
    return jpeg(class_name, seed + _offset(class_name))


def _offset(class_name: str) -> int:
    return 1000 * (1 + list(TINTS).index(class_name))


def _soft(seed: int, side: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(60, 256, (9, 11, 1), dtype=np.uint8)
    grey = Image.fromarray(noise[:, :, 0]).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(grey.filter(ImageFilter.GaussianBlur(1)), dtype=np.float64)[:, :, None]


def _encoded(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()
