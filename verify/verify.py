#!/usr/bin/env python3
"""Checks proofs of a partner's activity log: a second implementation, after docs/proofs.md.

Usage: verify.py entry PROOF KEY | growth OLD NEW PROOF KEY | export FILE PROOF KEY

KEY is a line as GET /v1/keys has it. Exit codes: 0 whole, 1 not whole, 2 could not tell.
Needs the package `cryptography`, for Ed25519. The crate `verify` says more about what is wrong.
"""

import base64, csv, hashlib, io, json, re, sys, zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LEFT_OUT = ("details", "erased_at", "has_details", "links")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
COLUMNS = ["Date-Time (UTC)", "Affected customer", "Action", "Partner user", "Customer ID",
           "Partner user ID", "Partner user kind", "Outcome", "Resource type", "Resource ID",
           "Activity ID", "Recorded at (UTC)", "Correlation ID", "Details", "Erased at (UTC)"]


class NotWhole(Exception):
    """It is not what was sealed and signed."""


class Number(str):
    """A JSON number, with the characters that it had."""


def require(is_so, reason):
    if not is_so:
        raise NotWhole(reason)


def unique(pairs):
    members = dict(pairs)
    require(len(members) == len(pairs), "a JSON object gives a name twice")
    return members


def parse(text):
    return json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=unique)


def count_of(number):
    """A number of entries; JSON's other numbers, and those of Python, are none."""
    if type(number) is str and re.fullmatch("[1-9][0-9]*", number, re.ASCII):
        return int(number)
    if type(number) is int and number >= 0:
        return number
    raise ValueError(f"{number!r} is no number of entries")


def bytes_of(text, length):
    found = base64.b64decode(text, validate=True)
    if len(found) != length:
        raise ValueError(f"{text!r} has not {length} bytes")
    return found


def canonical(value):
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_of(activity, kind, secret):
    """The hash of an activity's leaf, with its salt (kind s) or its commitment (kind c)."""
    public = {name: value for name, value in activity.items() if name not in LEFT_OUT}
    require("hidden" not in activity, "an entry has no member hidden")
    customer, hidden = public.get("customer"), {}
    if customer is not None:
        public["customer"] = {name: customer[name] for name in customer if name != "name"}
        hidden["customer_name"] = customer["name"]
    if "details" in activity:
        hidden["details"] = activity["details"]
    erased_at = activity.get("erased_at", "")
    require("erased_at" not in activity or MOMENT.fullmatch(erased_at), "erased_at is no moment")
    require((kind == "c") == ("erased_at" in activity), "only an erased entry has no salt")
    if kind == "c":
        require(hidden in ({}, {"customer_name": "[erased]"}), "an erased entry has a name or details")
        commitment = secret
    else:
        commitment = sha256(secret, canonical(hidden).encode())
    public["hidden"] = commitment.hex()
    return sha256(b"\0", canonical(public).encode())


class Range:
    """Consecutive leaves, as the roots of their largest complete subtrees."""

    def __init__(self, begin, end=None, hashes=()):
        self.begin, self.end, self.trees, rest = begin, begin, [], list(hashes)
        while end is not None and self.end < end:
            level = min((self.end & -self.end or 1 << 62).bit_length(), (end - self.end).bit_length()) - 1
            require(rest, "a range has too few hashes")
            self.trees.append((level, rest.pop(0)))
            self.end += 1 << level
        require(not rest, "a range has too many hashes")

    def append(self, node, level=0):
        self.end += 1 << level
        while self.end % (2 << level) == 0 and self.trees and self.trees[-1][0] == level:
            node, level = sha256(b"\1", self.trees.pop()[1], node), level + 1
        self.trees.append((level, node))

    def prepend(self, node):
        self.begin, level = self.begin - 1, 0
        while self.begin % (2 << level) == 0 and self.trees and self.trees[0][0] == level:
            node, level = sha256(b"\1", node, self.trees.pop(0)[1]), level + 1
        self.trees.insert(0, (level, node))

    def extend(self, other):
        require(self.end == other.begin, "two ranges do not touch")
        for level, node in other.trees:
            self.append(node, level)

    def root(self):
        root = None
        for _, node in reversed(self.trees):
            root = node if root is None else sha256(b"\1", node, root)
        return root or sha256()


def signed(note, key):
    """Size, root, partner and sealed_to of a checkpoint that the key signed."""
    name, key_id, public = key.strip().split("+", 2)
    public = bytes_of(public, 33)
    own_id = hashlib.sha256(f"{name}\n".encode() + public).hexdigest()[:8]
    if (public[0], own_id) != (1, key_id):
        raise ValueError("the key is no Ed25519 key, or its id is another one")
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    lines = [line.split(" ") for line in signatures.split("\n")]
    require(lines.pop() == [""] and lines, "the checkpoint has no signatures")
    require(all(len(line) == 3 and line[0] == "—" for line in lines), "the checkpoint was changed")
    own = [base64.b64decode(line[2]) for line in lines if line[:2] == ["—", name]]
    own = [line for line in own if line[:4].hex() == key_id]
    require(own, "the key did not sign the checkpoint")
    for line in own:
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(line[4:], text.encode())
    origin, size, root, *more = text.splitlines()
    service, partner, version = origin.rsplit("/", 2)
    require((service, version) == (name, "activity-v1"), "the checkpoint is of another service")
    sealed_to = [line.split(" ")[1] for line in more if line.startswith("sealed_to ")]
    return int(size), base64.b64decode(root), partner, "".join(sealed_to)


def check_entry(proof, key):
    proof = json.loads(proof)
    size, root, partner, _ = signed(proof["checkpoint"], key)
    require(parse(proof["leaf"])["partner_id"] == partner, "the entry is of another partner")
    node, last, hash_ = proof["index"], size - 1, sha256(b"\0", proof["leaf"].encode())
    require(0 <= node <= last, "the entry is behind the end of the log")
    for sibling in map(base64.b64decode, proof["path"]):
        require(last > 0, "the path is too long")
        if node & 1 or node == last:
            hash_ = sha256(b"\1", sibling, hash_)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            hash_ = sha256(b"\1", hash_, sibling)
        node, last = node >> 1, last >> 1
    require(last == 0 and hash_ == root, "leaf and path do not lead to the signed root")


def check_growth(old, new, proof, key):
    (size, root, *whose), (new_size, new_root, *new_whose) = signed(old, key), signed(new, key)
    require(whose[0] == new_whose[0] and 0 < size <= new_size, "it is another log, or a shorter one")
    proof = json.loads(proof)
    if (proof["from_size"], signed(proof["checkpoint"], key)[0]) != (size, new_size):
        raise ValueError("the proof is about other checkpoints")
    path = list(map(base64.b64decode, proof["path"]))
    if size == new_size:
        require(root == new_root and not path, "there are two logs of this size")
        return
    if size & (size - 1) == 0:
        path.insert(0, root)
    require(path, "the proof has too few hashes")
    node, last = size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path.pop(0)
    for sibling in path:
        require(last > 0, "the proof has too many hashes")
        if node & 1 or node == last:
            first, second = sha256(b"\1", sibling, first), sha256(b"\1", sibling, second)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            second = sha256(b"\1", second, sibling)
        node, last = node >> 1, last >> 1
    require(last == 0 and (first, second) == (root, new_root), "the log did more than grow")


def of_cells(cells, partner):
    require(len(cells) == len(COLUMNS), "a row has another number of cells")
    cell = dict(zip(COLUMNS, cells))
    activity = {"id": cell["Activity ID"], "partner_id": partner, "action": cell["Action"],
                "recorded_at": cell["Recorded at (UTC)"], "occurred_at": cell["Date-Time (UTC)"],
                "outcome": cell["Outcome"], "correlation_id": cell["Correlation ID"],
                "erased_at": cell["Erased at (UTC)"],
                "actor": {"id": cell["Partner user ID"], "name": cell["Partner user"],
                          "kind": cell["Partner user kind"]}}
    activity = {name: value for name, value in activity.items() if value != ""}
    require(cell["Customer ID"] or not cell["Affected customer"], "a customer has no id")
    require(bool(cell["Resource type"]) == bool(cell["Resource ID"]), "half of a resource is missing")
    if cell["Customer ID"]:
        activity["customer"] = {"id": cell["Customer ID"], "name": cell["Affected customer"]}
    if cell["Resource type"]:
        activity["resource"] = {"type": cell["Resource type"], "id": cell["Resource ID"]}
    if cell["Details"]:
        activity["details"] = parse(cell["Details"])
    return activity


def json_rows(file):
    for line in io.TextIOWrapper(file, encoding="utf-8", newline="\n"):
        require(line.endswith("\n"), "the file ends within a line")
        row = parse(line)
        require(not {"has_details", "links"} & set(row), "an export has no such member")
        yield row


def csv_rows(file, content, partner):
    """The rows of a CSV file, which must be written as the service writes it."""
    csv.field_size_limit(1 << 26)
    rows = csv.reader(io.TextIOWrapper(file, encoding="utf-8", newline=""), strict=True)
    written, buffer = hashlib.sha256(), io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    for number, cells in enumerate(rows):
        require(number or cells == COLUMNS, "the header is not that of a CSV file in style raw")
        writer.writerow(cells)
        written.update(buffer.getvalue().encode())
        buffer.seek(buffer.truncate(0))
        if number:
            yield of_cells(cells, partner)
    require(written.hexdigest() == content, "the file is not written as the service writes CSV")


def open_file(path):
    """The file, unpacked; the hash of its bytes, and that of its unpacked content."""
    with open(path, "rb") as file:
        written = content = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        is_packed = file.read(2) == b"\x1f\x8b"
    if is_packed:
        with open(path, "rb") as file, OnlyMember(file) as unpacked:
            content = hashlib.file_digest(io.BufferedReader(unpacked), "sha256").hexdigest()
        return io.BufferedReader(OnlyMember(open(path, "rb"))), written, content
    return open(path, "rb"), written, content


class OnlyMember(io.RawIOBase):
    """A gzip file of one member: many readers take the first one and no more."""

    def __init__(self, file):
        self.file, self.packed, self.ready = file, zlib.decompressobj(31), b""

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self.ready and not self.packed.eof:
            packed = self.packed.unconsumed_tail or self.file.read(1 << 16)
            if not packed:
                raise ValueError("the file ends too early")
            self.ready = self.packed.decompress(packed, 1 << 20)
        if not self.ready and (self.packed.unused_data or self.file.read(1)):
            raise ValueError("the file has more than one gzip member")
        part, self.ready = self.ready[: len(buffer)], self.ready[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def check_export(path, proof, key):
    first = json.loads(proof.readline())
    require(first["version"] == "export-proof/v1", "the proof has another form")
    size, root, partner, sealed_to = signed(first["checkpoint"], key)
    require(first["partner_id"] == partner, "the file is of another partner")
    start, end, is_asc = first["from"], first["to"], {"asc": True, "desc": False}[first["order"]]
    if not (MOMENT.fullmatch(start) and MOMENT.fullmatch(end) and start <= end):
        raise ValueError("the range of the proof has another form")
    before, behind = first["before"], first["behind"]
    tree = Range(0, count_of(before["count"]), map(base64.b64decode, before["hashes"]))
    rest = Range(size - count_of(behind["count"]), size, map(base64.b64decode, behind["hashes"]))
    is_shown = first["complete"]
    for side, is_outside in ((before, lambda at: at < start), (behind, lambda at: at >= end)):
        if "neighbour" in side:
            neighbour = parse(side["neighbour"])
            is_own = neighbour["partner_id"] == partner and is_outside(neighbour["occurred_at"])
            require(is_own, "the entry beside the file does not lie beside its range")
        elif side["count"]:
            is_shown = False
        elif side is behind:
            require(not first["complete"] or sealed_to >= end, "the log is not sealed up to the end")
    if "neighbour" in before:
        tree.append(sha256(b"\0", before["neighbour"].encode()))
    if "neighbour" in behind:
        rest.prepend(sha256(b"\0", behind["neighbour"].encode()))
    file, written, content = open_file(path)
    is_csv = {"csv": True, "jsonl": False}[first["format"]]
    rows = csv_rows(file, content, partner) if is_csv else json_rows(file)
    count, erased, previous = 0, 0, None

    def next_row(kind=None, secret=None):
        """The next row and its leaf's hash; what is no entry is not whole."""
        try:
            row = next(rows, None)
            return row, None if row is None or kind is None else leaf_of(row, kind, secret)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
            raise NotWhole(f"row {count} is no entry: {error!r}") from error

    for line in proof:
        if not line.endswith("\n"):
            raise ValueError("the proof ends within a line")
        kind, content = line[:-1].split(" ", 1)
        if kind == "f":
            require(next_row()[0] is None, f"the file has more than {count} rows")
            require(content == written, "the file is not the one that was written, byte for byte")
            break
        if kind == "g":
            gap, *hashes = content.split(" ")
            gap = count_of(gap)
            at = (tree.end, tree.end + gap) if is_asc else (rest.begin - gap, rest.begin)
            gap, is_shown = Range(*at, map(base64.b64decode, hashes)), False
            if is_asc:
                tree.extend(gap)
            else:
                gap.extend(rest)
                rest = gap
            continue
        content = bytes_of(content, {"s": 24, "c": 40}[kind])
        count, erased = count + 1, erased + (kind == "c")
        row, hash_ = next_row(kind, content[:-8])
        require(row is not None, f"the file has only {count - 1} rows")
        require(hash_[:8] == content[-8:], f"row {count} ({row['id']}) is not what was sealed")
        place = (row["occurred_at"], row["id"])
        require(start <= place[0] < end, f"row {count} ({row['id']}) lies outside of the range")
        is_next = previous is None or (previous < place if is_asc else previous > place)
        require(is_next, f"row {count} ({row['id']}) is not in order")
        previous = place
        tree.append(hash_) if is_asc else rest.prepend(hash_)
    else:
        raise ValueError("the proof ends too early")
    if proof.readline():
        raise ValueError("lines follow the last one of the proof")
    tree.extend(rest)
    require(tree.end == size and tree.root() == root, "all rows together do not give the signed root")
    return count, erased, is_shown


def main(command, *names):
    *names, key = names
    if command == "export":
        with open(names[1], encoding="utf-8", newline="\n") as proof:
            count, erased, is_shown = check_export(names[0], proof, key)
        said = f"{count} rows are in the log, unchanged" + (", and are all of it" if is_shown else "")
        print(said + (f"; of {erased} erased ones name and details have no proof" if erased else ""))
        return 0 if is_shown and not erased else 2
    texts = [open(name, encoding="utf-8", newline="\n").read() for name in names]
    {"entry": check_entry, "growth": check_growth}[command](*texts, key)
    print("whole")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (NotWhole, InvalidSignature) as error:
        sys.exit(print(f"not whole: {error or 'a signature is wrong'}", file=sys.stderr) or 1)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error, OSError) as error:
        sys.exit(print(f"could not tell: {error!r}", file=sys.stderr) or 2)
