// Reads the records since a day in one line, as scripts for Partner Center do.

const { BASE: base = "", TOKEN: token = "", START: start = "" } = process.env;
const res = await fetch(`${base}/v1/auditrecords?startDate=${start}`, { headers: { Authorization: `Bearer ${token}` } });
const { items } = (await res.json()) as { items: { operationType: string }[] };
console.log(items.map((record) => record.operationType).join("\n"));
