"""One POST of JSON. Redirects are not followed: who answers with one would get the credentials and the message."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from notify_message import BODY_BYTES, Refused
from notify_settings import BadConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notify_settings import Post

ANSWER_BYTES = 4096
"""Bytes of an answer that are read."""
ANSWER_CHARS = 300
"""Characters of a refusal that are told."""
RETRIED = {408, 425, 429}
"""Statuses below 500 after which another try may help."""
SERVER_ERROR = 500


class Failed(Exception):
    """It was not taken now; another try may help."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other."""

    def redirect_request(self, *_: Any) -> None:
        """Nothing is asked instead."""


def post(at: Post, body: Mapping[str, Any], job_id: str, timeout: float) -> int:
    """The status, 200 to 299. Raises Failed, Refused, BadConfig."""
    data = json.dumps(body).encode()
    if len(data) > BODY_BYTES:
        raise Refused(f"the JSON to post is larger than {BODY_BYTES} bytes")
    known = {"Idempotency-Key": job_id} if job_id else {}
    headers = {"Content-Type": "application/json", "User-Agent": "ductile-notify/1.0", **known, **at.headers}
    request = urllib.request.Request(at.url, data=data, headers=headers, method="POST")  # noqa: S310 - the settings allow http and https alone
    opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPSHandler(context=tls(at.ca_file)))
    try:
        with opener.open(request, timeout=timeout) as answer:
            answer.read(ANSWER_BYTES)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            raise refusal(at.host, error) from None
    except urllib.error.URLError as error:
        raise broken(at.host, error.reason) from None
    except (http.client.HTTPException, OSError) as error:
        raise broken(at.host, error) from None
    except UnicodeError:  # what a name with a label of more than 63 characters is to the resolver
        raise BadConfig(f"{at.host} is no host name") from None


def tls(ca_file: str | None) -> ssl.SSLContext:
    """A context that checks certificates and names."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ValueError) as error:
            raise BadConfig(f"the ca_file {ca_file} cannot be read as PEM: {error}") from None
    return context


def broken(host: str, reason: Any) -> Exception:
    """What a connection failed with; a certificate that is not trusted will not be at the next try either."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Refused(f"the certificate of {host} is not trusted: {reason.verify_message}")
    if isinstance(reason, TimeoutError):
        return Failed(f"{host} did not answer in time")
    what = str(reason) or type(reason).__name__
    return Failed(f"the connection to {host} failed: {what}")


def refusal(host: str, error: urllib.error.HTTPError) -> Exception:
    """A status that is no success, as what it means for another try."""
    status = error.code
    said = _answer(error)
    if status in RETRIED or status >= SERVER_ERROR:
        after = error.headers.get("Retry-After")
        wait = f" (Retry-After: {_line(after, 60)})" if after else ""
        return Failed(f"{host} answered {status}{wait}{said}")
    location = error.headers.get("Location")
    if 300 <= status < 400 and location:  # noqa: PLR2004 - the statuses of redirects
        return Refused(f"{host} answered {status}, a redirect to {_place(location)}, which is not followed")
    return Refused(f"{host} answered {status}{said}")


def _answer(error: urllib.error.HTTPError) -> str:
    try:
        said = error.read(ANSWER_BYTES)
    except (http.client.HTTPException, OSError):
        return ""
    line = _line(said.decode(errors="replace"), ANSWER_CHARS)
    return f": {line}" if line else ""


def _place(location: str) -> str:
    """Scheme and host of a redirect: the rest may hold what is secret."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "what is no URL"
    return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another path"


def _line(text: str, most: int) -> str:
    line = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()
    return line if len(line) <= most else f"{line[: most - 1]}…"
