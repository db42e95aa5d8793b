"""Errors of HTTP itself."""

from ductile.errors import BadRequest, DuctileError

PLAIN_JSON = "plain JSON (`Content-Type: application/json`, no `Content-Encoding`)"


class MethodNotAllowed(DuctileError):
    """{method} is not possible at {path}; {allow} is."""

    code = "method_not_allowed"
    status = 405


class BodyTooLarge(DuctileError):
    """The body is larger than {limit} bytes (api.max_body_size); send less."""

    code = "body_too_large"
    status = 413


class TooManyValues(DuctileError):
    """The body has more than {limit:,} JSON values (api.max_body_values); send fewer."""

    code = "too_many_values"
    status = 413


class BodyTooSlow(DuctileError):
    """The body did not arrive within {seconds:g} s (api.body_timeout); send it faster, or raise the setting."""

    code = "body_too_slow"
    status = 408


class UnsupportedMedia(DuctileError):
    """The body must be {accepted}, not {found}."""

    code = "unsupported_media_type"
    status = 415

    def __init__(self, *, found: str, accepted: str = PLAIN_JSON) -> None:
        super().__init__(found=found, accepted=accepted)


class InvalidJson(BadRequest):
    """The body is not valid JSON: {reason}, at offset {offset}."""

    code = "invalid_json"


class UnknownParameter(BadRequest):
    """{route} takes no query parameter {parameter!r}{hint} (known are: {known})."""

    code = "unknown_parameter"


class CannotListen(DuctileError):
    """The API cannot listen at {address} (api.listen): {reason}. {advice}."""

    code = "cannot_listen"

    def __init__(self, *, address: str, reason: str, advice: str = "Set another `api.listen`") -> None:
        super().__init__(address=address, reason=reason, advice=advice)
