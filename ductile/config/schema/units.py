"""Lengths of time and sizes that defaults are written with."""

from ductile.model.clock import Millis

SECOND: Millis = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MEGABYTE = 1024 * 1024
