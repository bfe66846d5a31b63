"""A contact sheet of decisions: some accepted, queued and rejected images."""

from PIL import Image

from data_registry.images.thumbnails import render_thumbnail
from data_registry.labels.class_resolution import load_current_decisions
from data_registry.registry import Registry
from data_registry.vocabulary import Verdict
from train.reports.pictures import compose_sheet

_OF_EACH = 12  # two rows
_SIDE = 112  # pixels of a thumbnail


def draw_contact_sheet(registry: Registry) -> Image.Image | None:
    """Draw some images of each verdict, always the same; None where nothing was decided."""
    decisions = load_current_decisions(registry).sort_values("sha256")
    decisions = decisions[decisions["sha256"].isin(registry.find_present_images())]
    jpegs, captions = [], []
    for verdict in (Verdict.ACCEPTED, Verdict.REVIEW, Verdict.REJECTED):
        for row in decisions[decisions["verdict"] == verdict].head(_OF_EACH).itertuples():
            jpegs.append(render_thumbnail(str(row.sha256), registry.read_image, _SIDE))
            captions.append((verdict, f"{row.class_name} {row.confidence:.2f}"))
    return compose_sheet(jpegs, captions, _SIDE) if jpegs else None
