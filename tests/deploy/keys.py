"""A proxy that adds TLS, for the keys of user pools.

The emulator's gateway asks for them at the emulator's own port over plain HTTP, which it does not serve here.
"""

import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import requests


@contextmanager
def passing_on(port):
    """The address of a proxy that passes requests on to that port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = urlsplit(self.path).path
            answer = requests.get(f"https://127.0.0.1:{port}{path}", verify=os.environ["AWS_CA_BUNDLE"], timeout=5)
            self.send_response(answer.status_code)
            self.send_header("content-type", answer.headers["content-type"])
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_):
            """The emulator's log is enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
