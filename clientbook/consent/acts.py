"""Acts of permission noted by hand: what each event needs of what was said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

from clientbook.errors import ClientbookError, WrongUse
from clientbook.i18n import _
from clientbook.importing.commit import Outcome
from clientbook.importing.noting import happened

Note = Callable[..., tuple[str | None, Outcome]]

_NAMED: Final = {
    "opt_out_offered": ("channel", "ticked", "notice_id"),
    "objection_raised": ("scope", "channel", "purpose", "method"),
    "objection_lifted": ("scope", "channel", "purpose", "method"),
    "address_suppressed": ("channel", "cause", "address"),
    "suppression_lifted": ("channel", "address", "reason"),
    "do_not_call_checked": ("register", "listed"),
    "call_refused": ("reason",),
    "processing_restricted": ("ground",),
    "restriction_lifted": ("ground",),
    "death_reported": ("ground",),
}
"""The fields of each event that is no act of consent."""

_NEEDED: Final = {
    "opt_out_offered": ("channel", "ticked"),
    "objection_raised": ("scope",),
    "objection_lifted": ("scope",),
    "address_suppressed": ("channel", "cause"),
    "suppression_lifted": ("channel",),
    "do_not_call_checked": ("listed",),
}


class NotNoted(ClientbookError):
    """What was to be noted was refused."""


def recorded(
    note: Note, customer: str, type: str, given: dict[str, Any], *, occurred_at: datetime, actor: str | None
) -> Outcome:
    """Append the event that says so.

    Raises:
        WrongUse: something it needs is missing.
        NotNoted: the book refused it.
    """
    data = _consent(type, given, actor) if type.startswith("consent_") else _other(type, given)
    return _told(note(happened(customer, [(type, data)]), occurred_at=occurred_at, actor=actor))


def published(note: Note, text: bytes, given: dict[str, Any], *, controller: str, at: datetime) -> Outcome:
    """Put a wording into the register.

    Raises:
        WrongUse: the text is no UTF-8.
    """
    try:
        wording = text.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise WrongUse(_("the wording is not UTF-8 text")) from None
    data = given | {"text": wording, "sha256": sha256(wording.encode()).hexdigest()}
    data |= {"controllers": [controller]} if controller else {}
    return _told(note(happened(None, [("notice_published", data)]), occurred_at=at))


def acquired(note: Note, given: dict[str, Any], *, at: datetime) -> Outcome:
    """Note a list that was bought or rented."""
    data = {name: value for name, value in given.items() if value is not None}
    return _told(note(happened(None, [("list_acquired", data)]), occurred_at=at))


def _consent(type: str, given: dict[str, Any], actor: str | None) -> dict[str, Any]:
    if not given["channel"] or not given["purposes"]:
        raise WrongUse(_("a consent needs --channel and --purpose"))
    notice_id, _slash, version = (given["notice"] or "").partition("/")
    evidence: Path | None = given["evidence"]
    data = {
        "channel": given["channel"],
        "purposes": list(given["purposes"]),
        "address": given["address"],
        "notice_id": notice_id or None,
        "notice_version": version or None,
        "surface": given["surface"],
        "method": given["method"],
        "form_id": given["form_id"],
        "box_default": None if given["ticked"] is None else "ticked" if given["ticked"] else "unticked",
        "evidence_sha256": _digest(evidence) if evidence else None,
        "parental": given["parental"] or None,
        "undated": True if given["without_proof"] else None,
        "valid_until": given["valid_until"],
        "recorded_by": actor,
        "reason": given["reason"],
    }
    if type == "consent_requested":
        data["confirmation"] = given["confirmation"] or None
    if type == "consent_confirmed":
        data["opt_in_level"] = "CONFIRMED_OPT_IN"
    return {name: value for name, value in data.items() if value is not None}


def _other(type: str, given: dict[str, Any]) -> dict[str, Any]:
    purposes = given["purposes"]
    if len(purposes) > 1:
        raise WrongUse(_("one --purpose at a time: {count} were given").format(count=len(purposes)))
    said = given | {"purpose": purposes[0] if purposes else None, "ground": given["reason"]}
    said["notice_id"] = (given["notice"] or "").partition("/")[0] or None
    if type.startswith("objection") and not said["scope"]:
        said["scope"] = "purpose" if said["purpose"] else "channel" if said["channel"] else None
    missing = [name for name in _NEEDED.get(type, ()) if said[name] is None]
    if type.startswith("objection") and said["scope"] in ("channel", "purpose") and not said[said["scope"]]:
        missing.append(said["scope"])
    if missing:
        names = ", ".join(f"--{'ticked/--unticked' if name == 'ticked' else name}" for name in missing)
        raise WrongUse(_("this needs {options}").format(options=names))
    return {name: said[name] for name in _NAMED[type] if said[name] is not None}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _told(noted: tuple[str | None, Outcome]) -> Outcome:
    outcome = noted[1]
    if outcome.rejects:
        raise NotNoted(outcome.rejects[0].message)
    if outcome.rows_duplicate and not outcome.events:
        raise NotNoted(_("the book knows this already; nothing was added"))
    return outcome
