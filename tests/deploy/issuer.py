"""Who issues the access tokens: a key, its public half over HTTPS, and tokens."""

import json
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY_ID = "deploy-check"


def new_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    def __init__(self, url):
        self.url = url
        self.key = new_key()

    def token(self, claims, key=None):
        """A token with the claims; `key` signs it as somebody else would."""
        now = int(time.time())
        claims = {"iss": self.url, "iat": now, "exp": now + 3600} | claims
        return jwt.encode(claims, key or self.key, "RS256", headers={"kid": KEY_ID})

    def documents(self):
        """API Gateway finds the keys by the issuer's OpenID configuration."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        keys = {"keys": [public | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}
        configuration = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"/.well-known/openid-configuration": configuration, "/keys": keys}


@contextmanager
def serving(authority):
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    issuer = Issuer(f"https://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = handler(issuer.documents())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()


def handler(documents):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            document = documents.get(self.path)
            self.send_response(200 if document else 404)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_):
            """The emulator's log is enough."""

    return Handler
