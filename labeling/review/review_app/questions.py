"""The review app's next question, and the record of an answer."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass

from data_registry.errors import InputError
from data_registry.labels.annotations import Annotation, record_annotations
from data_registry.labels.class_words import ClassWords
from data_registry.registry import Registry
from data_registry.text.hashes import shorten_hash
from labeling.audit.audit import find_newest_teacher, load_audit_result
from labeling.audit.audit_result import AuditResult
from labeling.review.queue import AUDIT_QUEUE, REVIEW_QUEUE, load_waiting_images

OpenRegistry = Callable[[], AbstractContextManager[Registry]]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One image that waits.

    Attributes:
        queue: audit or review; an audit is blind, so `suggestion` is empty.
        suggestion: what the teacher thinks; empty also where the question is which of several
            labels is right.
        detail: why it is asked.
        waiting: images that wait, this one too.
        audit: how far the newest teacher's audit is, if one was drawn.
    """

    sha256: str
    queue: str
    suggestion: str
    confidence: float | None
    detail: str
    url: str
    waiting: int
    audit: AuditResult | None


def find_next_question(registry: Registry) -> Question | None:
    """Find the image at the head of the queue; None where nothing waits."""
    queue = load_waiting_images(registry)
    if queue.empty:
        return None
    first = queue.iloc[0]
    return Question(
        sha256=str(first["sha256"]),
        queue=str(first["queue"]),
        suggestion=str(first["class_name"]),
        confidence=None if first["confidence"] is None else float(first["confidence"]),
        detail=str(first["detail"]),
        url=str(first["url"]),
        waiting=len(queue),
        audit=_load_audit(registry),
    )


def record_answer(
    registry: Registry, sha256: str, answer: str, person: str, class_names: Collection[str]
) -> bool:
    """Record a person's answer.

    Args:
        registry: where the image is known.
        sha256: which image.
        answer: a class, or the word for none of them (`data_registry.labels.class_words`).
        person: who answers.
        class_names: what may be answered.

    Returns:
        Whether it said something new.

    Raises:
        InputError: an image that does not wait, or no class of this project.
    """
    queue = load_waiting_images(registry).set_index("sha256")["queue"]
    if sha256 not in queue.index:
        raise InputError(
            f"{shorten_hash(sha256)} does not wait for an answer; somebody may have answered it"
        )
    words = ClassWords(class_names)
    matches = words.find(answer)
    if len(matches) != 1:
        raise InputError(
            f"{answer!r} is no class; expected {', '.join(words.class_names)} or {words.none_word}"
        )
    class_name = matches[0]
    purpose = AUDIT_QUEUE if queue[sha256] == AUDIT_QUEUE else REVIEW_QUEUE
    return (
        record_annotations(
            registry,
            [
                Annotation(
                    sha256=sha256, class_name=class_name, person=person, purpose=purpose, note=""
                )
            ],
        )
        > 0
    )


def _load_audit(registry: Registry) -> AuditResult | None:
    teacher = find_newest_teacher(registry)
    result = load_audit_result(registry, teacher) if teacher else None
    return result if result and result.drawn else None
