"""HTTP spoken by hand, for what no client library would send."""

import asyncio

from support.web import Web

AUTH = b"Host: localhost\r\nAuthorization: Bearer admin-token\r\nConnection: close"


async def speak(web: Web, request: bytes) -> tuple[bytes, bytes]:
    """Send these bytes (`{auth}` becomes host and token) and read head and body of the one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(request.replace(b"{auth}", AUTH))
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    body = await reader.readexactly(int(lengths[0])) if lengths else b""
    writer.close()
    await writer.wait_closed()
    return head, body
