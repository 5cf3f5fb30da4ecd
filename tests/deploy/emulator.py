"""The AWS emulator: a process on 127.0.0.1 that serves TLS and obeys policies."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import requests

START_SECONDS = 60
END_SECONDS = 15

SETTINGS = {
    # Roles and the bucket's policy, which refuses whatever is not TLS, are obeyed.
    "AUTH": "true",
    "USE_SSL": "1",
    # They would listen on every address.
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def environment(work, authority, port):
    """All that the emulator, the functions, sam and boto3 see: nothing of the caller's AWS account."""
    bundle = str(work / "authority.pem")
    authority.cert_pem.write_to_path(bundle)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "TMPDIR": str(work),
        "NO_PROXY": "127.0.0.1",
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",  # pragma: allowlist secret
        # boto3 reads the first one; Python and the functions the second.
        "AWS_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
    }


def command(work, authority, port):
    """By its server: its own command would listen on port 443 as well."""
    certificate = work / "emulator.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    tls = ["--certfile", certificate, "--keyfile", certificate]
    return [sys.executable, "-m", "hypercorn", "ministack.app:app", "--bind", f"127.0.0.1:{port}", *tls]


@contextmanager
def running(work, authority, port, proxy):
    """The emulator in `os.environ` of now; it and its functions have ended afterwards."""
    with log(work).open("wb") as out:
        process = subprocess.Popen(
            command(work, authority, port),
            env=os.environ | SETTINGS | {"GATEWAY_PORT": str(port), "http_proxy": proxy},
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            # A group of its own, which its functions are in too.
            start_new_session=True,
        )
    try:
        wait_until_ready(process, work)
        yield
    finally:
        end(process)


def log(work):
    return work / "emulator.log"


def wait_until_ready(process, work):
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        assert process.poll() is None, f"the emulator ended before it was ready:\n{log(work).read_text()}"
        assert time.monotonic() < deadline, f"the emulator was not ready in time:\n{log(work).read_text()}"
        time.sleep(0.2)


def answers():
    try:
        url = os.environ["AWS_ENDPOINT_URL"] + "/_ministack/ready"
        return requests.get(url, verify=os.environ["AWS_CA_BUNDLE"], timeout=5).ok
    except requests.ConnectionError:
        return False


def end(process):
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        kill_group(process.pid)
        process.wait()


def kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
