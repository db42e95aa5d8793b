"""Which of several representations a client prefers, by its `Accept` header (RFC 9110, 12.5.1)."""

import re
from collections.abc import Sequence

from msgspec import Struct

_QUALITY = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", re.ASCII)


class MediaRange(Struct, frozen=True, kw_only=True):
    """One media range: `text/*;q=0.5`. Parameters other than `q` are left out."""

    media: str
    quality: float
    place: int
    """Where it stands in the header."""

    def exactness(self, media: str) -> int:
        """How exactly it names this media type: 3 itself, 2 its kind, 1 anything, 0 not at all."""
        if self.media == media:
            return 3
        if self.media == f"{media.partition('/')[0]}/*":
            return 2
        return int(self.media == "*/*")


def preferred_media(fields: Sequence[str], offered: Sequence[str]) -> str:
    """The offered media type that the client likes best; the first one where it says nothing that decides.

    Of two that it likes the same, the one it names more exactly or earlier wins.
    """
    ranges = [one for place, text in enumerate(",".join(fields).split(",")) if (one := parse_media_range(text, place))]
    best, liked = offered[0], (0.0, 0, 0)
    for media in offered:
        exactness, rule = max(
            ((one.exactness(media), one) for one in ranges), key=lambda pair: pair[0], default=(0, None)
        )
        if rule is None or not exactness or not rule.quality:
            continue
        likes = (rule.quality, exactness, -rule.place)
        if liked[0] == 0 or likes > liked:
            best, liked = media, likes
    return best


def parse_media_range(text: str, place: int) -> MediaRange | None:
    """One element of the header; None for what is no media range."""
    media, *parameters = (part.strip().lower() for part in text.split(";"))
    if "/" not in media:
        return None
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            if not _QUALITY.fullmatch(value.strip()):
                return None
            quality = float(value)
    return MediaRange(media=media, quality=quality, place=place)
