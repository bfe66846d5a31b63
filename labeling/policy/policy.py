"""The policy: what becomes of a prediction, and why."""

from collections.abc import Collection
from dataclasses import dataclass

from data_registry.labels.decisions import Decision, Prediction
from data_registry.text.hashes import shorten_hash
from data_registry.vocabulary import Verdict

SURE, UNLIKE_LABELLED = "sure", "unlike-labelled"  # reasons of decisions


@dataclass(frozen=True)
class Policy:
    """Accept what the teacher is sure of, reject what is like nothing labelled, queue the rest.

    Attributes:
        threshold: least calibrated confidence that is accepted; the studies' was 0.95.
        gate_bound: cosine distance to the nearest labelled image beyond which an image is junk.
        heed_query: whether an image whose search query names another class waits for a person.
    """

    threshold: float
    gate_bound: float
    heed_query: bool = True

    @property
    def words(self) -> str:
        """The policy in words, as kept with each decision."""
        query = ", query must agree" if self.heed_query else ""
        return f"threshold {self.threshold:g}{query}"

    def decide(
        self,
        teacher_id: str,
        prediction: Prediction,
        query_classes: Collection[str] = (),
        copy_of: str = "",
        copy_split: str = "",
    ) -> Decision:
        """Decide on one image of the pool.

        Args:
            teacher_id: whose prediction it is.
            prediction: calibrated.
            query_classes: classes whose queries found the image; empty: one for the background.
            copy_of: the better image of its group, or empty.
            copy_split: where that image stands.
        """
        verdict, reason, detail = self._judge(prediction, query_classes, copy_of, copy_split)
        return Decision(
            sha256=prediction.sha256,
            teacher_id=teacher_id,
            policy=self.words,
            verdict=verdict.value,
            class_name=prediction.class_name,
            confidence=prediction.confidence,
            reason=reason,
            detail=detail,
        )

    def _judge(
        self,
        prediction: Prediction,
        query_classes: Collection[str],
        copy_of: str,
        copy_split: str,
    ) -> tuple[Verdict, str, str]:
        name, confidence = prediction.class_name, prediction.confidence
        if copy_of:
            where = f"{shorten_hash(copy_of)} in {copy_split}"
            return Verdict.REJECTED, "copy", f"copy or near-copy of {where}"
        # A comparison with NaN is false; the other way round it would accept.
        if not prediction.gate_distance <= self.gate_bound:
            far = f"{prediction.gate_distance:.3f} from the nearest labelled image"
            return Verdict.REJECTED, UNLIKE_LABELLED, f"{far}, beyond {self.gate_bound:.3f}"
        if not confidence >= self.threshold:
            unsure = f"{name} at {confidence:.3f}, below {self.threshold:g}"
            return Verdict.REVIEW, "below-threshold", unsure
        if self.heed_query and query_classes and name not in query_classes:
            queries = ", ".join(sorted(query or "a background query" for query in query_classes))
            return (
                Verdict.REVIEW,
                "query-disagrees",
                f"{name} at {confidence:.3f}, but found by {queries}",
            )
        return Verdict.ACCEPTED, SURE, f"{name} at {confidence:.3f}"
