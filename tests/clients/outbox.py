"""An outbox: activities wait in a SQLite table until they are recorded, each once."""

import json
import random
import sqlite3

import httpx
from partner_log_httpx.api.activities import record_activities
from partner_log_httpx.models import NewActivities, NewBatchActivity, Problem

PAUSE_MAX_SECONDS = 60


class Outbox:
    """Give it the connection of your own database, and an activity has the fate of your change."""

    def __init__(self, database, client):
        self.database, self.client, self.failures = database, client, 0
        database.execute("CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, activity TEXT)")
        database.execute("CREATE TABLE IF NOT EXISTS refused (activity TEXT, problem TEXT)")

    def hand_over(self, activity):
        """Keeps an activity; it must have its `idempotency_key` and its `occurred_at`."""
        text = json.dumps(activity.to_dict())
        self.database.execute("INSERT INTO outbox (activity) VALUES (?)", [text])

    def deliver(self):
        """Sends what waits; returns how many seconds to wait before the next call."""
        rows = self.database.execute("SELECT id, activity FROM outbox ORDER BY id LIMIT 100").fetchall()
        if not rows:
            return 1
        batch = NewActivities(activities=[NewBatchActivity.from_dict(json.loads(text)) for _, text in rows])
        try:
            answer = record_activities.sync_detailed(client=self.client, body=batch)
        except httpx.HTTPError:
            return self._pause(0)
        if isinstance(answer.parsed, Problem) or answer.parsed is None:
            return self._pause(float(answer.headers.get("Retry-After", 0)))
        is_waiting = False
        with self.database:
            for (row, text), result in zip(rows, answer.parsed.results):
                if result.status >= 500:
                    is_waiting = True
                    continue
                if result.status >= 400:
                    problem = json.dumps(result.problem.to_dict())
                    self.database.execute("INSERT INTO refused VALUES (?, ?)", [text, problem])
                self.database.execute("DELETE FROM outbox WHERE id = ?", [row])
        if is_waiting:
            return self._pause(0)
        self.failures = 0
        return 0

    def _pause(self, retry_after):
        self.failures += 1
        longest = min(PAUSE_MAX_SECONDS, 2**self.failures)
        return max(retry_after, random.uniform(longest / 2, longest))


def connect(path):
    """A database that keeps what it was told although the machine fails."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous=FULL")
    return database
