"""What a diagnosis consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Level(IntEnum):
    """How bad a finding is."""

    FACT = 0
    WARNING = 1
    BLOCKS = 2


@dataclass(frozen=True)
class Finding:
    """One thing that is so. ``evidence`` says where it is seen."""

    level: Level
    text: str
    evidence: str = ""


@dataclass
class Report:
    """All findings, the verdict, and what to do next."""

    findings: list[Finding] = field(default_factory=list)
    verdict: str = ""
    advice: str = ""

    @property
    def blocked(self) -> bool:
        """Whether something keeps the server from starting."""
        return any(finding.level is Level.BLOCKS for finding in self.findings)
