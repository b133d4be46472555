"""Calls into plugins are guarded, declarations of several plugins are put together, and no order among them counts."""

from __future__ import annotations

import re
import threading
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from clientbook.builtin import metrics
from clientbook.hooks.checks import cycles
from clientbook.hooks.discovery import Found
from clientbook.hooks.guard import FAILURES
from clientbook.hooks.manager import Plugins
from clientbook.hooks.states import PluginFailed, Switches
from clientbook.hooks.watchdog import PluginTooSlow, limited

TRAIT = 'Trait(id="{ns}.{name}", label="X", column="{name}", value_type="int", unit="count", sql="{sql}")'


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`load(acme="body of the module", …)`: these plugins, and no others."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def of(strict: bool = False, **bodies: str) -> Plugins:
        installed = []
        for name, body in bodies.items():
            module = f"{name}_of_{tmp_path.name}"
            (tmp_path / f"{module}.py").write_text("from clientbook.api import *\nAPI_VERSION = 1\n" + body)
            point = EntryPoint(name=name, value=module, group="clientbook")
            installed.append(Found(name=name, distribution=f"clientbook-{name}", version="1", entry_point=point))
        return Plugins.load(switches=Switches(strict=strict), installed=installed)

    return of


def traits(ns: str, **columns: str) -> str:
    listed = ", ".join(TRAIT.format(ns=ns, name=name, sql=sql) for name, sql in columns.items())
    return f"@hookimpl\ndef register_traits():\n    yield from [{listed}]\n"


def test_what_comes_with_the_program_is_sound() -> None:
    plugins = Plugins.load(installed=())
    plugins.load_all()
    assert plugins.known["core"].state == "ok", plugins.known["core"].reason
    assert plugins.troubles == []
    assert plugins.known["core"].modules[1] is metrics


def test_two_plugins_that_claim_one_column_both_lose_it(load: Any) -> None:
    plugins = load(acme=traits("acme", shade="1", mine="2"), rival=traits("rival", shade="1"))
    assert {"acme.mine"} == {name for name in plugins.traits if not name.startswith("core.")}
    assert plugins.known["acme"].reason == "acme.shade: the column shade is claimed by rival.shade too"
    assert plugins.known["rival"].reason == "rival.shade: the column shade is claimed by acme.shade too"


def test_traits_of_two_plugins_that_need_each_other_are_left_out(load: Any) -> None:
    plugins = load(acme=traits("acme", one="two + 1", after="one"), rival=traits("rival", two="one + 1"))
    assert not {"acme.one", "rival.two"} & set(plugins.traits)
    assert plugins.known["rival"].state == "partial"


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ({"a": ["b"], "b": ["c"], "c": []}, set()),
        ({"a": ["a"], "b": ["a"]}, {"a"}),
        ({"a": ["b"], "b": ["a"], "c": ["b"], "d": [], "b2": ["d"]}, {"a", "b"}),
        ({"a": ["b", "d"], "b": ["c"], "c": ["a"], "d": ["e"], "e": []}, {"a", "b", "c"}),
    ],
)
def test_circles_are_found_and_nothing_beside_them(needs: dict[str, list[str]], expected: set[str]) -> None:
    assert cycles(needs) == expected


def fails(word: str) -> Any:
    raise ValueError(word)


def test_a_call_gives_its_value_or_a_message_that_names_the_plugin(load: Any) -> None:
    plugins = load(acme=traits("acme", shade="1"))
    assert plugins.call("acme.shade", lambda: 5) == (5, None)
    assert plugins.call("acme.shade", lambda: (number for number in (1, 2))) == ([1, 2], None)
    value, message = plugins.call("acme.shade", fails, "Zoé")
    assert value is None
    assert re.fullmatch(r"plugin acme, acme\.shade failed: ValueError \(test_guard\.py:\d+\)", message)
    assert "Zoé" not in plugins.known["acme"].trace


def test_words_are_shown_of_the_call_itself_only(load: Any) -> None:
    plugins = load(acme=traits("acme", shade="1"))

    def call(name: str) -> None:
        raise ValueError(name)

    assert "takes 0 positional arguments" in plugins.call("acme", lambda: 5, "Zoé")[1]
    assert "Zoé" not in plugins.call("acme", call, "Zoé")[1]


def test_a_generator_that_raises_late_is_caught_too(load: Any) -> None:
    plugins = load(acme=traits("acme", shade="1"))
    assert plugins.call("acme", lambda: (fails(word) for word in ("a",)))[1].startswith("plugin acme failed: ValueError")


def test_after_three_failures_a_plugin_is_not_called_any_more(load: Any) -> None:
    plugins = load(acme=traits("acme", shade="1"), rival=traits("rival", hue="1"))
    said: list[str] = []
    plugins.listen(said.append)
    calls = []
    for _attempt in range(FAILURES + 2):
        plugins.call("acme.shade", lambda: (calls.append(1), fails("x")))
    assert len(calls) == FAILURES
    assert said == ["plugin acme failed 3 times and is left out until the program is started again"]
    assert plugins.call("acme.shade", lambda: 5) == (None, said[0])
    assert "acme.shade" not in plugins.traits and "rival.hue" in plugins.traits
    assert plugins.known["acme"].state == "broken"
    assert plugins.call("rival.hue", lambda: 5) == (5, None)


def test_strict_raises_in_a_call_too(load: Any) -> None:
    plugins = load(acme=traits("acme", shade="1"), strict=True)
    with pytest.raises(PluginFailed, match=r"plugin acme, acme\.shade failed"):
        plugins.call("acme.shade", fails, "x")


def test_who_interrupts_the_program_is_obeyed(load: Any) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(acme=traits("acme", shade="1")).call("acme", interrupted)


def test_a_loop_in_another_thread_is_stopped_too() -> None:
    stopped = []

    def work() -> None:
        try:
            with limited(0.2):
                while True:
                    pass
        except PluginTooSlow:
            stopped.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert stopped == [True]


def test_what_ends_in_time_is_not_stopped() -> None:
    for _attempt in range(3):
        with limited(30):
            pass
