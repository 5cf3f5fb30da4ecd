"""A log is sealed, read from the archive, signed and erased there; each check has a partner of its own."""

import base64
import hashlib

import boto3
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from sealing import Archive
from test_walk import an_order, days_ago, end_of_job, recorded

# Behind `MaxLatenessDays` and the margin.
SEALED_DAYS = 5
CUSTOMERS = {"c-1": "Relecloud", "c-2": "Fabrikam"}


@pytest.fixture
def archive(stack, ann, partner):
    """The archive of a log whose entries are sealed."""
    archive = Archive(stack, partner)
    for id, name in CUSTOMERS.items():
        recorded(ann, an_order(customer={"id": id, "name": name}), key=id)
    archive.make_older(SEALED_DAYS)
    archive.seal()
    return archive


def sealed_range(client):
    answer = client.get("/v1/activities", params={"from": days_ago(SEALED_DAYS + 1), "to": days_ago(SEALED_DAYS - 1)})
    assert answer.status_code == 200, answer.text
    assert answer.json()["settled"] is True
    return answer.json()["items"]


def test_what_is_sealed_is_read_from_the_archive(ann, archive):
    before = sealed_range(ann)
    assert [item["customer"]["id"] for item in before] == list(reversed(CUSTOMERS))
    for item in archive.stored():
        archive.remove(item)
    assert sealed_range(ann) == before
    one = ann.get(f"/v1/activities/{before[0]['id']}")
    assert (one.status_code, one.json()["details"]) == (200, an_order()["details"])


def test_a_checkpoint_of_what_is_sealed_is_signed_by_the_stacks_key(stack, archive, partner):
    [note] = [note.decode() for note in archive.checkpoints().values()]
    head = archive.head()
    assert (head["checkpoint"], head["size"]) == (note, len(CUSTOMERS))
    signed, signature = note.split("\n\n")
    origin, size, _, sealed_to = signed.split("\n")
    name = stack.parameters["LogName"]
    assert origin == f"{name}/{partner}/activity-v1"
    assert (size, sealed_to) == (str(len(CUSTOMERS)), f"sealed_to {head['sealed_to']}")
    verify(stack, name, f"{signed}\n", signature.strip())


def verify(stack, name, signed, signature):
    """As docs/proofs.md says: the id of the key, then the signature."""
    answer = boto3.client("kms").get_public_key(KeyId=stack.outputs["SigningKeyId"])
    key = load_der_public_key(answer["PublicKey"])
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    dash, signer, encoded = signature.split(" ")
    decoded = base64.b64decode(encoded)
    assert (dash, signer) == ("—", name)
    assert decoded[:4] == hashlib.sha256(name.encode() + b"\n\x01" + raw).digest()[:4]
    key.verify(decoded[4:], signed.encode())


def test_an_erasure_removes_a_customers_name_from_the_archive_too(api, ann, archive, partner):
    assert names_in(archive) == {"Relecloud", "Fabrikam"}
    admin = api.client(partner, "global_admin")
    _, done = end_of_job(admin, "/v1/erasures", {"customer_id": "c-1"})
    assert (done["state"], done["progress"]["erased"]) == ("done", 1)
    assert names_in(archive) == {"[erased]", "Fabrikam"}
    assert {item["customer_name"] for item in archive.stored() if "customer_name" in item} == {"[erased]", "Fabrikam"}
    assert {item["customer"]["name"] for item in sealed_range(ann)} == {"[erased]", "Fabrikam"}


def names_in(archive):
    """The names that stand in the only segment, whose indexes hold the least and the greatest one in clear text."""
    [segment] = archive.segments().values()
    return {name for name in (*CUSTOMERS.values(), "[erased]") if name.encode() in segment}
