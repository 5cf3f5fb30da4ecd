//! Bytes that are no segment are refused within bounded memory.
//!
//! It is a binary of its own, since it counts what the whole process allocates.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that can't go on fails, as it should"
)]

use std::{
    ops::{Bound, Range},
    sync::Mutex,
};

use archive::{
    Accepts, BoxError, CountedBy, Manifest, Order, Position, Predicate, Question, Row, Segment,
    SegmentWriter, Selection, Source, TextColumn,
};
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, checksum};
use futures_util::FutureExt;
use peak_alloc::PeakAlloc;
use sha2::{Digest, Sha256};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Only one test at a time counts.
static ALONE: Mutex<()> = Mutex::new(());

/// How many made-up objects are tried.
const BUDGET: u64 = 10_000;

/// How much memory one object may take, whatever its bytes say.
const MIB_MAX: f32 = 8.0;

struct Memory(Bytes);

impl Source for Memory {
    async fn read(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>, BoxError> {
        let part = |range: Range<u64>| {
            let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
            if range.start > range.end || range.end > self.0.len() {
                return Err(BoxError::from("416 Range Not Satisfiable"));
            }
            Ok(self.0.slice(range))
        };
        ranges.into_iter().map(part).collect()
    }
}

fn segment() -> (Vec<u8>, Manifest) {
    let mut writer = SegmentWriter::new("contoso", 0);
    for place in 0..40_i64 {
        writer
            .push(Row {
                occurred_at: 1_793_491_200_000 + place,
                id: format!("{place:036}"),
                action: "create_order".to_owned(),
                customer_id: (place % 3 == 0).then(|| format!("c-{place}")),
                customer_name: (place % 3 == 0).then(|| "Relecloud".to_owned()),
                resource_type: Some("order".to_owned()),
                resource_id: Some(format!("r-{place}")),
                correlation_id: Some(format!("x-{place}")),
                kept_until: Some(1_793_491_200_000 + place * 86_400_000),
                details: (place % 2 == 0).then(|| "{\"seats\":5}".to_owned()),
                salt: Some([7; 16]),
                ..Row::default()
            })
            .unwrap();
    }
    let written = writer.finish().unwrap().unwrap();
    (written.bytes, written.manifest)
}

/// Random bytes, cut or changed objects, and huge lengths in the places of lengths.
fn made_up(random: &mut fastrand::Rng, whole: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    match random.u8(..4) {
        0 => {
            let length = random.usize(..4_000);
            bytes = std::iter::repeat_with(|| random.u8(..))
                .take(length)
                .collect();
            if random.bool() {
                bytes.extend_from_slice(b"PAR1");
            }
        }
        1 => bytes.truncate(random.usize(..whole.len())),
        2 => {
            for _ in 0..random.usize(1..20) {
                let place = random.usize(..bytes.len());
                bytes[place] = random.u8(..);
            }
        }
        _ => {
            let place = random.usize(..bytes.len() - 4);
            let place = if random.bool() {
                bytes.len() - 8
            } else {
                place
            };
            let length = [u32::MAX, i32::MAX as u32, 1 << 24, 0][random.usize(..4)];
            bytes[place..place + 4].copy_from_slice(&length.to_le_bytes());
        }
    }
    bytes
}

fn questions() -> Vec<Question<'static>> {
    let by = |column, text: &str| Question {
        predicates: vec![Predicate {
            column,
            accepts: Accepts::AnyOf([text.to_owned()].into()),
        }],
        kept_at: Some(1_793_491_200_000),
        ..Question::default()
    };
    let position = Position {
        occurred_at: 1_793_491_200_020,
        id: format!("{:036}", 20),
    };
    vec![
        Question {
            selection: Selection {
                details: true,
                opening: true,
            },
            ..Question::default()
        },
        by(TextColumn::CustomerId, "c-3"),
        by(TextColumn::ResourceId, "r-7"),
        by(TextColumn::CorrelationId, "x-7"),
        Question {
            to: Bound::Excluded(position),
            order: Order::Desc,
            ..Question::default()
        },
    ]
}

/// Everything that can be asked of an object whose hash is that of its own bytes.
fn ask(bytes: Vec<u8>, manifest: &Manifest) -> Result<usize, archive::Error> {
    let source = Memory(bytes.into());
    let segment = Segment::open(&source, "0.parquet", manifest);
    let segment = segment.now_or_never().unwrap()?;
    let answer = |question| segment.rows(&source, &question).now_or_never().unwrap();
    let answers: Vec<_> = questions().into_iter().map(answer).collect();
    let by = CountedBy {
        columns: [TextColumn::Action, TextColumn::CustomerName].into(),
        day: &|moment| moment.div_euclid(86_400_000),
        room: 30,
        size: &|_| 30,
    };
    let everything = Question::default();
    let counted = segment.tally(&source, &everything, &by);
    counted.now_or_never().unwrap()?;
    segment.range(&source, "contoso").now_or_never().unwrap()?;
    let rows = answers.into_iter().map(|it| Ok(it?.rows.len()));
    rows.sum()
}

#[test]
fn no_bytes_panic_or_take_more_memory_than_a_small_segment() {
    let _alone = ALONE.lock().unwrap();
    let (whole, manifest) = segment();
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..BUDGET {
        let bytes = made_up(&mut random, &whole);
        let is_same = bytes == whole;
        let before = MEMORY.current_usage_as_mb();
        MEMORY.reset_peak_usage();
        let scanned = Segment::scan("0.parquet", &bytes);
        assert_eq!(scanned.is_ok(), is_same, "{round}");
        // The stored manifest may say anything too, and even fit what was changed.
        let mut other = manifest.clone();
        match random.u8(..4) {
            0 => other.bytes = u64::try_from(bytes.len()).unwrap(),
            1 => other.block_at = random.u64(..),
            2 => other.index_at = random.u64(..),
            _ => other.count = random.u64(..),
        }
        if let Ok(rows) = ask(bytes, &other) {
            assert_eq!(rows, 63, "{round}");
        }
        let peak = MEMORY.peak_usage_as_mb() - before;
        assert!(peak < MIB_MAX, "round {round} takes {peak} MiB");
    }
}

fn footer_at(whole: &[u8]) -> usize {
    let end = whole.len() - 8;
    let length = u32::from_le_bytes(whole[end..end + 4].try_into().unwrap());
    end - usize::try_from(length).unwrap()
}

/// A footer that was changed by somebody who also changed its hash.
#[test]
fn no_footer_panics_or_takes_more_memory_even_if_its_hash_is_right() {
    let _alone = ALONE.lock().unwrap();
    let (whole, manifest) = segment();
    let block_at = usize::try_from(manifest.block_at).unwrap();
    let (footer_at, end) = (footer_at(&whole), whole.len() - 8);
    let mut random = fastrand::Rng::with_seed(2);
    for round in 0..BUDGET / 4 {
        let mut bytes = whole.clone();
        for _ in 0..random.usize(1..4) {
            let place = random.usize(footer_at..end);
            bytes[place] = random.u8(..);
        }
        let mut other = manifest.clone();
        other.tail_sha256 = Sha256::digest(&bytes[block_at..]).into();
        let before = MEMORY.current_usage_as_mb();
        MEMORY.reset_peak_usage();
        let _ = ask(bytes, &other);
        let peak = MEMORY.peak_usage_as_mb() - before;
        assert!(peak < MIB_MAX, "round {round} takes {peak} MiB");
    }
}

/// Where the parts before the block begin and end, and where their checksums stand.
fn parts(whole: &[u8], block_at: usize) -> Vec<(Range<usize>, usize)> {
    let number = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().unwrap());
    let length = |at: usize| usize::try_from(number(at)).unwrap();
    let at = block_at + 8;
    let at = at + 4 + 32 * length(at);
    let mut start = 0;
    let part = |place: usize| {
        let at = at + 4 + 8 * place;
        let part = start..start + length(at);
        start = part.end;
        (part, at + 4)
    };
    (0..length(at)).map(part).collect()
}

/// Pages, filters and indexes that were changed by somebody who also changed the
/// checksums and the hash.
#[test]
fn no_page_panics_even_if_its_checksum_is_right() {
    let _alone = ALONE.lock().unwrap();
    // A decoder's panic becomes an error; the stack of one would take memory, and time.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let (whole, manifest) = segment();
    let block_at = usize::try_from(manifest.block_at).unwrap();
    let parts = parts(&whole, block_at);
    assert_eq!(parts.last().unwrap().0.end, block_at);
    let block_end = footer_at(&whole);
    let mut random = fastrand::Rng::with_seed(3);
    for round in 0..BUDGET / 4 {
        let mut bytes = whole.clone();
        for _ in 0..random.usize(1..4) {
            let place = random.usize(4..block_at);
            bytes[place] = random.u8(..);
        }
        for (part, at) in &parts {
            let crc = crc(&bytes[part.clone()]);
            bytes[*at..at + 4].copy_from_slice(&crc.to_le_bytes());
        }
        let own = crc(&bytes[block_at..block_end - 4]);
        bytes[block_end - 4..block_end].copy_from_slice(&own.to_le_bytes());
        let mut other = manifest.clone();
        other.tail_sha256 = Sha256::digest(&bytes[block_at..]).into();
        let before = MEMORY.current_usage_as_mb();
        MEMORY.reset_peak_usage();
        let _ = ask(bytes, &other);
        let peak = MEMORY.peak_usage_as_mb() - before;
        assert!(peak < MIB_MAX, "round {round} takes {peak} MiB");
    }
}

fn crc(bytes: &[u8]) -> u32 {
    u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, bytes)).unwrap()
}
