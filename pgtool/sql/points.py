"""The plans of point statements, kept by skeleton: from a text to its outcome without planning.

A skeleton (:mod:`pgtool.sql.normalise`) that comes a second time is planned with parameters
in the place of its literals; if the plan is a point (:mod:`pgtool.sql.executor.point`) it is
run for every further text with that skeleton, else the text goes the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pgtool.errors import PgtoolError, SqlError
from pgtool.sql.answer import Outcome, StoredAnswer, ValueAnswer
from pgtool.sql.executor.context import Context
from pgtool.sql.normalise import (
    INT4,
    INT8,
    Matched,
    Normalised,
    Pattern,
    normalise,
    pattern_of,
)
from pgtool.sql.permissions import check_planned

if TYPE_CHECKING:
    from pgtool.sql.executor.point import Point
    from pgtool.sql.executor.pointread import PointRead

__all__ = ["PointReads", "Points"]

MAX_KEPT = 1000
#: So much of a text finds its patterns, of which so many are tried.
_PREFIX, _PATTERNS = 20, 4
_SEEN_ONCE, _UNFIT = "seen once", "no point"
_WORDS = {"i": "INSERT", "u": "UPDATE", "d": "DELETE", "s": "SELECT"}


class _Kept:
    """A point and how its parameters are read."""

    def __init__(self, point: Point, readers: list[Callable[[str], Any]], word: str) -> None:
        self.point = point
        self.readers = readers
        #: What the statement is called.
        self.word = word
        #: How often a pattern for its texts was made: they are not alike if that is often.
        self.unlike = 0


class Points:
    """The point statements of one engine."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.session = engine.session
        self._kept: dict[Any, Any] = {}
        #: Begin of a text → patterns of those kept, the latest first.
        self._patterns: dict[str, list[Pattern]] = {}
        #: Whether a skeleton is planned when it first comes.
        self.eager = False

    def find(self, text: str) -> tuple[_Kept, Normalised | Matched] | None:
        """The plan for a text, made now where its skeleton has come before."""
        patterns = self._patterns.get(text[:_PREFIX], ())
        for pattern in patterns:
            matched = pattern.read(text)
            if matched is not None:
                found: Normalised | Matched | None = matched
                break
        else:
            found = normalise(text)
        if found is None:
            return None
        session = self.session
        key = (found.skeleton, found.types, session.gucs.generation, session.database.generation)
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            kept = self._kept[key] = _SEEN_ONCE
            if not self.eager:
                return None
        if kept is _SEEN_ONCE:
            kept = self._kept[key] = self._planned(found) or _UNFIT
        if not isinstance(kept, _Kept):
            return None
        if kept.unlike < _PATTERNS and not any(p.skeleton == found.skeleton for p in patterns):
            kept.unlike += 1
            self._learn(text, found)
        return kept, found

    def _learn(self, text: str, found: Normalised | Matched) -> None:
        """Tell texts like this one quickly from now on."""
        pattern = pattern_of(text, found)
        if pattern is None:
            return
        if len(self._patterns) >= MAX_KEPT:
            self._patterns.clear()
        known = self._patterns.setdefault(text[:_PREFIX], [])
        known.insert(0, pattern)
        del known[_PATTERNS:]

    def _planned(self, found: Normalised | Matched) -> _Kept | None:
        if self.session.xact is None:
            return None
        from pgtool.sql.executor.point import point_of

        try:
            statements = self.engine.parse(found.skeleton)
            if len(statements) != 1:
                return None
            planned, types = self.engine.plan(statements[0], found.skeleton, list(found.types))
            check_planned(planned, self.session)
            point = point_of(planned, self.session)
        except PgtoolError:
            return None
        if point is None:
            return None
        word = _WORDS[found.skeleton.lstrip()[0].lower()]
        return _Kept(point, [self._reader(typid) for typid in types], word)

    def _reader(self, typid: int) -> Callable[[str], Any]:
        """How a literal's text becomes a value."""
        from pgtool.functions.codec import codec_of

        if typid in (INT4, INT8):
            limit = 2**31 if typid == INT4 else 2**63
            io = self.session.types.io_of(typid)
            decode = codec_of(self.session.types, typid).decode

            def number(text: str) -> Any:
                if text.isdigit() and len(text) < 20 and int(text) < limit:
                    return int(text)
                return decode(io.input(text))

            return number
        codec = codec_of(self.session.types, typid)
        info = self.session.types.info(typid)
        if codec.is_text and info.typoutput == "textout":
            return str
        read, convert = self.session.types.io_of(typid).input, codec.decode
        return lambda text: convert(read(text))

    def run(self, kept: _Kept, found: Normalised | Matched, text: str) -> Outcome:
        """Run a text's statement."""
        try:
            values = tuple([read(one) for read, one in zip(kept.readers, found.texts)])
        except SqlError:
            values = tuple(self._placed(kept, found, text))
        point, word = kept.point, kept.word
        if point.writes:
            self.engine.writer(word)
        rows, count = point.run(Context(self.session, values))
        answer = None
        if point.names:
            answer = ValueAnswer(self.session, point.names, point.types, point.typmods, rows)
        if not point.writes:
            return Outcome("SELECT", answer)
        tag = f"INSERT 0 {count}" if word == "INSERT" else f"{word} {count}"
        return Outcome(tag, answer, count=count)

    @staticmethod
    def _placed(kept: _Kept, found: Normalised | Matched, text: str) -> Iterator[Any]:
        """The values once more: an error tells which literal it is about."""
        for read, literal in zip(kept.readers, found.literals):
            try:
                yield read(literal.text)
            except SqlError as error:
                if error.position is None:
                    error.position = len(text[: literal.start].encode()) + 1
                raise


class PointReads:
    """The short ways of plans that read one row, while nobody writes (see pointread)."""

    def __init__(self, session: Any) -> None:
        self.session = session
        #: By the plan's identity; the plan stays so that nobody else gets it.
        self._kept: dict[int, tuple[Any, PointRead | None]] = {}

    def answer(self, planned: Any, params: tuple[Any, ...]) -> StoredAnswer | None:
        """The answer of a plan that comes again; None where it is to be executed."""
        if self.session.xact is not None:
            return None
        known = self._kept.get(id(planned))
        if known is None:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[id(planned)] = planned, self._made(planned)
            return None
        point = known[1]
        rows = None if point is None else point.rows(Context(self.session, params))
        if point is None or rows is None:
            return None
        return StoredAnswer(self.session, point.names, point.types, point.typmods, rows)

    def _made(self, planned: Any) -> PointRead | None:
        from pgtool.sql.executor.pointread import point_read

        return point_read(planned, self.session)
