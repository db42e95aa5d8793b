#!/usr/bin/env python3
"""Fetches web pages by HTTP GET and hands on their content as HTML, text or Markdown.

Where it may go is the operator's decision (fetch_rules.py); fetch_http.py goes there, fetch_pages.py reads what came.
"""

import contextlib
import hashlib
import json
import math
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any

from fetch_charset import decoded, known_charset, printable
from fetch_http import Client, Failed, Page, TooLate, succeeded
from fetch_pages import read
from fetch_rules import Refused
from fetch_settings import MARGIN, BadConfig, Settings, output_format, settings
from fetch_tree import TooComplex

PROTOCOL = 2
CONFIG_EXIT = 78
"""The exit code that says: the configuration is wrong, and a retry cannot help."""
ACCEPT = {
    "html": "text/html, application/xhtml+xml, text/plain;q=0.8, */*;q=0.5",
    "text": "text/html, application/xhtml+xml, text/plain;q=0.9, */*;q=0.5",
    "markdown": "text/markdown, text/html;q=0.9, application/xhtml+xml;q=0.9, text/plain;q=0.8, */*;q=0.5",
}
RETRIED = {408, 425, 429}
"""Statuses below 500 after which another try may help."""
NOT_MODIFIED = 304
AT_ONCE = 8
LARGEST_ANSWER = 9 * 1024 * 1024
"""Bytes of a response; the gateway reads 10 MiB."""
TEXT_TYPES = re.compile(
    r"text/.*|application/(.*\+)?(json|xml|yaml)|application/(x-)?(javascript|ecmascript|ndjson|yaml|toml|sh)|message/.*|image/svg\+xml"
)

Response = dict[str, Any]


class Status(Exception):
    """The server answered with a status that is no success."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.retry = page.status in RETRIED or page.status >= 500  # noqa: PLR2004 - the server's own errors
        location = page.headers.get("Location")
        hint = f", a redirect to {printable(location)[:200]} (config.follow_redirects is false)" if location else ""
        super().__init__(f"HTTP {page.status}{hint}")

    def payload(self) -> dict[str, Any]:
        after = retry_after(self.page.headers.get("Retry-After"))
        known = {} if after is None else {"retry_after_seconds": after}
        return {"status_code": self.page.status, "final_url": self.page.url, **known}


def retry_after(value: str | None) -> int | None:
    """Seconds, from either form of the header."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}", value.strip()):
        return int(value)
    try:
        return max(0, math.ceil(parsedate_to_datetime(value).astimezone(timezone.utc).timestamp() - time.time()))
    except (TypeError, ValueError, OverflowError):
        return None


def fetched(url: str, wanted: str, at: Settings, known: Mapping[str, str]) -> Page:
    """The page, or that it has not changed. Raises Refused, Failed, Status."""
    headers = {"User-Agent": at.user_agent, "Accept": ACCEPT[wanted], "Accept-Encoding": "gzip, deflate", **known}
    client = Client(rules=at.rules, limits=at.limits(), ca_file=at.ca_file)
    page = client.get(url, {**headers, "Connection": "close"})
    if succeeded(page.status) or (page.status == NOT_MODIFIED and known):
        return page
    raise Status(page)


def completed(url: str, page: Page, wanted: str) -> dict[str, Any]:
    """The payload of `fetch.completed`."""
    kind = page.headers.get_content_type() if page.headers.get("Content-Type") else ""
    start = page.body[:1024].lstrip().lower()
    html = kind in ("text/html", "application/xhtml+xml")
    html = html or (not kind and start.startswith((b"<!doctype html", b"<html")))
    if (kind and not html and not TEXT_TYPES.fullmatch(kind)) or (not kind and b"\0" in start):
        raise Refused(f"{page.url} is {kind or 'binary'}, not text")
    text = decoded(page.body, known_charset(page.headers.get_param("charset")) if kind else None)  # type: ignore[arg-type]  # a label, or none
    title, made = "", "markdown" if kind in ("text/markdown", "text/x-markdown") else "text"
    if html:
        made = wanted
        found = read(text, page.url, markdown=wanted == "markdown")
        title, text = found.title, text if wanted == "html" else found.content
    content = printable(text)
    payload = {
        "url": url,
        "final_url": page.url,
        "status_code": page.status,
        "content_type": kind,
        "title": title,
        "content_length": len(content),
        "output_format": made,
        "content": content,
    }
    tokens = page.headers.get("x-markdown-tokens", "")
    return {**payload, "markdown_tokens": int(tokens)} if re.fullmatch(r"\d{1,9}", tokens) else payload


def handle(request: Mapping[str, Any], at: Settings) -> Response:
    event = request.get("event")
    payload = event.get("payload") if isinstance(event, dict) else request.get("payload")
    if not isinstance(payload, dict) or not isinstance(payload.get("url"), str):
        raise Refused("payload.url must be text and not empty")
    url, wanted = payload["url"], output_format(payload, at.output_format)
    try:
        page = fetched(url, wanted, at, {})
        done = in_time(url, page, wanted)
    except (Refused, Failed, Status) as error:
        return {**failed(error), "events": [failure(url, error)]}
    sentence = f"fetched {page.url} ({done['content_length']} characters, {done['output_format']})"
    response: Response = {"status": "ok", "result": sentence}
    response["events"] = [{"type": "fetch.completed", "payload": done}]
    return {**response, "logs": [{"level": "info", "message": sentence}]}


def in_time(url: str, page: Page, wanted: str) -> dict[str, Any]:
    """What a page says; Refused for one that takes too long to read."""
    try:
        return completed(url, page, wanted)
    except TooComplex as error:
        raise Refused(f"{page.url} cannot be read: {error}") from None
    except TooLate:
        raise Refused(f"{page.url} cannot be read in time; ask for output_format html") from None


def poll(request: Mapping[str, Any], at: Settings) -> Response:
    """Fetches what has changed. A page is told once; one that fails too, until it is there again."""
    if not at.urls:
        raise BadConfig("config.urls names nothing to poll")
    state = request.get("state")
    pages = state.get("pages") if isinstance(state, dict) else None
    before = pages if isinstance(pages, dict) else {}
    instance = str(request.get("instance") or "fetch")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda url: attempt(url, at, seen(before, url)), at.urls))
    after: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []
    retry = False
    for url, outcome in zip(at.urls, outcomes, strict=True):
        try:
            after[url], event = told(url, outcome, seen(before, url), at, instance)
            events += event
        except (Refused, Failed, Status) as error:
            after[url], event = told_failure(url, error, seen(before, url))
            events += event
            faults.append({"url": url, "error": str(error)})
            retry = retry or retried(error)
    return polled(events, faults, {"pages": after} if after != before else None, len(at.urls), retry=retry)


def polled(
    events: list[dict[str, Any]],
    faults: list[dict[str, Any]],
    state: dict[str, Any] | None,
    count: int,
    *,
    retry: bool,
) -> Response:
    changed = sum(event["type"] == "fetch.completed" for event in events)
    result = {"pages": count, "changed": changed, "failed": faults}
    logs = [{"level": "warn", "message": f"{fault['url']}: {fault['error']}"} for fault in faults]
    response: Response = {"status": "ok", "result": result, "events": events, "logs": logs}
    if len(faults) == count:
        response |= {"status": "error", "error": f"no page could be fetched: {faults[0]['error']}", "retry": retry}
    return response if state is None else {**response, "state_updates": state}


def seen(before: Mapping[str, Any], url: str) -> Mapping[str, Any]:
    known = before.get(url)
    return known if isinstance(known, dict) else {}


def attempt(url: str, at: Settings, known: Mapping[str, Any]) -> Page | Exception:
    asked = {"If-None-Match": known.get("etag"), "If-Modified-Since": known.get("last_modified")}
    sent = {name: value for name, value in asked.items() if isinstance(value, str) and value}
    try:
        return fetched(url, at.output_format, at, sent)
    except (Refused, Failed, Status) as error:
        return error


def told(
    url: str, outcome: Page | Exception, known: Mapping[str, Any], at: Settings, instance: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What is remembered of a page, and the event where it is another one."""
    if isinstance(outcome, Exception):
        raise outcome
    number = known.get("number", 0)
    if outcome.status == NOT_MODIFIED:
        return {**known, "failing": False}, []
    sha256 = hashlib.sha256(outcome.body).hexdigest()
    now = {"sha256": sha256, "etag": header(outcome, "ETag"), "last_modified": header(outcome, "Last-Modified")}
    if sha256 == known.get("sha256"):
        return {**now, "number": number, "failing": False}, []
    payload = in_time(url, outcome, at.output_format)
    # The count makes the key another one for a page that is what it was before the last change.
    event = {"type": "fetch.completed", "payload": payload, "dedupe_key": f"{instance}:{url}:{number + 1}:{sha256}"}
    return {**now, "number": number + 1, "failing": False}, [event]


def told_failure(url: str, error: Exception, known: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return {**known, "failing": True}, [] if known.get("failing") else [failure(url, error)]


def header(page: Page, name: str) -> str:
    """A validator as it is sent back: text of one line that no answer can make long."""
    value = page.headers.get(name, "")
    return value if len(value) <= 500 and value.isascii() and value.isprintable() else ""  # noqa: PLR2004 - characters


def failure(url: str, error: Exception) -> dict[str, Any]:
    payload = {"url": url, "error": str(error), "retry": retried(error)}
    return {"type": "fetch.failed", "payload": {**payload, **(error.payload() if isinstance(error, Status) else {})}}


def retried(error: Exception) -> bool:
    return error.retry if isinstance(error, Status) else isinstance(error, Failed)


def health(_request: Mapping[str, Any], at: Settings) -> Response:
    for url in at.urls:
        try:
            at.rules.target(url)
        except Refused as error:
            raise BadConfig(f"config.urls: {error}") from None
    return {"status": "ok", "result": "healthy"}


COMMANDS = {"handle": handle, "poll": poll, "health": health}


@contextlib.contextmanager
def alarm(until: float) -> Iterator[None]:
    """Raises TooLate in what still works when the answer must be written."""

    def ring(*_: Any) -> None:
        raise TooLate("the time is over")

    before = signal.signal(signal.SIGALRM, ring)
    waiting = signal.setitimer(signal.ITIMER_REAL, max(0.05, until - time.monotonic() - MARGIN / 2))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *waiting)
        signal.signal(signal.SIGALRM, before)


def run(request: Any) -> Response:
    if isinstance(request, dict) and request.get("protocol", PROTOCOL) != PROTOCOL:
        raise Refused(f"fetch speaks protocol {PROTOCOL}, not {request['protocol']}")
    command = COMMANDS.get(str(request.get("command"))) if isinstance(request, dict) else None
    if command is None:
        raise Refused(f"fetch knows the commands {', '.join(COMMANDS)}")
    at = settings(request)
    with alarm(at.until):
        return command(request, at)


def respond(stdin: bytes) -> tuple[Response, int]:
    try:
        return run(json.loads(stdin)), 0
    except BadConfig as error:
        return failed(error), CONFIG_EXIT
    except (Refused, Failed) as error:
        return failed(error), 0
    except (ValueError, RecursionError) as error:
        return failed(Refused(f"the request is not JSON: {error}")), 1


def failed(error: Exception) -> Response:
    after = error.payload().get("retry_after_seconds") if isinstance(error, Status) else None
    note = "" if after is None else f"; the server asks to wait {after} s"
    return {"status": "error", "error": f"{error}{note}", "retry": retried(error)}


def main() -> int:
    response, code = respond(sys.stdin.buffer.read())
    encoded = json.dumps(response, ensure_ascii=False).encode("utf-8", "replace")
    if len(encoded) > LARGEST_ANSWER:
        response = failed(Refused("the pages are together too large for one answer; lower config.max_response_bytes"))
        encoded = json.dumps(response).encode()
    sys.stdout.buffer.write(encoded + b"\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
