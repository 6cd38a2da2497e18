"""The spec server of the guest: QEMU starts it for each connection, with the connection as stdin.

The first request gets a 503. FOLDER has certificate, key and the VM's token; its `requests` is the log.
"""

import http.server
import pathlib
import socket
import ssl
import sys

HERE = pathlib.Path(__file__).parent
FOLDER = pathlib.Path(sys.argv[1])
REQUESTS = FOLDER / "requests"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        is_first = not REQUESTS.exists()
        wanted = "Bearer " + (FOLDER / "token").read_text()
        if is_first:
            status, body = 503, b""
        elif self.path == "/bootstrap.git/install.sh":
            status, body = 200, (HERE / "install.sh").read_bytes()
        elif self.path == "/spec" and self.headers["Authorization"] == wanted:
            status, body = 200, b"the spec\n"
        else:
            status, body = 404, b""
        with REQUESTS.open("a") as log:
            log.write(f"{status} {self.path}\n")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# The guest would get what Python prints.
sys.stdout = sys.stderr = (FOLDER / "server.log").open("a")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(FOLDER / "server.pem", FOLDER / "server.key")
with context.wrap_socket(socket.socket(fileno=0), server_side=True) as connection:
    Handler(connection, ("guest", 0), None)
