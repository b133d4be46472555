"""Which plugins are installed: names and versions from the metadata of distributions, without importing any of them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from clientbook.i18n import _

GROUP: Final = "clientbook"
"""The group of entry points. An entry point's name is the plugin's namespace."""

CORE: Final = "core"
"""The namespace of what comes with the program."""

RESERVED: Final = (CORE, "disabled", "clientbook")

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, kw_only=True)
class Found:
    """An installed plugin that was not imported."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint | None
    """None where it must not be loaded."""
    fault: str = ""
    """Why not."""


def discover() -> list[Found]:
    """The plugins that installed distributions name, by name. Of several that claim one name, none can be loaded."""
    claims: dict[str, list[EntryPoint]] = defaultdict(list)
    for point in entry_points(group=GROUP):
        if point not in claims[point.name]:
            claims[point.name].append(point)
    return [_found(name, points) for name, points in sorted(claims.items())]


def _found(name: str, points: list[EntryPoint]) -> Found:
    owners = sorted({_distribution(point) for point in points})
    fault = ""
    if not _NAME.fullmatch(name):
        fault = _("{name!r} is no lower-case word, which a plugin's name has to be").format(name=name)
    elif name in RESERVED:
        fault = _("the name {name!r} is reserved").format(name=name)
    elif len(points) > 1:
        listed = ", ".join(f"{distribution} {version}" for distribution, version in owners)
        fault = _("several distributions claim the name {name!r}: {listed}; uninstall all but one").format(
            name=name, listed=listed
        )
    return Found(
        name=name,
        distribution=", ".join(distribution for distribution, _version in owners),
        version=", ".join(version for _distribution, version in owners),
        entry_point=None if fault else points[0],
        fault=fault,
    )


def _distribution(point: EntryPoint) -> tuple[str, str]:
    """Name and version of what brings the entry point; of broken metadata what can be told."""
    metadata: Any = point.dist.metadata if point.dist else {}
    return str(metadata.get("Name") or "?"), str(metadata.get("Version") or "?")
