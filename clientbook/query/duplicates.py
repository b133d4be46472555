"""Entries that are probably one person: candidates by blocking keys, scored field by field; nothing is merged here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import pyarrow as pa

from clientbook.i18n import N_
from clientbook.projection.snapshots import Snapshot
from clientbook.query.given_names import GIVEN_NAMES

DEFAULT_SCORE: Final = 0.9
BLOCK_LIMIT: Final = 60
"""Entries that may have a blocking key in common."""

PRIOR: Final = -14.0
"""Before any field is looked at: log2 of the odds that two entries of a block are one person."""

WEIGHTS: Final[dict[str, dict[str, float]]] = {
    "email": {"same": 11, "local": 6, "near": 8, "other": -1.5},
    "phone": {"mobile": 10, "landline": 6, "other": -1.5},
    "given": {"nickname": 4, "initial": 2, "part": 1, "near": 4, "other": -45},
    "family": {"near": 5, "part": 4, "other": -5},
    "birth": {"same": 11, "near": 6, "year": 4, "other": -30},
    "sex": {"same": 0.8, "other": -8},
    "generation": {"other": -14},
    "postcode": {"near": 5, "town": 3, "other": -1.5},
    "street": {"same": 5, "near": 4, "other": -4},
    "legal": {"same": 9, "near": 5, "other": -12},
    "siren": {"same": 14, "other": -25},
}
"""log2(m / u) of each way to agree: how much oftener it occurs between two entries of one person than between two people
(Fellegi and Sunter 1969). Three ways are weighed by how rare the value is in this file (Winkler 1989): see `_RARE`."""

_RARE: Final = {"given": (3, 8), "family": (4, 10), "postcode": (4, 8)}
"""Fields whose agreement weighs the more the rarer the value: least and greatest weight."""

_EVERYWHERE: Final = 20_000
"""People beside this file that a frequency is smoothed with, so that a small file takes no name for a common one."""

REASONS: Final[dict[tuple[str, str], str]] = {
    ("email", "same"): N_("same e-mail"),
    ("email", "local"): N_("same e-mail name at another provider"),
    ("email", "near"): N_("nearly the same e-mail"),
    ("email", "other"): N_("other e-mail"),
    ("phone", "mobile"): N_("same mobile"),
    ("phone", "landline"): N_("same phone"),
    ("phone", "other"): N_("other phone"),
    ("given", "same"): N_("same first name"),
    ("given", "nickname"): N_("short form of the first name"),
    ("given", "initial"): N_("initial of the first name"),
    ("given", "part"): N_("part of the first name"),
    ("given", "near"): N_("nearly the same first name"),
    ("given", "other"): N_("other first name"),
    ("family", "same"): N_("same last name"),
    ("family", "near"): N_("nearly the same last name"),
    ("family", "part"): N_("part of the last name"),
    ("family", "other"): N_("other last name"),
    ("birth", "same"): N_("same birth date"),
    ("birth", "near"): N_("nearly the same birth date"),
    ("birth", "year"): N_("same birth year"),
    ("birth", "other"): N_("other birth date"),
    ("sex", "other"): N_("other civility"),
    ("generation", "other"): N_("one is the elder, or the younger"),
    ("postcode", "same"): N_("same postcode"),
    ("postcode", "near"): N_("nearly the same postcode"),
    ("postcode", "town"): N_("same town"),
    ("postcode", "other"): N_("other postcode"),
    ("street", "same"): N_("same street and number"),
    ("street", "near"): N_("nearly the same street"),
    ("street", "other"): N_("other street"),
    ("legal", "same"): N_("same company name"),
    ("legal", "near"): N_("nearly the same company name"),
    ("legal", "other"): N_("other company name"),
    ("siren", "same"): N_("same SIREN"),
    ("siren", "other"): N_("other SIREN"),
    ("is_swapped", "same"): N_("first and last name swapped"),
}
"""What each way to agree or differ is called."""

_FIELDS: Final = (*WEIGHTS,)

_STREETS: Final = (
    ("av|ave", "avenue"),
    ("bd|bld|bvd|boul", "boulevard"),
    ("r", "rue"),
    ("pl", "place"),
    ("rte", "route"),
    ("all", "allee"),
    ("st", "saint"),
)
_HEARD: Final = (
    ("ph", "f"),
    ("cu|cc", "c"),
    ("eau|au", "o"),
    ("h", ""),
    *((letter * 2, letter) for letter in "bdflmnprst"),
    ("[estxd]+$", ""),
)

_MACROS: Final = (
    "create or replace temp macro plain_words(t) as trim(regexp_replace("
    "replace(strip_accents(lower(coalesce(t, ''))), 'œ', 'oe'), '[^a-z0-9]+', ' ', 'g'))",
    "create or replace temp macro street_words(t) as trim("
    + "regexp_replace(" * len(_STREETS)
    + "' ' || plain_words(t) || ' '"
    + "".join(f", ' ({short}) ', ' {long} ', 'g')" for short, long in _STREETS)
    + ")",
    # How a name sounds in French, roughly: one letter for each consonant that is heard, and a vowel only at the beginning.
    "create or replace temp macro consonants(t) as left(t, 1) || regexp_replace(substr(t, 2), '[aeiou]', '', 'g')",
    "create or replace temp macro sound(t) as consonants("
    + "regexp_replace(" * len(_HEARD)
    + "translate(replace(t, ' ', ''), 'kqyzwj', 'ccisvg')"
    + "".join(f", '{written}', '{heard}', 'g')" for written, heard in _HEARD)
    + ")",
    # Who it is in an address; nothing where the address is of a post and not of a person.
    "create or replace temp macro local_part(e) as regexp_replace("
    "replace(split_part(split_part(e, '@', 1), '+', 1), '.', ''),"
    " '^(contact|info|infos|commercial|compta|comptabilite|direction|accueil|bonjour|hello|admin|service.*|noreply)$', '')",
    # A slip of the pen or two: two only in long words.
    "create or replace temp macro is_near(x, y) as abs(length(x) - length(y)) <= 2 and least(length(x), length(y)) >= 4"
    " and damerau_levenshtein(x, y) <= case when least(length(x), length(y)) >= 8 then 2 else 1 end",
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two entries, and how far they are one person."""

    a: str
    b: str
    score: float
    """Probability in [0, 1]."""
    reasons: tuple[str, ...]
    """What they agree in: keys of `REASONS`, joined by a point."""
    against: tuple[str, ...]
    """What they differ in."""
    group: int = 0
    """The same for all pairs that hang together; from 1."""


@cache
def _sql(name: str) -> str:
    return (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def duplicates(snapshot: Snapshot, *, min_score: float = DEFAULT_SCORE, limit: int | None = None) -> list[Pair]:
    """Pairs that are probably one person, the surest first. Pairs that were unmerged, or told apart, are left out."""
    scored = scored_pairs(snapshot, min_score=min_score, limit=limit)
    return _grouped([_pair(row) for row in scored.to_pylist()])


def scored_pairs(snapshot: Snapshot, *, min_score: float, limit: int | None = None) -> pa.Table:
    """The pairs of at least that score with a row of levels each: a_id, b_id, score, and a column for each field."""
    engine = snapshot.engine
    for macro in _MACROS:
        engine.execute(macro)
    names = [(name, root) for root, short in GIVEN_NAMES.items() for name in (root, *short)]
    engine.register("given_names", pa.table({"name": [name for name, _ in names], "root": [root for _, root in names]}))
    engine.execute(f"create or replace temp table people as {_sql('duplicate_people')}")
    engine.execute(f"create or replace temp table pairs as {_sql('duplicate_pairs')}", {"block_limit": BLOCK_LIMIT})
    engine.execute(f"create or replace temp table told_apart as {_apart(snapshot)}")
    people = engine.value("select count(*) from people")
    cut = f" limit {limit:d}" if limit is not None else ""
    return engine.table(
        f"with levels as ({_sql('duplicate_levels')}), weighed as (select *, {_weight(people)} as weight from levels)"
        ' select *, 1 / (1 + pow(2.0, -weight)) as "score" from weighed'
        f" where 1 / (1 + pow(2.0, -weight)) >= {min_score!r}"
        " and not exists (select 1 from told_apart where (told_apart.x = a_id and told_apart.y = b_id)"
        f" or (told_apart.x = b_id and told_apart.y = a_id)) order by weight desc, a_id, b_id{cut}",
        {"people": people},
    )


def _apart(snapshot: Snapshot) -> str:
    """The query for pairs of customers that somebody said are two: x and y, as they resolve now."""
    acts = "select customers_unmerged.into as x, unnest(customers_unmerged.merged) as y from events"
    acts += " where customers_unmerged is not null"
    snapshot.prepare(acts)
    return (
        "select distinct coalesce(rx.root_id, x) as x, coalesce(ry.root_id, y) as y"
        f" from ({acts}) left join customer_roots as rx on x = rx.customer_id"
        " left join customer_roots as ry on y = ry.customer_id"
    )


def _weight(people: int) -> str:
    """SQL for the sum of a pair's weights."""
    parts = [repr(PRIOR)]
    for field, levels in WEIGHTS.items():
        cases = [f"when '{level}' then {weight!r}" for level, weight in levels.items()]
        if field in _RARE:
            least, greatest = _RARE[field]
            rarity = f"log2({people + _EVERYWHERE}.0 / ({field}_count + {_EVERYWHERE / 2000!r}))"
            cases.append(f"when 'same' then least({greatest}, greatest({least}, {rarity}))")
        parts.append(f"case {field} {' '.join(cases)} else 0 end")
    return " + ".join(f"({part})" for part in parts)


def _pair(row: dict[str, Any]) -> Pair:
    agreeing: list[str] = []
    differing: list[str] = []
    for field in _FIELDS:
        level = row[field]
        if (field, level) not in REASONS or (row["is_swapped"] and field in ("given", "family")):
            continue
        (differing if level == "other" else agreeing).append(f"{field}.{level}")
    if row["is_swapped"]:
        agreeing.append("is_swapped.same")
    return Pair(
        a=row["a_id"],
        b=row["b_id"],
        score=round(row["score"], 4),
        reasons=tuple(agreeing),
        against=tuple(differing),
    )


def _grouped(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs with the number of their group."""
    leader: dict[str, str] = {}

    def lead(id: str) -> str:
        while leader.setdefault(id, id) != id:
            leader[id] = leader[leader[id]]
            id = leader[id]
        return id

    for pair in pairs:
        leader[lead(pair.b)] = lead(pair.a)
    numbers: dict[str, int] = {}
    return [_numbered(pair, numbers.setdefault(lead(pair.a), len(numbers) + 1)) for pair in pairs]


def _numbered(pair: Pair, group: int) -> Pair:
    return Pair(a=pair.a, b=pair.b, score=pair.score, reasons=pair.reasons, against=pair.against, group=group)


def reason(code: str) -> str:
    """The msgid of a reason's words."""
    field, _point, level = code.partition(".")
    return REASONS[field, level]


def told(codes: Iterable[str], translate: Any) -> str:
    """Reasons in words, joined by commas."""
    return ", ".join(translate(reason(code)) for code in codes)
