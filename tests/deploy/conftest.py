"""One deployed stack for all checks; everything that is started is ended."""

import os
import signal
import tempfile
import uuid
from pathlib import Path

import pytest
import trustme
from botocore.exceptions import ClientError

import emulator
import gateway
import issuer as tokens
import keys
import stack as deployed
from api import Api

LOG_LINES = 40

# So that a TERM ends the emulator too, as an interrupt does.
signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--package", type=Path, required=True, help="folder that `make package` has written")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What failed is told with what the functions and the emulator wrote."""
    report = yield
    if report.failed and "stack" in item.funcargs:
        report.sections += [
            ("log of the functions", functions_log(item.funcargs["stack"], call.start)),
            ("log of the emulator", tail(emulator.log(item.funcargs["work"]).read_text().splitlines())),
        ]
    return report


def functions_log(stack, since):
    try:
        return tail(stack.log(since))
    except ClientError as error:
        # The check of a deleted stack has no logs left.
        return str(error)


def tail(lines):
    return "\n".join(lines[-LOG_LINES:])


@pytest.fixture(scope="session")
def authority():
    """Who certifies the emulator and the issuer: on AWS, everything is behind TLS."""
    return trustme.CA()


@pytest.fixture(scope="session")
def work():
    with tempfile.TemporaryDirectory(prefix="deploy-check-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def aws(authority, work):
    port = emulator.free_port()
    before = dict(os.environ)
    surroundings = emulator.environment(work, authority, port)
    os.environ.clear()
    os.environ.update(surroundings)
    try:
        with keys.passing_on(port) as proxy, emulator.running(work, authority, port, proxy):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def package(request):
    return request.config.getoption("package").resolve(strict=True)


@pytest.fixture(scope="session")
def issuer(authority):
    with tokens.serving(authority) as issuer:
        yield issuer


@pytest.fixture(scope="session")
def stack(aws, issuer, work, package):
    deployed.deploy(package, work, deployed.PARAMETERS | {"JwtIssuer": issuer.url})
    stack = deployed.Stack()
    gateway.complete(stack)
    return stack


@pytest.fixture(scope="session")
def api(stack, issuer):
    return Api(stack.outputs["ApiUrl"], issuer)


@pytest.fixture
def partner():
    return f"partner-{uuid.uuid4()}"


@pytest.fixture
def ann(api, partner):
    """She reads and records for a partner of her own, whose log is empty."""
    return api.client(partner, "admin_agent", "activity_recorder")
