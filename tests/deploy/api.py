"""Requests to the API, as its clients send them."""

import os
from urllib.parse import urlsplit

import requests

from stack import AUDIENCE


class Api:
    def __init__(self, url, issuer=None):
        self.url = url
        self.issuer = issuer

    def send(self, method, path, token=None, headers=None, **more):
        """The answer; the name of the API's host is not in any DNS, so it goes into the header."""
        headers = {"host": urlsplit(self.url).netloc} | (headers or {})
        if token:
            headers["authorization"] = f"Bearer {token}"
        return fetch(method, os.environ["AWS_ENDPOINT_URL"] + path, headers=headers, **more)

    def client(self, partner, *roles):
        claims = {"aud": AUDIENCE, "oid": "u-17", "preferred_username": "ann", "reseller": partner, "duties": roles}
        return Client(self, self.issuer.token(claims))


class Client:
    """Somebody with a token."""

    def __init__(self, api, token):
        self.api = api
        self.token = token

    def get(self, path, **more):
        return self.api.send("GET", path, self.token, **more)

    def post(self, path, body, **more):
        return self.api.send("POST", path, self.token, json=body, **more)

    def delete(self, path):
        return self.api.send("DELETE", path, self.token)


def fetch(method, url, **more):
    return requests.request(method, url, verify=os.environ["AWS_CA_BUNDLE"], timeout=60, **more)
