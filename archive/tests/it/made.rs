//! Made-up rows, a segment in memory, and the answers by a plain walk over the rows.

use std::{
    ops::{Bound, Range, RangeBounds},
    sync::Mutex,
};

use archive::{
    BoxError, CountedBy, Error, Manifest, Order, Position, Question, Row, Segment, SegmentWriter,
    Source, Tallies, Tally, TextColumn, Written,
};
use bytes::Bytes;
use futures_util::FutureExt;

/// The first moment of November 2026.
pub(crate) const NOVEMBER: i64 = 1_793_491_200_000;

pub(crate) const NAMES: [&str; 12] = [
    "Relecloud",
    "Fabrikam, \"Inc.\"",
    "한국전자 주식회사",
    "株式会社コントソ",
    "شركة النور للتجارة",
    "Straßenbau Müller GmbH",
    "İstanbul Bilişim A.Ş.",
    "Ελληνικά Δίκτυα",
    "Северный Ветер",
    "Line one\nLine two\t\u{202e}",
    "葛\u{e0100}城 😀",
    "हिन्दी नेटवर्क",
];

/// An id that is a `UUIDv7` of this moment, with these low bits.
pub(crate) fn id(moment: i64, low: u64) -> String {
    let moment = u64::try_from(moment).unwrap();
    format!(
        "{:08x}-{:04x}-7000-8000-{:012x}",
        moment >> 16,
        moment & 0xffff,
        low & 0xffff_ffff_ffff
    )
}

/// A row without anything that may be absent.
pub(crate) fn plain(moment: i64, low: u64) -> Row {
    Row {
        occurred_at: moment,
        recorded_at: moment + 250,
        id: id(moment, low),
        action: "create_order".to_owned(),
        outcome: "succeeded".to_owned(),
        actor_id: "u-17".to_owned(),
        actor_name: "admin@fabrikam.example".to_owned(),
        actor_kind: "user".to_owned(),
        salt: Some([7; 16]),
        ..Row::default()
    }
}

/// Rows in list order, with much that is absent, equal or erased.
pub(crate) fn random(seed: u64, count: usize) -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut moment = NOVEMBER;
    let customers = random.u64(1..40);
    let mut rows: Vec<Row> = (0..count)
        .map(|_| {
            // A third of the entries share their millisecond with the one before.
            moment +=
                random.i64(0..3).min(1) * random.i64(1..400_000).min(900_000_000_000 / 600_000);
            random_row(&mut random, moment, customers)
        })
        .collect();
    rows.sort_by_key(Row::position);
    rows.dedup_by_key(|row| row.position());
    rows
}

fn random_row(random: &mut fastrand::Rng, moment: i64, customers: u64) -> Row {
    let mut row = plain(moment, random.u64(..));
    row.action = String::from(["create_order", "delete_user", "update_policy"][random.usize(..3)]);
    row.outcome = String::from(["succeeded", "failed"][random.usize(..2)]);
    let actor = random.usize(..9);
    (row.actor_id, row.actor_name) = (format!("u-{actor}"), NAMES[actor].to_owned());
    if random.u8(..10) > 0 {
        let customer = random.u64(..customers);
        row.customer_id = Some(format!("c-{customer}"));
        let name = usize::try_from(customer).unwrap() % NAMES.len();
        row.customer_name = Some(format!("{} {customer}", NAMES[name]));
    }
    if random.bool() {
        row.resource_type = Some(["order", "user"][random.usize(..2)].to_owned());
        row.resource_id = Some(format!("r-{}", random.u32(..500)));
    }
    row.correlation_id = random.bool().then(|| format!("x-{}", random.u32(..200)));
    row.kept_until = (random.u8(..10) > 0).then(|| moment + random.i64(0..40) * 86_400_000);
    row.salt = Some(std::array::from_fn(|_| random.u8(..)));
    if random.u8(..8) == 0 {
        row.erased_at = Some(moment + 1_000);
        (row.salt, row.c) = (None, Some(std::array::from_fn(|_| random.u8(..))));
        row.customer_name = row.customer_name.map(|_| "[erased]".to_owned());
    } else if random.bool() {
        let text = "details ".repeat(random.usize(..40));
        row.details = Some(format!("{{\"n\":{},\"text\":\"{text}\"}}", random.u16(..)));
    }
    row
}

pub(crate) fn write(first_index: u64, rows: &[Row]) -> Result<Written, Error> {
    let mut writer = SegmentWriter::new("contoso", first_index);
    for row in rows {
        writer.push(row.clone())?;
    }
    Ok(writer.finish()?.unwrap())
}

/// The rows as they come back: with index and mark, without what was not asked for.
pub(crate) fn stored(first_index: u64, rows: &[Row], question: &Question<'_>) -> Vec<Row> {
    let numbered = rows.iter().zip(first_index..).map(|(row, index)| Row {
        index,
        has_details: row.details.is_some(),
        details: row.details.clone().filter(|_| question.selection.details),
        salt: row.salt.filter(|_| question.selection.opening),
        c: row.c.filter(|_| question.selection.opening),
        ..row.clone()
    });
    numbered.collect()
}

pub(crate) fn text(row: &Row, column: TextColumn) -> Option<&str> {
    match column {
        TextColumn::Action => Some(&row.action),
        TextColumn::Outcome => Some(&row.outcome),
        TextColumn::ActorId => Some(&row.actor_id),
        TextColumn::ActorName => Some(&row.actor_name),
        TextColumn::ActorKind => Some(&row.actor_kind),
        TextColumn::CustomerId => row.customer_id.as_deref(),
        TextColumn::CustomerName => row.customer_name.as_deref(),
        TextColumn::ResourceType => row.resource_type.as_deref(),
        TextColumn::ResourceId => row.resource_id.as_deref(),
        TextColumn::CorrelationId => row.correlation_id.as_deref(),
    }
}

/// The answer by a walk over all rows.
pub(crate) fn naive(first_index: u64, rows: &[Row], question: &Question<'_>) -> Vec<Row> {
    let range = (question.from.clone(), question.to.clone());
    let passes = |row: &Row| {
        let is_kept = question
            .kept_at
            .is_none_or(|now| row.kept_until.is_none_or(|end| end > now));
        let recorded = question.recorded.as_ref();
        let is_kept = is_kept && recorded.is_none_or(|it| it.contains(&row.recorded_at));
        let mut predicates = question.predicates.iter();
        let meets = predicates.all(|it| match (&it.accepts, text(row, it.column)) {
            (_, None) => false,
            (archive::Accepts::AnyOf(texts), Some(text)) => texts.contains(text),
            (archive::Accepts::Test(accept), Some(text)) => accept(text),
        });
        is_kept && meets && is_in(&range, &row.position())
    };
    let mut found = stored(first_index, rows, question);
    found.retain(passes);
    if question.order == Order::Desc {
        found.reverse();
    }
    found.truncate(question.limit);
    found
}

fn is_in(range: &(Bound<Position>, Bound<Position>), position: &Position) -> bool {
    range.contains(position)
}

/// Counts by texts alone, without a limit.
pub(crate) fn by(columns: impl IntoIterator<Item = TextColumn>) -> CountedBy<'static> {
    CountedBy {
        columns: columns.into_iter().collect(),
        day: &|_| 0,
        room: usize::MAX,
        size: &|_| 1,
    }
}

/// The counts by a walk over the rows that were found.
pub(crate) fn naive_tallies(found: &[Row], by: &CountedBy<'_>) -> Tallies {
    let mut groups: Vec<Tally> = Vec::new();
    let (mut room, mut last) = (by.room, None);
    for row in found {
        let texts = by.columns.iter();
        let texts: Vec<_> = texts.map(|it| text(row, *it).map(str::to_owned)).collect();
        let day = (by.day)(row.occurred_at);
        let mut same = groups.iter_mut();
        if let Some(group) = same.find(|it| it.day == day && it.texts == texts) {
            group.count += 1;
        } else {
            let size = (by.size)(&texts);
            if last.is_some() && size > room {
                return Tallies { groups, last };
            }
            room = room.saturating_sub(size);
            let count = 1;
            groups.push(Tally { day, texts, count });
        }
        last = Some(row.position());
    }
    Tallies { groups, last: None }
}

/// An object in memory, which counts what is read of it.
pub(crate) struct Memory {
    pub(crate) bytes: Bytes,
    /// How many requests, and how many bytes.
    pub(crate) read: Mutex<(usize, usize)>,
    /// How many rounds of requests.
    pub(crate) rounds: Mutex<usize>,
}

impl Memory {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            read: Mutex::default(),
            rounds: Mutex::default(),
        }
    }

    /// How many requests, bytes and rounds there were since the last call.
    pub(crate) fn take(&self) -> (usize, usize, usize) {
        let (requests, bytes) = std::mem::take(&mut *self.read.lock().unwrap());
        (
            requests,
            bytes,
            std::mem::take(&mut *self.rounds.lock().unwrap()),
        )
    }
}

impl Source for Memory {
    async fn read(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>, BoxError> {
        *self.rounds.lock().unwrap() += 1;
        let mut read = self.read.lock().unwrap();
        let part = |range: Range<u64>| {
            let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
            if range.end > self.bytes.len() || range.start > range.end {
                return Err(BoxError::from("416 Range Not Satisfiable"));
            }
            *read = (read.0 + 1, read.1 + range.len());
            Ok(self.bytes.slice(range))
        };
        ranges.into_iter().map(part).collect()
    }
}

/// Memory always answers at once.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

pub(crate) fn open(source: &Memory, manifest: &Manifest) -> Result<Segment, Error> {
    now(Segment::open(source, "2026-11/0.parquet", manifest))
}
