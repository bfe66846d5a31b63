"""A teacher's card: what it was made from, and what the labelled images say of it."""

from typing_extensions import TypedDict

from labeling.teacher.teacher_spec import TeacherMode


class OutOfFoldScores(TypedDict):
    """Scores of the labelled images, each predicted by the member that did not learn it.

    They are an estimate, since no pool was looked at.

    Attributes:
        images, groups, answered: labelled images, their duplicate groups, and how many of them a
            person answered in review.
        classes: names, in the order of the logits.
        folds: members.
        temperature: divides every member's logits.
        accuracy, log_loss: of calibrated probabilities; without the answered images.
        log_loss_uncalibrated: at temperature 1.
        threshold: confidence from which images are counted as accepted.
        accepted, accepted_right: images above it, and how many of them are right.
    """

    images: int
    groups: int
    answered: int
    classes: list[str]
    folds: int
    temperature: float
    accuracy: float
    log_loss: float
    log_loss_uncalibrated: float
    threshold: float
    accepted: int
    accepted_right: int


class TeacherCard(TypedDict):
    """What the registry keeps of a teacher.

    Attributes:
        backbone, backbones: names of the first backbone, and of all.
        fingerprint: of their weights.
        mode: how the members were fitted.
        labelled_digest: of the labelled images.
        gate_bound: distance from which an image is unlike them.
        out_of_fold: see there.
    """

    backbone: str
    backbones: list[str]
    fingerprint: str
    mode: TeacherMode
    labelled_digest: str
    gate_bound: float
    out_of_fold: OutOfFoldScores
