"""Sorts orders, sensor readings and tickets, most of the time without a process of its own."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "run.py"

Rule = dict[str, Any]


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("switch_run", PLUGIN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


RUN = loaded()


def send(stdin: bytes) -> tuple[dict[str, Any], int]:
    """The response, as it looks on the wire, and the exit code."""
    response, code = RUN.respond(stdin)
    wire: dict[str, Any] = json.loads(json.dumps(response))
    return wire, code


def sort(payload: Any, config: Any, **event: Any) -> dict[str, Any]:
    """The response to an event with this payload."""
    request = {
        "protocol": 2,
        "command": "handle",
        "config": config,
        "context": {"site": {"name": "Oslo"}},
        "event": {"type": "shop.order", "payload": payload, **event},
    }
    response, code = send(json.dumps(request).encode())
    assert code == 0, response
    return response


def lane(payload: Any, config: Any, **event: Any) -> str | None:
    """The type that the payload goes on with; None if it goes nowhere."""
    response = sort(payload, config, **event)
    assert response["status"] == "ok", response
    types = [event["type"] for event in response["events"]]
    assert len(types) < 2
    return types[0] if types else None


def refusal(response: dict[str, Any]) -> str:
    """Why a request is refused for good."""
    assert response["status"] == "error"
    assert response["retry"] is False
    assert "events" not in response
    reason: str = response["error"]
    return reason


def either(check: Rule, **config: Any) -> Rule:
    """A configuration of one check, and everything else goes to `rest`."""
    return {"checks": [{**check, "emit": "fits"}, {"default": "rest"}], **config}


ORDERS: Rule = {
    "field": "order.country",
    "checks": [
        {"path": "payload.order.total", "op": "gte", "value": 1000, "emit": "order.review"},
        {"path": "payload.order.items.0.sku", "startswith": "GIFT-", "emit": "order.wrap"},
        {"equals": "no", "emit": "order.domestic"},
        {"regex": "(SE|DK|FI)", "emit": "order.nordic"},
        {"path": "context.site.name", "op": "neq", "value": "Oslo", "emit": "order.forward"},
        {"default": "order.abroad"},
    ],
}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"total": 1000, "country": "NO"}, "order.review"),
        ({"total": 2500.5, "items": [{"sku": "GIFT-7"}]}, "order.review"),
        ({"total": 999.99, "items": [{"sku": "gift-card"}], "country": "NO"}, "order.wrap"),
        ({"total": 12, "items": [{"sku": "LAMP"}, {"sku": "GIFT-7"}], "country": "No"}, "order.domestic"),
        ({"total": 12, "country": "DK"}, "order.nordic"),
        ({"total": 12, "country": "dk"}, "order.abroad"),
        ({"total": 12, "country": "DKK"}, "order.abroad"),
        ({"total": "2000", "country": "DE"}, "order.abroad"),
        ({}, "order.abroad"),
    ],
)
def test_an_order_goes_where_the_first_check_that_holds_sends_it(order: Any, expected: str) -> None:
    response = sort({"order": order, "note": "ring twice"}, ORDERS)
    number = next(at for at, check in enumerate(ORDERS["checks"], 1) if expected in check.values())
    kind = {1: "gte", 2: "startswith", 3: "equals", 4: "regex", 6: "default"}[number]
    assert response["events"] == [{"type": expected, "payload": {"order": order, "note": "ring twice"}}]
    assert response["result"] == f"check {number} ({kind}) -> {expected}"
    assert [line["level"] for line in response["logs"]] == ["info"]


TICKET = {
    "title": "Printer on FIRE, 3rd floor",
    "number": 4711,
    "open": True,
    "labels": ["Hardware", "safety"],
    "reporter": {"name": "Åsa Öberg"},
    "due": None,
    "rating": 4.5,
}
"""What the tables below look into, by path."""

AS_TEXT = [
    ("title", "contains", "printer ON fire", True),
    ("title", "contains", "water", False),
    ("title", "startswith", "PRINTER", True),
    ("title", "startswith", "on", False),
    ("title", "endswith", "Floor", True),
    ("title", "endswith", "3rd", False),
    ("title", "regex", r"Printer .* \d.. floor", True),
    ("title", "regex", r"printer .*", False),
    ("title", "regex", "Printer", False),
    ("title", "regex", "(?i)PRINTER.*", True),
    ("title", "equals", "PRINTER on fire, 3RD floor", True),
    ("title", "equals", "Printer on FIRE", False),
    ("number", "equals", 4711, True),
    ("number", "equals", "4711", True),
    ("number", "startswith", 47, True),
    ("number", "regex", "[0-9]+", True),
    ("rating", "endswith", 0.5, False),
    ("rating", "endswith", ".5", True),
    ("open", "equals", True, True),
    ("open", "equals", "TRUE", True),
    ("labels", "contains", "SAFETY", True),
    ("labels.0", "equals", "hardware", True),
    ("reporter", "contains", '"name": "åsa', True),
    ("reporter.name", "endswith", "ÖBERG", True),
    ("due", "contains", "null", False),
    ("absent", "contains", "a", False),
    ("absent", "regex", ".*", True),
    ("absent", "regex", ".+", False),
]
"""Path, comparison, what is wanted → whether it holds."""


@pytest.mark.parametrize(("path", "kind", "wanted", "holds"), AS_TEXT)
def test_the_short_form_reads_everything_as_text(path: str, kind: str, wanted: Any, *, holds: bool) -> None:
    expected = "fits" if holds else "rest"
    assert lane(TICKET, either({kind: wanted}, field=path)) == expected
    assert lane(TICKET, either({kind: wanted, "path": f"payload.{path}"}, field="elsewhere")) == expected
    assert lane(TICKET, either({kind: wanted, "path": f" event.payload.{path} "})) == expected


AS_VALUES = [
    ("number", "eq", [4711, 4711.0], ["4711", True, None, [4711]]),
    ("open", "eq", [True], [1, "true", False]),
    ("due", "eq", [None], [0, "", False]),
    ("labels", "eq", [["Hardware", "safety"]], [["safety", "Hardware"], "Hardware"]),
    ("number", "neq", [4712, "4711"], [4711]),
    ("open", "neq", [False, 1], [True]),
    ("number", "in", [[1, 4711]], [[], ["4711"], [True]]),
    ("open", "in", [[None, True]], [[1]]),
    ("rating", "gt", [4, -1, 4.49], [4.5, 5]),
    ("rating", "gte", [4.5, 0], [4.51]),
    ("rating", "lt", [5, 4.6], [4.5, 1]),
    ("rating", "lte", [4.5, 9], [4.4]),
    ("title", "gt", [], [0]),
    ("open", "gte", [], [0, 1]),
    ("due", "lt", [], [1]),
    ("labels", "contains", ["safety"], ["SAFETY", "safe", 1]),
    ("title", "contains", ["fire", "3RD"], ["smoke", 3]),
    ("number", "contains", [], [4711, "4711"]),
    ("title", "startswith", ["printer"], ["fire"]),
    ("labels", "startswith", [], ["Hardware"]),
    ("title", "endswith", ["FLOOR"], ["fire"]),
    ("title", "regex", ["Printer.*"], ["printer.*", "FIRE"]),
    ("number", "regex", [], ["4711"]),
    ("due", "exists", [True], [False]),
    ("labels.1", "exists", [True], [False]),
    ("labels.2", "exists", [False], [True]),
    ("labels.-1", "exists", [False], [True]),
    ("labels.x", "exists", [False], [True]),
    ("title.x", "exists", [False], [True]),
    ("absent.deep", "eq", [None], [0, ""]),
    ("absent", "neq", ["x"], [None]),
]
"""Path, operator, with what it holds, with what it does not."""


@pytest.mark.parametrize(("path", "op", "fitting", "others"), AS_VALUES)
def test_the_long_form_minds_the_kinds_of_values(path: str, op: str, fitting: list[Any], others: list[Any]) -> None:
    for value in fitting:
        assert lane(TICKET, either({"path": path, "op": op, "value": value})) == "fits", value
    for value in others:
        assert lane(TICKET, either({"path": path, "op": op, "value": value})) == "rest", value


def test_exists_needs_no_value() -> None:
    assert lane(TICKET, either({"path": "reporter.name", "op": "exists"})) == "fits"
    assert lane(TICKET, either({"path": "reporter.mail", "op": "exists"})) == "rest"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("event.type", "shop.order"),
        ("event.source", "till-3"),
        ("context.site.name", "Oslo"),
        ("event.payload.celsius", "21"),
        ("payload.celsius", "21"),
        ("celsius", "21"),
        ("sensor.context", "attic"),
    ],
)
def test_a_path_leads_into_the_event_its_payload_or_the_context(path: str, wanted: str) -> None:
    reading = {"celsius": 21, "sensor": {"context": "attic"}}
    assert lane(reading, either({"path": path, "equals": wanted}), source="till-3") == "fits"


def test_a_reading_that_no_check_fits_is_refused_or_dropped() -> None:
    frost = {"checks": [{"path": "celsius", "op": "lt", "value": 0, "emit": "sensor.frost"}]}
    assert lane({"celsius": -0.1}, frost) == "sensor.frost"
    for config in (frost, {**frost, "unmatched": "error"}):
        assert "no check fits" in refusal(sort({"celsius": 3}, config))
    assert lane({"celsius": 3}, {**frost, "unmatched": "drop"}) is None


def test_a_default_is_written_in_two_ways() -> None:
    for default in ({"default": "sensor.any"}, {"default": True, "emit": "sensor.any"}, {"default": " sensor.any "}):
        assert lane({}, {"checks": [default]}) == "sensor.any"


@pytest.mark.parametrize(("key", "expected"), [("reading-9", "reading-9:fits"), ("", None), (None, None), (9, None)])
def test_a_dedupe_key_goes_on_with_the_type_behind_it(key: Any, expected: str | None) -> None:
    response = sort({"celsius": 3}, either({"path": "celsius", "op": "exists"}), dedupe_key=key)
    assert response["events"][0].get("dedupe_key") == expected


def test_what_is_not_in_an_event_is_taken_from_the_request() -> None:
    request = {"command": "handle", "config": either({"path": "bin", "equals": "B4"}), "payload": {"bin": "b4"}}
    response, code = send(json.dumps(request).encode())
    assert (response["events"], code) == ([{"type": "fits", "payload": {"bin": "b4"}}], 0)
    assert lane(None, either({"path": "bin", "op": "exists"})) == "rest"


def test_a_pattern_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RUN, "THINK", 0.1)
    slow = either({"path": "serial", "regex": r"(\d\d?)+-"})
    assert "check 1: the regular expression takes too long" in refusal(sort({"serial": "7" * 48}, slow))
    assert lane({"serial": "7-"}, slow) == "fits"


FITS = {"path": "bin", "equals": "B4", "emit": "bin.full"}
VALUE = {"path": "bin", "value": 4, "emit": "bin.full"}

CONFIGURATIONS: dict[str, tuple[Any, str]] = {
    "none at all": (None, "must be an object"),
    "a list": ([FITS], "must be an object"),
    "no checks": ({"field": "bin"}, "config.checks"),
    "an empty list": ({"checks": []}, "1 to 500"),
    "a lone check": ({"checks": FITS}, "1 to 500"),
    "too many": ({"checks": [FITS] * 501}, "1 to 500"),
    "a field that is a number": ({"checks": [FITS], "field": 4}, "config.field"),
    "a blank field": ({"checks": [FITS], "field": "\t"}, "config.field"),
    "an unknown way out": ({"checks": [FITS], "unmatched": "skip"}, "config.unmatched"),
    "something behind the default": ({"checks": [{"default": "bin.any"}, FITS]}, "must come last"),
}

CHECKS: dict[str, tuple[Any, str]] = {
    "text": ("equals", "must be an object"),
    "nothing": ({}, "exactly one of"),
    "no comparison": ({"path": "bin", "emit": "bin.full"}, "exactly one of"),
    "two comparisons": ({**FITS, "regex": "B."}, "exactly one of"),
    "an unknown member": ({**FITS, "note": "?"}, "exactly one of"),
    "an empty text": ({**FITS, "equals": "  "}, ".equals must be text"),
    "null": ({**FITS, "equals": None}, ".equals must be text"),
    "a list as text": ({**FITS, "equals": ["B4"]}, ".equals must be text"),
    "no type": ({"path": "bin", "equals": "B4"}, ".emit must be"),
    "a blank type": ({**FITS, "emit": " "}, ".emit must be"),
    "a type that is a list": ({**FITS, "emit": ["bin.full"]}, ".emit must be"),
    "a default without a type": ({"default": True}, ".emit must be"),
    "no path": ({"equals": "B4", "emit": "bin.full"}, "needs a `path`"),
    "a blank path": ({**FITS, "path": ""}, "needs a `path`"),
    "a path that is a list": ({**FITS, "path": ["bin"]}, "needs a `path`"),
    "a pattern that is none": ({"path": "bin", "regex": "B[", "emit": "bin.full"}, "no regular expression"),
    "an unknown operator": ({**VALUE, "op": "near"}, ".op must be one of"),
    "an operator that is an object": ({**VALUE, "op": {}}, ".op must be one of"),
    "an operator without a value": ({"path": "bin", "op": "lt", "emit": "bin.full"}, "path, op, value and emit"),
    "both forms": ({**VALUE, "op": "eq", "contains": "B"}, "path, op, value and emit"),
    "an order of texts": ({**VALUE, "op": "lte", "value": "4"}, ".value does not suit lte"),
    "an order of truths": ({**VALUE, "op": "lt", "value": False}, ".value does not suit lt"),
    "a text as a list": ({**VALUE, "op": "in", "value": "B4"}, ".value does not suit in"),
    "a number as text": ({**VALUE, "op": "endswith", "value": 4}, ".value does not suit endswith"),
    "a text as a truth": ({**VALUE, "op": "exists", "value": "yes"}, ".value does not suit exists"),
    "a value that is no pattern": ({**VALUE, "op": "regex", "value": "*"}, "no regular expression"),
}


def wrong(config: Any) -> str:
    """What health says of a configuration with which nothing can be done."""
    response, code = send(json.dumps({"command": "health", "config": config}).encode())
    assert code == 78
    return refusal(response)


@pytest.mark.parametrize(("config", "sentence"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_configuration_that_cannot_be_used_is_named(config: Any, sentence: str) -> None:
    assert sentence in wrong(config)


@pytest.mark.parametrize(("check", "sentence"), CHECKS.values(), ids=CHECKS)
def test_a_check_that_cannot_be_used_is_named_with_its_place(check: Any, sentence: str) -> None:
    reason = wrong({"checks": [FITS, check]})
    assert reason.startswith("config.checks[1]")
    assert sentence in reason


def test_an_empty_pattern_is_no_check() -> None:
    assert "must be text and not empty" in wrong({"checks": [{"path": "due", "regex": "", "emit": "due.none"}]})


def test_health_is_asked_with_a_good_configuration() -> None:
    assert send(json.dumps({"command": "health", "config": ORDERS}).encode()) == (
        {"status": "ok", "result": "healthy"},
        0,
    )


@pytest.mark.parametrize(
    "request_",
    [
        {"command": "poll", "config": ORDERS},
        {"command": None, "config": ORDERS},
        {"command": {"handle": 1}, "config": ORDERS},
        {"config": ORDERS},
        {"command": "handle", "config": ORDERS, "protocol": 1},
        {"command": "handle", "config": ORDERS, "event": {"payload": [4711]}},
        {"command": "handle", "config": ORDERS, "payload": "4711"},
        ["handle"],
        "handle",
        None,
    ],
)
def test_a_request_of_another_shape_is_refused_for_good(request_: Any) -> None:
    response, code = send(json.dumps(request_).encode())
    assert (refusal(response) > "", code) == (True, 0)


@pytest.mark.parametrize("stdin", [b"", b"order 4711", b'{"command": "handle"', b"\xc3\x28", b'{"a":' * 200_000])
def test_what_is_no_json_is_refused_with_an_exit_code(stdin: bytes) -> None:
    response, code = send(stdin)
    assert "not JSON" in refusal(response)
    assert code == 1


def test_it_is_a_program_that_says_one_line_and_nothing_else() -> None:
    event = {"payload": {"order": {"country": "SE", "to": "Ö☕"}}}
    request = {"command": "handle", "config": ORDERS, "event": event}
    for stdin, code in ((json.dumps(request).encode(), 0), (b'{"command": "handle"}', 78)):
        ended = subprocess.run([sys.executable, PLUGIN], input=stdin, capture_output=True, check=False, timeout=20)
        assert (ended.returncode, ended.stderr, ended.stdout.count(b"\n")) == (code, b"", 1)
        response = json.loads(ended.stdout)
        assert response.get("events", []) == ([] if code else [{"type": "order.nordic", **event}])
