"""The states a book has been in: after each commit, and by what had happened."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

from clientbook.errors import WrongUse
from clientbook.i18n import _
from clientbook.log.base import Head
from clientbook.log.marks import CommitMark, Commits
from clientbook.projection.moment import Moment


@dataclass(frozen=True, kw_only=True)
class Point:
    """A state of the book."""

    position: int
    """Of the last event that had been recorded; 0 for the empty book."""
    commit: int
    recorded_at: datetime | None
    """When the last commit was; None for the empty book."""
    moment: Moment
    asked_position: int | None = None
    """The position asked for, where it is inside a commit: the point is the end of the commit before."""

    def as_of(self, instant: datetime | None) -> Point:
        """What of it had happened by then."""
        return replace(self, moment=replace(self.moment, as_of=instant))

    def described(self) -> dict[str, object]:
        """Its documented shape."""
        return {
            "position": self.position,
            "commit": self.commit,
            "recorded_at": self.recorded_at,
            "as_of": self.moment.as_of,
            "asked_position": self.asked_position,
        }


def point_now(head: Head) -> Point:
    """The book as it is, with this newest commit."""
    return Point(position=head.position, commit=head.commit, recorded_at=head.recorded_at, moment=Moment())


def point_at(commits: Commits, instant: datetime) -> Point:
    """What had been recorded by then."""
    return _point(commits.known_at(instant))


def point_of(commits: Commits, position: int) -> Point:
    """What had been recorded up to a position, rounded down to the end of a commit, for a commit is all or nothing.

    Raises:
        WrongUse: the log does not reach so far.
    """
    newest = commits.marks[-1].position if commits.marks else 0
    if position > newest:
        raise WrongUse(
            _("there is no position {position}; the log ends at {newest}").format(position=position, newest=newest)
        )
    place = bisect_right(commits.marks, position, key=attrgetter("position"))
    mark = commits.marks[place - 1] if place else None
    point = _point(mark)
    return point if point.position == position else replace(point, asked_position=position)


def _point(mark: CommitMark | None) -> Point:
    if mark is None:
        return Point(position=0, commit=0, recorded_at=None, moment=Moment(position=0))
    moment = Moment(position=mark.position)
    return Point(position=mark.position, commit=mark.commit, recorded_at=mark.recorded_at, moment=moment)
