// Shows the events of this machine's bus as they come, the newest on top.

"use strict";

const SHOWN_MAX = 500;

const [rows, status, filter] = ["events", "status", "filter"].map((id) => document.getElementById(id));
let count = 0;

const source = new EventSource("events");
source.onopen = () => tell();
source.onerror = () => (status.textContent = "Not connected; trying again…");
source.onmessage = (message) => {
  count += 1;
  rows.prepend(row(JSON.parse(message.data)));
  if (rows.children.length > SHOWN_MAX) rows.lastChild.remove();
  tell();
};
filter.oninput = () => [...rows.children].forEach(hideUnlessFound);
document.getElementById("clear").onclick = () => rows.replaceChildren();

function tell() {
  status.textContent = count === 1 ? "1 event" : `${count} events`;
}

function row(event) {
  const { detail } = event;
  const made = document.createElement("tr");
  for (const text of [event.time, event["detail-type"], detail.partnerid ?? "", detail.subject ?? ""]) {
    made.append(cell(text));
  }
  const whole = document.createElement("details");
  const json = document.createElement("pre");
  json.textContent = JSON.stringify(event, null, 2);
  const summary = document.createElement("summary");
  summary.textContent = detail.data?.action ?? detail.data?.api?.operation ?? detail.id;
  whole.append(summary, json);
  const last = document.createElement("td");
  last.append(whole);
  made.append(last);
  hideUnlessFound(made);
  return made;
}

function cell(text) {
  const made = document.createElement("td");
  made.textContent = text;
  return made;
}

function hideUnlessFound(made) {
  made.hidden = !made.textContent.toLowerCase().includes(filter.value.toLowerCase());
}
