"""The rights of a person in one book: access, portability, rectification, restriction, objection, erasure. `Book.rights`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from clientbook.consent.desk import ConsentDesk
from clientbook.consent.grounds import Ground, grounds_to_refuse
from clientbook.consent.requests import (
    EXTENDED_MONTHS,
    Request,
    RequestIsOpen,
    check_extendable,
    check_unanswered,
    chosen,
    deadline,
    open_requests,
)
from clientbook.consent.rights_bundle import access_files, exports_since, gather, portable_files
from clientbook.consent.rights_file import check_target, write_answer
from clientbook.consent.rights_page import access_page
from clientbook.erasure import Eraser, Erasure
from clientbook.errors import ClientbookError, WrongUse
from clientbook.i18n import _
from clientbook.importing.commit import Outcome
from clientbook.importing.noting import Decision, Noted, happened
from clientbook.log.base import Clock
from clientbook.projection.snapshots import Projector, Snapshot
from clientbook.query.customers import find_customer
from clientbook.settings import Settings

Note = Callable[..., tuple[str | None, Outcome]]

PERSONS_GROUNDS: Final = ("request", "objection", "withdrawal", "child")
"""Grounds of erasure that somebody asked on; the others are the shop's own."""

_ADDRESS: Final = {"street": "lines", "postal_code": "postal_code", "city": "city", "country": "country"}


class RightNotRecorded(ClientbookError):
    """The book refused the event that was to be noted."""


class NotRestricted(ClientbookError):
    """There is no restriction to lift."""

    def __init__(self) -> None:
        super().__init__(_("the processing of this customer's data is not restricted"))


class AddressTaken(ClientbookError):
    """The corrected address is another customer's."""

    def __init__(self, customer_id: str) -> None:
        said = _("customer {id} has this e-mail already; are they one person? Then: clientbook merge")
        super().__init__(said.format(id=customer_id))


@dataclass(frozen=True, kw_only=True)
class RightsDesk:
    """Answers people who use their rights. Customers are named as `find_customer` understands."""

    note: Note
    projector: Projector
    settings: Settings
    eraser: Eraser
    clock: Clock

    def due(self) -> list[Request]:
        """Every request that waits for an answer, the most urgent first."""
        with self.projector.snapshot() as snapshot:
            return open_requests(snapshot, self.settings.timezone, now=self.clock())

    def receive(self, customer: str, right: str, *, at: datetime | None, ground: str | None) -> Request:
        """Note a request that came, with the date its answer is due.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            RequestIsOpen: it is noted already.
            AnsweredSince: it was answered later than it is said to have come.
            WrongUse: it came later than now.
        """
        now = self.clock()
        if at and at > now:
            raise WrongUse(_("a request cannot have come in the future"))
        customer_id = self._find(customer)
        for one in self._open(customer_id):
            if one.right == right:
                raise RequestIsOpen(one, self.settings.timezone)
        with self.projector.snapshot() as snapshot:
            check_unanswered(snapshot, customer_id, right, self.settings.timezone, since=at or now)
        self._request(customer_id, right, at or now, ground)
        return chosen(self._open(customer_id), right)

    def extend(self, customer: str, right: str | None, *, ground: str) -> Request:
        """Give an open request two more months; the customer has to be told, with the ground, within the first.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            NoOpenRequest, ExtendedAlready, TooLateToExtend: it cannot be extended.
        """
        customer_id, timezone = self._find(customer), self.settings.timezone
        request = chosen(self._open(customer_id), right)
        check_extendable(request, timezone, now=self.clock())
        due_at = deadline(request.received_at, timezone, months=EXTENDED_MONTHS)
        data = {"due_at": due_at, "ground": ground, "extends": True}
        self._note(customer_id, f"{request.right}_requested", data)
        return chosen(self._open(customer_id), request.right)

    def access(self, customer: str, out: Path) -> dict[str, Any]:
        """Write all that is held of a customer to a new file, and note that they were answered.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            AnswerFileExists, AnswerNotWritten: the file cannot be written; nothing was noted.
        """
        customer_id = self._find(customer)
        check_target(out)
        request = next((one for one in self._open(customer_id) if one.right == "access"), None)
        if request is None:
            self._request(customer_id, "access", self.clock(), None)
            request = chosen(self._open(customer_id), "access")
        made_at = self.clock()
        with self.projector.snapshot() as snapshot:
            held = gather(snapshot, self._consent(), customer_id)
        page = access_page(held, self.settings, received_at=request.received_at, made_at=made_at)
        files = access_files(held, page)
        path = write_answer(out, f"access-{request.position}.zip", files, made_at=made_at)
        self._note(customer_id, "access_answered", {"due_at": request.due_at, "ground": "bundle"})
        return {
            "customer_id": customer_id,
            "file": str(path),
            "files": list(files),
            "events": len(held.events),
            "free_texts": held.free_texts,
            "received_at": request.received_at,
            "due_at": request.due_at,
            "in_time": made_at <= request.due_at,
        }

    def portability(self, customer: str, out: Path) -> dict[str, Any]:
        """Write what a customer provided or brought about to a new file, to be taken elsewhere.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            AnswerFileExists, AnswerNotWritten: the file cannot be written.
        """
        customer_id = self._find(customer)
        check_target(out)
        made_at = self.clock()
        with self.projector.snapshot() as snapshot:
            held = gather(snapshot, self._consent(), customer_id)
        files = portable_files(held)
        path = write_answer(out, f"portability-{secrets.token_hex(4)}.zip", files, made_at=made_at)
        return {"customer_id": customer_id, "file": str(path), "files": list(files)}

    def rectify(self, customer: str, changes: dict[str, Any], cleared: tuple[str, ...]) -> dict[str, Any]:
        """Correct a profile; what is said, and the consents that were for an address which is not the customer's any more.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            AddressTaken: somebody else has the e-mail.
            InvalidEvent: a value breaks a constraint.
        """
        customer_id = self._find(customer)
        before = self._current_consents(customer_id)
        with self.projector.snapshot() as snapshot:
            data = _with_whole_address(snapshot, customer_id, changes)
        decision = _rectified(customer_id, data | {"cleared": list(cleared) or None})
        position = _told(self.note(decision, occurred_at=self.clock()))
        after = self._current_consents(customer_id)
        return {
            "customer_id": customer_id,
            "position": position,
            "fields": sorted({*data, *cleared}),
            "consents_left_behind": [shown for key, shown in before.items() if key not in after],
            "exports": self._exports(customer_id),
        }

    def restrict(self, customer: str, *, ground: str, lift: bool) -> dict[str, Any]:
        """Let a customer's data be kept only, or used again.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
            NotRestricted: there is nothing to lift.
        """
        customer_id = self._find(customer)
        if lift and not self._is_restricted(customer_id):
            raise NotRestricted
        type = "restriction_lifted" if lift else "processing_restricted"
        position = self._note(customer_id, type, {"ground": ground})
        return {"customer_id": customer_id, "position": position, "restricted": not lift}

    def object(self, customer: str, *, channel: str | None, purpose: str | None, method: str | None) -> dict[str, Any]:
        """Note an objection: to everything, to a channel, to a purpose, or to a purpose on one channel. It binds at once.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
        """
        customer_id = self._find(customer)
        scope = "purpose" if purpose else "channel" if channel else "all"
        data = {"scope": scope, "channel": channel, "purpose": purpose, "method": method}
        position = self._note(customer_id, "objection_raised", data)
        exports = self._exports(customer_id)
        return {"customer_id": customer_id, "position": position, "scope": scope, "channel": channel, "purpose": purpose} | {
            "exports": exports
        }

    def foresee_erasure(self, customer: str) -> ErasurePlan:
        """What speaks against erasing a customer, what erasing would do, and what it does not reach.

        Raises:
            CustomerNotFound: nobody, or several, are meant.
        """
        customer_id = self.eraser.find(customer)
        preview = self.eraser.preview(customer_id)
        with self.projector.snapshot() as snapshot:
            known = bool(snapshot.engine.rows("select 1 from customers where customer_id = $id", {"id": customer_id}))
            grounds = grounds_to_refuse(snapshot, customer_id, self.settings.consent, now=self.clock()) if known else []
            exports = exports_since(snapshot, _entries(snapshot, customer_id))
            answers = snapshot.table(
                "select count(*) as n from events where type = 'access_answered' and customer_id = $id", {"id": customer_id}
            )["n"][0].as_py()
        return ErasurePlan(
            customer_id=customer_id, is_known=known, grounds=grounds, erasure=preview, exports=exports, bundles=answers
        )

    def erase(self, plan: ErasurePlan, *, ground: str) -> Erasure:
        """Erase a customer for good. Where they asked for it, the request is noted first, so that it is open until done.

        Raises:
            DamagedLog: a file that may hold their rows is not what was written; nothing was erased.
        """
        if plan.is_known and ground in PERSONS_GROUNDS:
            self._ensure_request(plan.customer_id, "erasure")
        return self.eraser.erase(plan.customer_id, ground=ground)

    def refuse(self, plan: ErasurePlan, *, ground: str) -> dict[str, Any]:
        """Note that a customer is not erased, and why; the request too, where none is open."""
        request = self._ensure_request(plan.customer_id, "erasure")
        position = self._note(plan.customer_id, "erasure_refused", {"due_at": request.due_at, "ground": ground})
        return {"customer_id": plan.customer_id, "position": position, "due_at": request.due_at}

    def _ensure_request(self, customer_id: str, right: str) -> Request:
        found = [one for one in self._open(customer_id) if one.right == right]
        if not found:
            self._request(customer_id, right, self.clock(), None)
        return chosen(self._open(customer_id), right)

    def _request(self, customer_id: str, right: str, at: datetime, ground: str | None) -> None:
        data = {"due_at": deadline(at, self.settings.timezone), "ground": ground}
        _told(self.note(happened(customer_id, [(f"{right}_requested", data)]), occurred_at=at))

    def _note(self, customer_id: str, type: str, data: dict[str, Any]) -> int:
        return _told(self.note(happened(customer_id, [(type, data)]), occurred_at=self.clock()))

    def _find(self, customer: str) -> str:
        with self.projector.identities() as snapshot:
            return find_customer(snapshot.engine, customer)

    def _open(self, customer_id: str) -> list[Request]:
        with self.projector.snapshot() as snapshot:
            return open_requests(snapshot, self.settings.timezone, now=self.clock(), customer_id=customer_id)

    def _consent(self) -> ConsentDesk:
        return ConsentDesk(projector=self.projector, settings=self.settings, now=self.clock())

    def _exports(self, customer_id: str) -> list[dict[str, Any]]:
        with self.projector.snapshot() as snapshot:
            return exports_since(snapshot, _entries(snapshot, customer_id))

    def _is_restricted(self, customer_id: str) -> bool:
        acts = [one["act"] for one in self._consent().states(customer_id)["acts"]]
        said = [act for act in acts if act in ("processing_restricted", "restriction_lifted")]
        return said[-1:] == ["processing_restricted"]

    def _current_consents(self, customer_id: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Consents that are granted or waiting, for an address that the customer has now."""
        states = self._consent().states(customer_id)["states"]
        names = ("channel", "purpose", "state", "proof_grade", "consented_at")
        return {
            (one["channel"], one["address"], one["purpose"]): {name: one[name] for name in names}
            for one in states
            if one["is_current"] and one["address"] and one["state"] in ("granted", "pending")
        }


@dataclass(frozen=True, kw_only=True)
class ErasurePlan:
    """What is to be known before somebody is erased."""

    customer_id: str
    is_known: bool
    """False: only events that do not count now, such as those of an undone import, speak of them."""
    grounds: list[Ground]
    erasure: Erasure
    exports: list[dict[str, Any]]
    """Lists that left the book and may hold the person."""
    bundles: int
    """Answers to requests for access, each of which was a file."""

    def described(self) -> dict[str, Any]:
        """The keys that `rights erase --json` begins with."""
        return {
            "customer_id": self.customer_id,
            "grounds": [asdict(one) for one in self.grounds],
            "exports": self.exports,
            "bundles": self.bundles,
        }


def _told(noted: tuple[str | None, Outcome]) -> int:
    """The position of what was noted.

    Raises:
        RightNotRecorded: the book refused it.
    """
    outcome = noted[1]
    if outcome.rejects:
        raise RightNotRecorded(outcome.rejects[0].message)
    return outcome.position


def _rectified(customer_id: str, data: dict[str, Any]) -> Decision:
    def decide(snapshot: Snapshot) -> Noted:
        taken = snapshot.engine.value(
            "select customer_id from identifiers where kind = 'email' and value = lower(trim($email)) and customer_id <> $id"
            " limit 1",
            {"email": data.get("email") or "", "id": customer_id},
        )
        if taken:
            raise AddressTaken(taken)
        return Noted(customer_id=customer_id, events=[("profile_updated", data)])

    return decide


def _with_whole_address(snapshot: Snapshot, customer_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    """The changes, with the parts of the postal address that stay as they were: an event replaces it whole."""
    given = {_ADDRESS[name]: value for name, value in changes.items() if name in _ADDRESS}
    others = {name: value for name, value in changes.items() if name not in _ADDRESS}
    if not given:
        return others
    row = snapshot.engine.rows(
        "select street, postal_code, city, region, country from customers where customer_id = $id", {"id": customer_id}
    )[0]
    street = row.pop("street")
    address = {name: value for name, value in row.items() if value} | ({"lines": [street]} if street else {})
    if "lines" in given:
        given["lines"] = [given["lines"]]
    return others | {"address": address | given}


def _entries(snapshot: Snapshot, customer_id: str) -> list[str]:
    rows = snapshot.engine.rows("select customer_id from customer_roots where root_id = $id", {"id": customer_id})
    return sorted({customer_id, *(row["customer_id"] for row in rows)})
