"""A plugin that is broken in any way is named with what is wrong, and everything else goes on."""

from __future__ import annotations

import json
from collections.abc import Callable

from plugin_shop import HEADER, LOYALTY, Shop

TRAIT = 'Trait(id="acme.{name}", label="X", column="{name}", value_type="int", unit="count", sql={sql!r})'
Complaint = Callable[..., str]
LEFT_OUT = "plugin acme (clientbook-acme 1.0) is left out: "


def state(shop: Shop, name: str = "acme") -> tuple[str, str]:
    listed = {one["name"]: one for one in json.loads(shop.run("plugins", "--json").stdout)}
    return listed[name]["state"], listed[name]["reason"]


def test_a_misspelt_hook_is_named_with_the_nearest_one(complaint: Complaint, shop: Shop) -> None:
    said = complaint("@hookimpl\ndef register_metric():\n    return []\n")
    assert said == LEFT_OUT + "there is no hook register_metric; did you mean register_metrics?\n"
    assert state(shop) == ("broken", "there is no hook register_metric; did you mean register_metrics?")


def test_an_unknown_argument_is_named(complaint: Complaint) -> None:
    said = complaint("@hookimpl\ndef register_metrics(book):\n    return []\n")
    assert said.startswith(LEFT_OUT)
    assert "register_metrics" in said and "book" in said
    assert len(said.splitlines()) == 1


def test_an_order_among_plugins_is_refused(complaint: Complaint) -> None:
    said = complaint("@hookimpl(tryfirst=True)\ndef register_metrics():\n    return []\n")
    assert said == LEFT_OUT + "register_metrics: tryfirst, trylast and wrapper are refused\n"


def test_a_plugin_without_a_hook_is_told_of_the_mark(complaint: Complaint) -> None:
    said = complaint("def register_metrics():\n    return []\n")
    assert said == LEFT_OUT + "it implements no hook; mark its functions with @hookimpl\n"


def test_a_crash_at_import_leaves_the_plugin_out(complaint: Complaint, shop: Shop) -> None:
    said = complaint("import nowhere_to_be_found\n")
    assert said == LEFT_OUT + "it cannot be loaded: ModuleNotFoundError: No module named 'nowhere_to_be_found'\n"
    listed = json.loads(shop.run("plugins", "--json").stdout)[0]
    assert listed["state"] == "broken"
    assert "clientbook_acme.py:3" in listed["trace"]


def test_an_exit_at_import_does_not_end_the_program(complaint: Complaint) -> None:
    assert complaint("raise SystemExit('bye')\n") == LEFT_OUT + "it cannot be loaded: SystemExit: bye\n"


def test_an_endless_loop_at_import_is_stopped(complaint: Complaint, shop: Shop) -> None:
    said = complaint("while True:\n    pass\n", env={"CLIENTBOOK_PLUGIN_SECONDS": "0.5"})
    expected = "it took longer than 0.5 s and was stopped; `clientbook plugins disable acme` spares the wait"
    assert said == f"{LEFT_OUT}{expected}\n"
    assert state(shop) == ("broken", expected)
    shop.run("plugins", "disable", "acme")
    assert shop.run("info").stderr == ""


def test_a_loop_that_swallows_errors_and_a_long_sleep_are_stopped_too(shop: Shop) -> None:
    body = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except Exception:\n        pass\n"
    shop.install("stubborn", body)
    shop.install("sleepy", "import time\ntime.sleep(600)\n")
    said = shop.run("info", CLIENTBOOK_PLUGIN_SECONDS="0.5").stderr
    assert said.count("took longer than 0.5 s") == 2


def test_a_plugin_says_for_which_version_it_was_written(complaint: Complaint, shop: Shop) -> None:
    said = complaint(
        "@hookimpl\ndef register_metrics():\n    return []\n", header="from clientbook.api import *\ndel API_VERSION\n"
    )
    assert said == LEFT_OUT + "it does not say for which version of clientbook.api it was written: API_VERSION = 1\n"
    assert state(shop)[0] == "incompatible"


def test_a_plugin_for_a_later_version_is_incompatible(complaint: Complaint, shop: Shop) -> None:
    said = complaint("API_VERSION = 2\n@hookimpl\ndef register_metrics():\n    return []\n")
    assert "written for version 2 of clientbook.api; this clientbook has 1: update clientbook" in said
    assert state(shop)[0] == "incompatible"


def test_two_distributions_that_claim_one_name_are_both_named_and_neither_loads(shop: Shop) -> None:
    body = "import sys\nprint('loaded', file=sys.stderr)\n@hookimpl\ndef register_metrics():\n    return []\n"
    shop.install("acme", body)
    shop.install("acme", body, distribution="other-acme", version="3.1")
    said = shop.run("info").stderr
    assert "several distributions claim the name 'acme': clientbook-acme 1.0, other-acme 3.1; uninstall all but one" in said
    assert "loaded" not in said
    assert state(shop)[0] == "blocked"


def test_the_name_of_the_program_itself_is_reserved(shop: Shop) -> None:
    shop.install("core", "@hookimpl\ndef register_metrics():\n    return []\n")
    assert "the name 'core' is reserved" in shop.run("info").stderr
    assert "core.metrics" not in shop.run("info").stderr


def test_a_wrong_return_is_named_and_the_rest_of_the_plugin_stays(complaint: Complaint, shop: Shop) -> None:
    said = complaint("@hookimpl\ndef register_event_types():\n    return 42\n" + LOYALTY.split("@hookimpl")[0])
    assert said == (
        "plugin acme (clientbook-acme 1.0): register_event_types: TypeError: expected a list of declarations, found int\n"
    )
    assert state(shop)[0] == "partial"


def test_all_faults_of_all_declarations_are_told_at_once(shop: Shop) -> None:
    traits = [
        TRAIT.format(name="good", sql="order_count + 1"),
        TRAIT.format(name="bad_sql", sql="order_count +"),
        TRAIT.format(name="two", sql="1; drop table t"),
        TRAIT.format(name="round", sql="round + 1"),
        'Trait(id="other.x", label="", column="X", value_type="date", unit="money")',
        'Trait(id="acme.typed", label="X", column="typed", value_type="integer", unit="count", sql="1")',
        "42",
    ]
    shop.install("acme", f"@hookimpl\ndef register_traits():\n    return [{', '.join(traits)}]\n")
    found = shop.run("doctor", "--json", code=3)
    (told,) = [one["message"] for one in json.loads(found.stdout)["findings"] if one["check"] == "plugins"]
    for expected in (
        "acme.bad_sql: sql: ",
        "acme.two: sql: expected one expression",
        "acme.round: its columns need each other in a circle",
        "other.x: expected an id such as acme.points, in lower case; found 'other.x'",
        "other.x: the label is empty",
        "other.x: a value of unit money is of type decimal / float, not date",
        "other.x: expected exactly one of sql, compute",
        "other.x: column: expected a lower-case word, found 'X'",
        "acme.typed: value_type: Invalid enum value 'integer'",
        "expected a Trait, found int",
    ):
        assert expected in told
    assert "acme.good" not in told
    assert state(shop)[0] == "partial"


def test_settings_are_checked_and_the_file_and_the_entry_are_named(shop: Shop) -> None:
    shop.install("loyalty", LOYALTY)
    shop.settings('\n[plugins.loyalty]\nrate = "many"\n')
    said = shop.run("info").stderr
    assert "book.toml: plugins.loyalty.rate: Expected `int`, got `str`" in said
    assert "points_earned" not in shop.run("events", "--types").stdout


def test_an_unknown_setting_is_named(shop: Shop) -> None:
    shop.install("loyalty", LOYALTY)
    shop.settings("\n[plugins.loyalty]\nrates = 3\n")
    assert "book.toml: plugins.loyalty: there is no entry rates" in shop.run("info").stderr


def test_settings_of_a_plugin_that_has_none_are_named(shop: Shop) -> None:
    shop.install("acme", "@hookimpl\ndef register_metrics():\n    return []\n")
    shop.settings("\n[plugins.acme]\nrate = 3\n")
    assert "book.toml: plugins.acme: the plugin has no settings" in shop.run("info").stderr


def test_strict_ends_the_program_at_the_first_broken_plugin(shop: Shop) -> None:
    shop.install("acme", "import nowhere_to_be_found\n")
    said = shop.run("info", code=1, CLIENTBOOK_STRICT="1").stderr
    assert said.startswith("clientbook: plugin acme (clientbook-acme 1.0) is left out: it cannot be loaded")


def test_the_doctor_names_what_ends_its_own_process(shop: Shop) -> None:
    shop.install("acme", "import os\nos._exit(9)\n")
    found = json.loads(shop.run("doctor", "--json", code=3).stdout)
    (told,) = [one for one in found["findings"] if one["check"] == "plugins"]
    assert told == {
        "check": "plugins",
        "state": "wrong",
        "message": "acme (clientbook-acme 1.0): its process ended with code 9",
        "paths": [],
    }
    assert {one["check"] for one in found["findings"]} >= {"book", "policy"}
    assert state(shop)[0] == "broken"


def test_a_report_that_raises_names_the_plugin_and_quotes_nobody(shop: Shop) -> None:
    report = 'Report(id="acme.r", label="R", compute=compute)'
    body = f"def compute(ctx):\n    raise ValueError('Zoé')\n@hookimpl\ndef register_reports():\n    return [{report}]\n"
    shop.install("acme", body, header=HEADER)
    said = shop.run("report", "acme.r", code=1).stderr
    assert said == "clientbook: plugin acme, acme.r failed: ValueError (clientbook_acme.py:4)\n"
