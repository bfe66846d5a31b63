"""How large a missing val or test split becomes."""

from dataclasses import dataclass

from data_registry.vocabulary import Split


@dataclass(frozen=True)
class SplitSettings:
    """How large a missing val or test split becomes.

    Attributes:
        val, test: fractions of each class's images.
        seed: of the random draw.
    """

    val: float = 0.15
    test: float = 0.15
    seed: int = 0

    def get_fraction(self, split: str) -> float:
        """Get the fraction of a held-out split."""
        return {Split.VAL.value: self.val, Split.TEST.value: self.test}[split]
