"""Editing customers: what is to change, and what that comes to for each of them, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from clientbook.engine.duckdb import Engine
from clientbook.errors import WrongUse
from clientbook.events.personal import ProfileField
from clientbook.fields import CustomField
from clientbook.i18n import _
from clientbook.query.expressions.names import nearest

ADDRESS: Final = ("street", "postal_code", "city", "region", "country")
_ONE_PERSONS: Final = frozenset({"email", "phone", "mobile", "landline", "siren", "vat_id"})
"""What belongs to one customer only."""
_NUMBERS: Final = frozenset({"birth_year", "children", "headcount"})
_PROFILE: Final = tuple(name for name in get_args(ProfileField) if name != "address")
_ATTRIBUTES: Final = "attributes."


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What is to change, checked."""

    profile: Mapping[str, Any]
    """Fields of `profile_updated` with their new values; None empties."""
    address: Mapping[str, str | None]
    attributes: Mapping[str, str]
    """Custom fields as the log keeps them; an empty text empties."""
    tags: tuple[str, ...]
    untags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Change:
    """What an edit comes to for one customer."""

    customer_id: str
    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    """The columns that change, with the same keys as `before`."""
    events: tuple[tuple[str, dict[str, Any]], ...]


def read_edit(
    sets: Sequence[str],
    clears: Sequence[str],
    *,
    tags: Sequence[str],
    untags: Sequence[str],
    fields: Mapping[str, CustomField],
) -> Edit:
    """Read `field=value` and names of fields to empty.

    Raises:
        WrongUse: there is no such field, or nothing to change, or a custom field cannot hold the value.
    """
    profile: dict[str, Any] = {}
    address: dict[str, str | None] = {}
    attributes: dict[str, str] = {}
    added = [*tags]
    for one in sets:
        name, is_set, value = one.partition("=")
        name, value = name.strip(), value.strip()
        if not is_set or not value:
            raise WrongUse(_("--set is followed by field=value, such as city=Lyon; --clear empties a field"))
        if name in ("tag", "tags"):
            added += [tag.strip() for tag in value.split(",")]
        else:
            _put(name, value, profile, address, attributes, fields)
    for name in clears:
        _put(name.strip(), None, profile, address, attributes, fields)
    if not (profile or address or attributes or added or untags):
        raise WrongUse(_("say what is to change: --set FIELD=VALUE, --clear FIELD, --tag TAG, --untag TAG"))
    return Edit(profile=profile, address=address, attributes=attributes, tags=tuple(added), untags=tuple(untags))


def _put(
    name: str,
    value: str | None,
    profile: dict[str, Any],
    address: dict[str, str | None],
    attributes: dict[str, str],
    fields: Mapping[str, CustomField],
) -> None:
    custom = name.removeprefix(_ATTRIBUTES)
    if name == "phone":
        profile |= {"mobile": value} if value else {"mobile": None, "landline": None}
    elif name == "address" and value is None:
        address |= dict.fromkeys(ADDRESS)
    elif name in ADDRESS:
        address[name] = value
    elif name in _PROFILE:
        profile[name] = _typed(name, value)
    elif name.startswith(_ATTRIBUTES) or name in fields:
        attributes[custom] = fields[custom].text(custom, value or "") if custom in fields else value or ""
    else:
        known = (*_PROFILE, *ADDRESS, *fields)
        raise WrongUse(
            _("no field {name!r} can be edited{hint}; a custom field is written attributes.{name}").format(
                name=name, hint=nearest(name, known)
            )
        )


def _typed(name: str, value: str | None) -> Any:
    if value is None:
        return None
    if name == "interests":
        return [one.strip() for one in value.split(",")]
    if name in _NUMBERS:
        try:
            return int(value)
        except ValueError:
            raise WrongUse(_("{name}: expected {type}").format(name=name, type=_("a whole number, such as 42"))) from None
    return value


def changes(engine: Engine, edit: Edit, customers: str) -> list[Change]:
    """What the edit comes to; `customers` is a query for the ids. Customers that are as they are to be are left out.

    Raises:
        WrongUse: several customers would get what belongs to one.
    """
    rows = engine.rows(f"select * from customers where customer_id in ({customers}) order by name, customer_id")
    single = sorted(_ONE_PERSONS & {name for name, value in edit.profile.items() if value is not None})
    if len(rows) > 1 and single:
        raise WrongUse(_("{name} belongs to one customer, and {count} are meant").format(name=single[0], count=len(rows)))
    return [change for row in rows if (change := _change(row, edit)) is not None]


def _change(row: Mapping[str, Any], edit: Edit) -> Change | None:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}

    def differs(name: str, old: Any, new: Any) -> bool:
        if _same(old, new):
            return False
        before[name], after[name] = old, new
        return True

    events: list[tuple[str, dict[str, Any]]] = []
    changed = {name: value for name, value in edit.profile.items() if differs(name, row[name], value)}
    data: dict[str, Any] = {name: value for name, value in changed.items() if value is not None}
    cleared = [name for name, value in changed.items() if value is None]
    moved = {name: value for name, value in edit.address.items() if differs(name, row[name], value)}
    if moved:
        there = {name: row[name] for name in ADDRESS} | moved
        street = there.pop("street")
        address = {name: value for name, value in there.items() if value}
        if street:
            address["lines"] = [street]
        if address:
            data["address"] = address
        else:
            cleared.append("address")
    held = dict(row["attributes"] or {})
    noted = {name: text for name, text in edit.attributes.items() if differs(name, held.get(name) or None, text or None)}
    if noted:
        data["attributes"] = noted
    if cleared:
        data["cleared"] = cleared
    if data:
        events.append(("profile_updated", data))
    tags = list(row["tags"])
    wanted = sorted((set(tags) | set(edit.tags)) - set(edit.untags))
    if differs("tags", tags, wanted):
        events += [("tag_added", {"tag": tag}) for tag in wanted if tag not in tags]
        events += [("tag_removed", {"tag": tag}) for tag in tags if tag not in wanted]
    if not events:
        return None
    return Change(customer_id=row["customer_id"], name=row["name"], before=before, after=after, events=tuple(events))


def _same(old: Any, new: Any) -> bool:
    """Whether a field has the value already, dates and numbers by how they are written."""
    if old is None or new is None:
        return old is new
    return old == new or (not isinstance(new, list) and str(old) == str(new))
