//! What may be in a segment, and that its bytes follow from its rows.

use std::collections::BTreeSet;

use archive::{
    Accepts, Predicate, Question, ROWS_MAX, Row, Segment, SegmentWriter, Selection, TextColumn,
    Tree,
};
use proof::{CompactRange, Hash};

use crate::made::{Memory, NOVEMBER, by, naive, now, open, plain, random, stored, write};

fn everything() -> Question<'static> {
    Question {
        selection: Selection {
            details: true,
            opening: true,
        },
        ..Question::default()
    }
}

#[test]
fn one_row_is_a_segment() {
    let rows = [plain(NOVEMBER, 1)];
    let written = write(12, &rows).unwrap();
    let source = Memory::new(written.bytes);
    let segment = open(&source, &written.manifest).unwrap();
    let read = now(segment.rows(&source, &everything())).unwrap().rows;
    assert_eq!(read, stored(12, &rows, &everything()));
    assert_eq!(written.positions, (rows[0].position(), rows[0].position()));
    assert_eq!(
        (written.manifest.first_index, written.manifest.count),
        (12, 1)
    );
    let nothing = SegmentWriter::new("contoso", 0).finish().unwrap();
    assert!(nothing.is_none());
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let rows = random(3, 3_000);
    assert_eq!(
        write(5, &rows).unwrap().bytes,
        write(5, &rows).unwrap().bytes
    );
    assert_ne!(
        write(5, &rows).unwrap().bytes,
        write(6, &rows).unwrap().bytes
    );
}

#[test]
fn a_segment_holds_the_rows_of_one_month_in_order() {
    let mut writer = SegmentWriter::new("contoso", 0);
    writer.push(plain(NOVEMBER + 5, 5)).unwrap();
    let refused = |writer: &mut SegmentWriter, row: Row| writer.push(row).unwrap_err().to_string();
    for (moment, low) in [(NOVEMBER + 5, 5), (NOVEMBER + 5, 4), (NOVEMBER + 4, 9)] {
        let text = refused(&mut writer, plain(moment, low));
        assert!(
            text.ends_with("must come after the row before it"),
            "{text}"
        );
    }
    let december = NOVEMBER + 30 * 86_400_000;
    assert!(writer.fits(&plain(december - 1, 1)));
    for moment in [december, NOVEMBER - 1] {
        assert!(!writer.fits(&plain(moment, 1)));
        let text = refused(&mut writer, plain(moment, 1));
        assert!(text.ends_with("belongs into another segment"), "{text}");
    }
    let mut both = plain(NOVEMBER + 6, 1);
    both.c = Some([0; 32]);
    let mut none = plain(NOVEMBER + 6, 1);
    none.salt = None;
    let mut no_json = plain(NOVEMBER + 6, 1);
    no_json.details = Some("{".to_owned());
    let mut half = plain(NOVEMBER + 6, 1);
    half.resource_type = Some("order".to_owned());
    let mut nameless = plain(NOVEMBER + 6, 1);
    nameless.customer_id = Some("c-1".to_owned());
    for (row, reason) in [
        (both, "must have either a salt or a commitment"),
        (none, "must have either a salt or a commitment"),
        (no_json, "has no leaf, since"),
        (half, "must have both the resource's type and id, or none"),
        (
            nameless,
            "must have both the customer's id and name, or none",
        ),
    ] {
        let text = refused(&mut writer, row);
        assert!(text.contains(reason), "{text}");
    }
    writer.push(plain(december - 1, 1)).unwrap();
    assert_eq!(writer.rows(), 2);
    const { assert!(ROWS_MAX == 65_536) }
}

#[test]
fn the_tree_of_a_segment_is_that_of_its_rows() {
    for (first_index, count) in [(0, 300), (1, 255), (1, 511), (250, 700), (256, 256)] {
        let rows = random(count, usize::try_from(count).unwrap());
        let written = write(first_index, &rows).unwrap();
        let leaves: Vec<Hash> = rows
            .iter()
            .map(|row| row.leaf("contoso").unwrap())
            .collect();
        let range = CompactRange::of_leaves(first_index, leaves.clone()).unwrap();
        assert_eq!(written.range, range);
        let source = Memory::new(written.bytes);
        let segment = open(&source, &written.manifest).unwrap();
        assert_eq!(now(segment.range(&source, "contoso")).unwrap(), range);
        let other = now(segment.range(&source, "fabrikam"));
        let has_tile = first_index.next_multiple_of(256) + 256 <= first_index + count;
        assert_eq!(other.is_err(), has_tile);
        assert_ne!(other.ok(), Some(range.clone()));
        let mut tree = Tree::new(open(&source, &written.manifest).unwrap());
        for from in (first_index..first_index + count).step_by(37) {
            for to in (from..=first_index + count).step_by(53) {
                let place = |index| usize::try_from(index - first_index).unwrap();
                let leaves = leaves[place(from)..place(to)].iter().copied();
                let wanted = CompactRange::of_leaves(from, leaves).unwrap();
                let part = now(tree.part(&source, "contoso", from..to)).unwrap();
                assert_eq!(part, wanted, "{from} {to}");
            }
        }
        let end = range.leaves().end;
        for index in 0..end + 600 {
            let is_whole = index % 256 == 0 && index >= first_index && index + 256 <= end;
            let tile = is_whole.then(|| {
                let from = usize::try_from(index - first_index).unwrap();
                let leaves = leaves[from..from + 256].iter().copied();
                CompactRange::of_leaves(index, leaves)
                    .unwrap()
                    .root()
                    .unwrap()
            });
            assert_eq!(segment.tile(index), tile, "{first_index} {count} {index}");
        }
    }
}

#[test]
fn a_lost_manifest_is_made_again_from_the_object() {
    for (first_index, count) in [(0, 1), (77, 500)] {
        let written = write(first_index, &random(2, count)).unwrap();
        let scanned = Segment::scan("0.parquet", &written.bytes).unwrap();
        assert_eq!(scanned, written.manifest);
    }
}

#[test]
fn a_large_entry_among_small_ones_costs_the_others_nothing() {
    let mut rows = random(9, 2_000);
    let mut large = fastrand::Rng::with_seed(1);
    let text: String = (0..256 * 1024 - 20).map(|_| large.alphanumeric()).collect();
    let row = rows
        .iter_mut()
        .find(|row| row.salt.is_some() && row.index == 0);
    row.unwrap().details = Some(format!("{{\"text\":\"{text}\"}}"));
    let written = write(0, &rows).unwrap();
    let source = Memory::new(written.bytes);
    let segment = open(&source, &written.manifest).unwrap();
    assert_eq!(
        now(segment.rows(&source, &everything())).unwrap().rows,
        stored(0, &rows, &everything())
    );
    source.take();
    let last = Question {
        from: std::ops::Bound::Included(rows[rows.len() - 1].position()),
        ..Question::default()
    };
    assert_eq!(now(segment.rows(&source, &last)).unwrap().rows.len(), 1);
    let (_, bytes, _) = source.take();
    assert!(bytes < 150_000, "{bytes}");
}

/// The answer to a question about one segment is told by the object's name.
#[test]
fn an_error_names_the_object() {
    let written = write(0, &random(1, 10)).unwrap();
    let source = Memory::new(written.bytes[..100].to_vec());
    let refused = open(&source, &written.manifest).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "segment 2026-11/0.parquet can't be read"
    );
    assert!(refused_source(&refused).contains("416"));
    let mut changed = written.bytes.clone();
    changed[40] ^= 1;
    let source = Memory::new(changed);
    let segment = open(&source, &written.manifest).unwrap();
    let refused = now(segment.rows(&source, &everything()))
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("segment 2026-11/0.parquet is damaged: bytes 40 to ")
            && refused.ends_with(" have another checksum"),
        "{refused}"
    );
}

fn refused_source(error: &archive::Error) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

#[test]
fn a_value_may_be_in_every_row_and_in_none() {
    let asked = |column, text: &str| Question {
        predicates: vec![Predicate {
            column,
            accepts: Accepts::AnyOf(BTreeSet::from([text.to_owned()])),
        }],
        ..Question::default()
    };
    let mut without: Vec<Row> = (0..3_000).map(|place| plain(NOVEMBER + place, 1)).collect();
    let with = without.clone().into_iter().map(|row| Row {
        customer_id: Some("c-1".to_owned()),
        customer_name: Some("Relecloud".to_owned()),
        resource_type: Some("order".to_owned()),
        resource_id: Some("o-1".to_owned()),
        correlation_id: Some("x-1".to_owned()),
        ..row
    });
    let with: Vec<Row> = with.collect();
    let columns = [
        (TextColumn::CustomerId, "c-1"),
        (TextColumn::CustomerName, "Relecloud"),
        (TextColumn::ResourceType, "order"),
        (TextColumn::ResourceId, "o-1"),
        (TextColumn::CorrelationId, "x-1"),
    ];
    // The same, with a page that has no value beside one that has.
    let mixed = [&without[..2_500], &with[2_500..]].concat();
    without.truncate(2_100);
    for rows in [&without, &with, &mixed] {
        let written = write(0, rows).unwrap();
        let source = Memory::new(written.bytes);
        let segment = open(&source, &written.manifest).unwrap();
        for (column, text) in columns {
            for text in [text, "absent"] {
                let question = asked(column, text);
                let answer = now(segment.rows(&source, &question)).unwrap().rows;
                assert_eq!(answer, naive(0, rows, &question), "{column:?} {text}");
            }
            let all = Question::default();
            let counted = now(segment.tally(&source, &all, &by([column]))).unwrap();
            let counted: u64 = counted.groups.iter().map(|it| it.count).sum();
            assert_eq!(counted, u64::try_from(rows.len()).unwrap());
        }
    }
}
