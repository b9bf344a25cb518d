"""An HTTPS proxy (`CONNECT`, RFC 9110 section 9.3.6) through which every host name leads to a port of this machine.

With it a client can ask for Docker Hub, or for a gate by its name, and nothing leaves loopback.
"""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def tunnel(places: Mapping[str, str]) -> Iterator[str]:
    """Serve it while the block runs; gives its URL.

    Args:
        places: `host:port` of this machine, by the `host:port` that is asked for. Others are refused.
    """

    class Connect(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            words = self.rfile.readline().decode().split()
            while self.rfile.readline().strip():
                pass
            if words[:1] != ["CONNECT"] or words[1] not in places:
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            host, _, port = places[words[1]].rpartition(":")
            with socket.create_connection((host, int(port))) as there:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pass_on, args=(there, self.connection), daemon=True)
                back.start()
                _pass_on(self.connection, there)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connect) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
