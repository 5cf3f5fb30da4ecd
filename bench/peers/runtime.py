"""Lambda's loop for Python, with one connection that is kept open.

AWS's own one does the same in C beneath Python.
"""

import http.client
import json
import os

PREFIX = "/2018-06-01/runtime/invocation"


def serve(handler):
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        runtime.request("GET", f"{PREFIX}/next")
        response = runtime.getresponse()
        call = response.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            path, answer = "response", handler(json.loads(response.read()), None)
        except Exception as error:
            path, answer = "error", {"errorType": type(error).__name__, "errorMessage": str(error)}
        runtime.request("POST", f"{PREFIX}/{call}/{path}", json.dumps(answer).encode())
        runtime.getresponse().read()
