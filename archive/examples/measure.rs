//! How many bytes an entry has in a segment, and how long writing and reading take.
//!
//! `cargo run --release -p archive --example measure`; the arguments are the sizes of
//! details in bytes. The times are those of one thread and mean nothing in a build
//! without optimisation.

#![expect(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "the figures are for people"
)]

use std::{
    error::Error,
    fmt::Write,
    ops::{Bound, Range},
    time::Instant,
};

use archive::{BoxError, Question, ROWS_MAX, Row, Segment, SegmentWriter, Selection, Source};
use bytes::Bytes;
use futures_util::FutureExt;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

struct Memory(Bytes);

impl Source for Memory {
    async fn read(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>, BoxError> {
        let part = |range: Range<u64>| {
            let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
            Ok(self.0.slice(range))
        };
        ranges.into_iter().map(part).collect()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut sizes: Vec<usize> = Vec::new();
    for size in std::env::args().skip(1) {
        sizes.push(size.parse()?);
    }
    if sizes.is_empty() {
        sizes = vec![0, 350, 4_096];
    }
    println!(
        "details | rows | bytes an entry | written, µs an entry | peak, MiB | read, µs an entry | peak, MiB"
    );
    for size in sizes {
        measure(size)?;
    }
    Ok(())
}

fn measure(size: usize) -> Result<(), Box<dyn Error>> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut rows = Vec::new();
    let start = Instant::now();
    let mut writer = SegmentWriter::new("contoso", 0);
    let mut making = start.elapsed();
    while rows.len() < ROWS_MAX {
        let begun = Instant::now();
        let row = row(&mut random, i64::try_from(rows.len())?, size);
        rows.push(row.raw_bytes());
        making += begun.elapsed();
        if !writer.fits(&row) {
            rows.pop();
            break;
        }
        writer.push(row)?;
    }
    MEMORY.reset_peak_usage();
    let written = writer.finish()?.ok_or("there are rows")?;
    let writer_peak = MEMORY.peak_usage_as_mb();
    let writing = start.elapsed().saturating_sub(making);
    let each = |time: std::time::Duration| time.as_micros() as f64 / rows.len() as f64;
    let bytes = written.bytes.len() as f64 / rows.len() as f64;

    let source = Memory(written.bytes.into());
    MEMORY.reset_peak_usage();
    let start = Instant::now();
    let segment = Segment::open(&source, "0.parquet", &written.manifest);
    let segment = segment.now_or_never().ok_or("memory answers at once")??;
    let read = read_all(&segment, &source)?;
    let reading = start.elapsed();
    println!(
        "{size} | {read} | {bytes:.1} | {:.2} | {writer_peak:.0} | {:.2} | {:.0}",
        each(writing),
        each(reading),
        MEMORY.peak_usage_as_mb()
    );
    Ok(())
}

/// Reads every row with its details, a part at a time; returns how many there are.
fn read_all(segment: &Segment, source: &Memory) -> Result<usize, Box<dyn Error>> {
    let (mut read, mut from) = (0, Bound::Unbounded);
    loop {
        let question = Question {
            from,
            selection: Selection {
                details: true,
                opening: true,
            },
            ..Question::default()
        };
        let part = segment.rows(source, &question).now_or_never();
        let part = part.ok_or("memory answers at once")??;
        read += part.rows.len();
        match part.rows.last().filter(|_| part.more) {
            Some(last) => from = Bound::Excluded(last.position()),
            None => return Ok(read),
        }
    }
}

/// An entry of a partner with 5,000 customers, of which few are busy.
fn row(random: &mut fastrand::Rng, place: i64, size: usize) -> Row {
    let moment = 1_793_491_200_000 + place * 35_000 + random.i64(0..30_000);
    let (customer, actor) = (zipf(random, 5_000), zipf(random, 300));
    let uuid = |bits: u128| {
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            bits >> 96,
            bits >> 80 & 0xffff,
            bits >> 32 & 0xfff,
            bits >> 44 & 0xfff,
            bits >> 56 & 0xffff_ffff_ffff
        )
    };
    Row {
        occurred_at: moment,
        recorded_at: moment + random.i64(20..4_000),
        id: format!(
            "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
            moment >> 16,
            moment & 0xffff,
            random.u16(..) & 0xfff,
            random.u16(..) & 0xfff,
            random.u64(..) >> 16
        ),
        action: format!("action_{}", zipf(random, 60)),
        outcome: if random.u8(..100) < 88 {
            "succeeded"
        } else {
            "failed"
        }
        .to_owned(),
        actor_id: format!("u-{actor}"),
        actor_name: format!("user{actor}@contoso.example"),
        actor_kind: "user".to_owned(),
        customer_id: Some(format!("0198a2c4-5c5b-7d0a-8e4f-{customer:012}")),
        customer_name: Some(format!("Customer number {customer}")),
        resource_type: Some("order".to_owned()),
        resource_id: Some(uuid(random.u128(..))),
        correlation_id: random.bool().then(|| uuid(random.u128(..))),
        kept_until: Some(moment + 31_536_000_000),
        salt: Some(std::array::from_fn(|_| random.u8(..))),
        details: (size > 0).then(|| details(random, size)),
        ..Row::default()
    }
}

/// The first ones are most frequent.
fn zipf(random: &mut fastrand::Rng, count: u32) -> u32 {
    let exponent = f64::from(count).ln() * random.f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 1 and the count"
    )]
    let number = exponent.exp() as u32;
    number
}

/// Lines of an order, up to about this many bytes.
fn details(random: &mut fastrand::Rng, size: usize) -> String {
    let mut text = String::from("{\"line_items\":[");
    let mut line = 0;
    while text.len() + 150 < size.max(300) {
        let comma = if line > 0 { "," } else { "" };
        let _ = write!(
            text,
            "{comma}{{\"line_item_number\":{line},\"offer\":\"Microsoft 365 Business Premium\",\"offer_id\":\"{:032x}\",\"quantity\":{},\"unit_price\":{}.{:02}}}",
            random.u128(..),
            random.u16(1..500),
            random.u8(..),
            random.u8(..100),
        );
        line += 1;
    }
    text.push_str("]}");
    text
}
