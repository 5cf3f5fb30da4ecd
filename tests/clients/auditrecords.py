"""Prints the records since a day as a CSV, as a script for Partner Center does.

It was given another BASE and another TOKEN, and nothing else; HOST is for an address without a name.
"""

import csv
import json
import os
import sys
import urllib.request

BASE, TOKEN, START = (os.environ[name] for name in ("BASE", "TOKEN", "START"))


def get(address, headers=()):
    request = urllib.request.Request(BASE + address, headers={"Authorization": f"Bearer {TOKEN}", **dict(headers)})
    request.add_header("Accept", "application/json")
    if host := os.environ.get("HOST"):
        request.add_header("Host", host)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def records():
    page = get(f"/v1/auditrecords?startDate={START}&size=5")
    yield from page["items"]
    while link := page["links"].get("next"):
        page = get("/v1" + link["uri"], [(header["key"], header["value"]) for header in link["headers"]])
        yield from page["items"]


# The first record decides the columns, as in PowerShell's Export-Csv.
found = list(records())
table = csv.DictWriter(sys.stdout, found[0], extrasaction="ignore")
table.writeheader()
table.writerows(found)
