"""What words about time are measured against, and what they come to: points, spans and the remarks on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Final, Literal

from sanctuary_host import ToolError
from sanctuary_utils.time_clock import WEEKDAYS, Local, describe_case, iso, offset_of, place, show_offset
from sanctuary_utils.time_zones import Zone

Order = Literal["auto", "dmy", "mdy"]
DEEPEST: Final = 5
"""How many times a phrase may stand within another ("3 days after 2 weeks before ...")."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The reference of a phrase.

    Attributes:
        now: the present, in `zone`.
        zone: the zone of everything that names none.
        order: how 03/04/2026 is read.
        first_weekday: on which weekday a week starts, 0 for Monday to 6 for Sunday.
        holidays: dates that are no business days.
        start: the date from which weekdays and dates without a year are counted on, by default today.
        depth: how many phrases enclose this one.
    """

    now: datetime
    zone: Zone
    order: Order = "auto"
    first_weekday: int = 0
    holidays: frozenset[date] = frozenset()
    start: date | None = None
    depth: int = 0

    @property
    def today(self) -> date:
        """The date of the present in the frame's zone."""
        return self.now.date()

    @property
    def anchor(self) -> date:
        """The date from which weekdays and dates without a year are counted on."""
        return self.start or self.today

    def inner(self) -> Frame:
        """The frame of a phrase within this one.

        Raises:
            ToolError: the phrase is nested too deeply.
        """
        if self.depth >= DEEPEST:
            raise ToolError("this phrase nests too many others; say it in two steps")
        return replace(self, depth=self.depth + 1)

    def place(self, day: date, clock: time) -> tuple[Local, str]:
        """A local time on the time line, and a sentence where clocks skip or repeat it."""
        naive = datetime.combine(day, clock)
        local = place(naive, self.zone.rules)
        return local, describe_case(naive, local, self.zone.name)


@dataclass(frozen=True, slots=True)
class Point:
    """A date, a date with a time of day, or an exact moment, and how the words came to it."""

    day: date
    clock: time | None = None
    moment: datetime | None = None
    how: str = ""
    notes: tuple[str, ...] = ()

    def noted(self, *notes: str) -> Point:
        """The same point with further remarks; empty ones are left out."""
        return replace(self, notes=(*self.notes, *filter(None, notes)))

    def at(self, clock: time) -> Point:
        """The same day at a time of day."""
        return replace(self, clock=clock, moment=None)

    def settle(self, frame: Frame) -> Point:
        """The same point with its moment, where it has a time of day."""
        if self.moment is not None or self.clock is None:
            return self
        local, note = frame.place(self.day, self.clock)
        return replace(self, moment=local.moment).noted(note)

    def instant(self, frame: Frame) -> datetime:
        """The moment; for a date the start of the day."""
        settled = self if self.moment or self.clock else self.at(time())
        moment = settled.settle(frame).moment
        assert moment is not None  # it was given a clock
        return moment

    def shown(self, frame: Frame) -> str:
        """The point in words."""
        settled = self.settle(frame)
        if settled.moment is None:
            return f"{WEEKDAYS[self.day.weekday()]} {self.day.isoformat()}"
        moment = settled.moment
        clock = f"{moment:%H:%M:%S}".removesuffix(":00")
        offset = show_offset(offset_of(moment))
        return f"{WEEKDAYS[moment.weekday()]} {moment.date().isoformat()} {clock} in {frame.zone.name} (UTC{offset})"

    def written(self, frame: Frame) -> str:
        """The point in ISO 8601: a date alone where no time was said."""
        moment = self.settle(frame).moment
        return iso(moment) if moment is not None else self.day.isoformat()


@dataclass(frozen=True, slots=True)
class Span:
    """From one point to another; of two dates both belong to it."""

    start: Point
    end: Point
    how: str = ""
    notes: tuple[str, ...] = ()


def days_span(first: date, last: date, how: str, *notes: str) -> Span:
    """A span of whole days, both included."""
    return Span(Point(first), Point(last), how, tuple(filter(None, notes)))
