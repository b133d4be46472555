"""New plugins from templates: a distribution that installs, and passes its tests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from clientbook import __version__
from clientbook.errors import WrongUse
from clientbook.hooks.declarations import API_VERSION
from clientbook.hooks.discovery import RESERVED
from clientbook.i18n import _

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "event": ("register_event_types",),
    "importer": ("register_importers",),
    "metric": ("register_metrics",),
    "trait": ("register_traits",),
    "segment": ("register_segments",),
    "report": ("register_reports",),
    "exporter": ("register_exporters",),
}
"""What a new plugin may have, and the hooks that it then implements."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,38}[a-z0-9]")


def new_plugin(name: str, kinds: Sequence[str], parent: Path) -> Path:
    """Write a distribution `clientbook-NAME` with one module and one test for each kind; its folder.

    Raises:
        WrongUse: the name cannot be a plugin's, no kind is given, or the folder is there already.
    """
    if not _NAME.fullmatch(name) or "__" in name:
        said = _("{name!r} cannot be a plugin's name: write a lower-case word of 3 to 40 letters, such as loyalty")
        raise WrongUse(said.format(name=name))
    if name in RESERVED:
        raise WrongUse(_("the name {name!r} is reserved").format(name=name))
    if not kinds:
        listed = ", ".join(f"--{kind}" for kind in KINDS)
        raise WrongUse(_("say what the plugin brings, one or more of: {kinds}").format(kinds=listed))
    distribution = f"clientbook-{name.replace('_', '-')}"
    folder = parent / distribution
    if folder.exists():
        raise WrongUse(_("{folder} is there already; choose another name or --dir").format(folder=folder))
    written = contents(name, kinds)
    for path, text in written.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder


def contents(name: str, kinds: Sequence[str]) -> dict[str, str]:
    """The files of a new plugin by path."""
    package = f"clientbook_{name}"
    chosen = [kind for kind in KINDS if kind in kinds]
    hooks = sorted((hook, kind) for kind in chosen for hook in KINDS[kind])
    major = int(__version__.partition(".")[0])
    words = {
        "name": name,
        "package": package,
        "distribution": f"clientbook-{name.replace('_', '-')}",
        "bounds": f">={'.'.join(__version__.split('.')[:2])},<{major + 1}",
        "api_version": str(API_VERSION),
        "kinds": ", ".join(chosen),
        "imports": "\n".join(f"from {package}.{kind} import {hook}" for kind, hook in sorted((k, h) for h, k in hooks)),
        "exports": "".join(f'    "{word}",\n' for word in ["API_VERSION", *(hook for hook, _kind in hooks)]),
    }
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        ".gitignore": "gitignore",
        f"src/{package}/__init__.py": "init.py",
    }
    for kind in chosen:
        templates[f"src/{package}/{kind}.py"] = f"{kind}.py"
        templates[f"tests/test_{kind}.py"] = f"test_{kind}.py"
    if "importer" in chosen:
        templates["samples/visits.csv"] = "visits.csv"
        templates["samples/visits.csv.expected.jsonl"] = "visits.expected"
    return {path: Template(_template(template)).substitute(words) for path, template in templates.items()}


def _template(name: str) -> str:
    return (files("clientbook") / "templates" / "plugin" / f"{name}.tmpl").read_text(encoding="utf-8")
