"""What stands in a pipe."""

import fcntl
import struct
import termios

_COUNT = struct.Struct("i")


def count_readable(fd: int) -> int:
    """Bytes that can be read from the pipe now (FIONREAD, ioctl_tty(2))."""
    count = bytearray(_COUNT.size)
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return int(_COUNT.unpack(count)[0])
