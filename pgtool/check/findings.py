"""What a diagnosis consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Level(IntEnum):
    """How bad a finding is: DAMAGE lets a server start, which then cannot read everything."""

    FACT = 0
    WARNING = 1
    DAMAGE = 2
    BLOCKS = 3


@dataclass(frozen=True)
class Finding:
    """One thing that is so. ``evidence`` says where it is seen."""

    level: Level
    text: str
    evidence: str = ""

    @property
    def blocks(self) -> bool:
        """Whether it keeps the server from starting."""
        return self.level is Level.BLOCKS


@dataclass
class Report:
    """All findings, the verdict, and what to do next."""

    findings: list[Finding] = field(default_factory=list)
    verdict: str = ""
    advice: str = ""

    @property
    def blocked(self) -> bool:
        """Whether something keeps the server from starting."""
        return any(finding.blocks for finding in self.findings)

    @property
    def damaged(self) -> bool:
        """Whether something is wrong, be it that it only shows once the server runs."""
        return any(finding.level >= Level.DAMAGE for finding in self.findings)
