"""`ductile` from a process that has imported it: pages call it a hundred times, and importing is most of a call.

As a script, a server: each connection on the socket brings arguments, variables, working directory and the three
standard streams, is answered by a fork of it, and gets the exit code.
"""

import array
import contextlib
import importlib
import io
import marshal
import os
import pkgutil
import signal
import socket
import sys
from pathlib import Path

CLIENT = """#!{python} -IS
import array, marshal, os, socket, sys
if sys.argv[1:3] == ["config", "init"]:
    sys.argv += ["--listen", "{address}"]
if sys.argv[1:3] == ["system", "start"]:
    os.execv("{python}", ["{python}", "-W", "error", "-m", "ductile.cli.main", *sys.argv[1:]])
umask = os.umask(0)
asked = marshal.dumps((sys.argv[1:], dict(os.environ), os.getcwd(), umask))
with socket.socket(socket.AF_UNIX) as server:
    server.connect("{socket}")
    streams = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
    server.sendmsg([len(asked).to_bytes(4, "big")], [streams])
    server.sendall(asked)
    code = server.recv(1)
sys.exit(code[0] if code else 99)
"""
"""`ductile` on the PATH: new configurations listen at the address, and a gateway is a process of its own."""
INTS = 4
NOT_NEEDED = ("author", "zygote", "__main__")


def serve(path: str) -> None:
    """Import everything, say so by a line, and answer until stdin ends."""
    package = importlib.import_module("ductile")
    for module in pkgutil.walk_packages(package.__path__, "ductile."):
        if not any(word in module.name for word in NOT_NEEDED):
            importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(16)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    os._exit(answer(connection))


def answer(connection: socket.socket) -> int:
    """One call, in a fork."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, ancillary, _, _ = connection.recvmsg(4, socket.CMSG_LEN(3 * INTS))
    streams = array.array("i", ancillary[0][2])
    asked = bytearray()
    while len(asked) < int.from_bytes(size, "big"):
        asked += connection.recv(65536)
    arguments, environ, folder, umask = marshal.loads(bytes(asked))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environ)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "rb", closefd=False), "utf-8")
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "wb", closefd=False), "utf-8", line_buffering=os.isatty(1))
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "wb", closefd=False), "utf-8", line_buffering=True)
    sys.argv = ["ductile", *arguments]
    code = 1
    try:
        code = int(importlib.import_module("ductile.cli.main").main(arguments))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        connection.sendall(bytes([code]))
    return code


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    serve(sys.argv[1])
