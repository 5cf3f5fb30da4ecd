#!/usr/bin/env python3
"""How long a deployed function takes: percentiles of Lambda's own report lines.

Reads log lines from standard input, in Lambda's JSON format or its text format,
as `aws logs tail` prints them, and prints a table. Needs nothing but Python 3.9.
"""

import json
import re
import statistics
import sys

# Published for a first put into DynamoDB at 128 MB: LLRT's README (awslabs/llrt).
PUBLISHED = "first put of LLRT, 128 MB, published"
PUBLISHED_MS = (64.0, 83.0)

TEXT = re.compile(r"REPORT RequestId: \S+\s+Duration: ([\d.]+) ms.*?Memory Size: (\d+) MB.*?Max Memory Used: (\d+) MB")
INIT = re.compile(r"Init Duration: ([\d.]+) ms")


def reports(lines):
    """Each report's Init (none when warm), duration, memory and its use."""
    for line in lines:
        start = line.find('{"time"')
        if start >= 0:
            report = from_json(line[start:])
        else:
            report = from_text(line)
        if report:
            yield report


def from_json(text):
    try:
        event = json.loads(text)
    except json.JSONDecodeError:
        return None
    if event.get("type") != "platform.report":
        return None
    metrics = event["record"]["metrics"]
    return (
        metrics.get("initDurationMs"),
        metrics["durationMs"],
        metrics["memorySizeMB"],
        metrics["maxMemoryUsedMB"],
    )


def from_text(line):
    found = TEXT.search(line)
    if not found:
        return None
    duration, memory, used = found.groups()
    init = INIT.search(line)
    return (float(init[1]) if init else None, float(duration), int(memory), int(used))


def percentiles(times):
    """p50 and p99; of a single time, that time."""
    if len(times) < 2:
        return times[0], times[0]
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return cuts[49], cuts[98]


def table(found):
    cold = [report for report in found if report[0] is not None]
    rows = [
        ("Init", [init for init, *_ in cold]),
        ("first call", [duration for _, duration, *_ in cold]),
        ("Init and first call", [init + duration for init, duration, *_ in cold]),
        ("warm call", [duration for init, duration, *_ in found if init is None]),
    ]
    yield "| | count | p50 ms | p99 ms |"
    yield "| --- | ---: | ---: | ---: |"
    for name, times in rows:
        if times:
            p50, p99 = percentiles(times)
            yield f"| {name} | {len(times)} | {p50:.1f} | {p99:.1f} |"
    yield f"| {PUBLISHED} | | {PUBLISHED_MS[0]:.1f} | {PUBLISHED_MS[1]:.1f} |"
    sizes = sorted({memory for *_, memory, _ in found})
    yield ""
    yield f"Memory {', '.join(map(str, sizes))} MB, at most {max(used for *_, used in found)} MB used."


def main():
    found = list(reports(sys.stdin))
    if not found:
        sys.exit("report: no report lines; Lambda writes them at the system log level INFO")
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
