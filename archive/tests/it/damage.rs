//! Changed bytes are an error that says where, and never other rows.

use std::collections::BTreeSet;

use archive::{Accepts, Error, Manifest, Predicate, Question, Row, Segment, Selection, TextColumn};

use crate::made::{Memory, now, open, random, write};

fn questions() -> Vec<Question<'static>> {
    let by = |column, text: &str| Question {
        predicates: vec![Predicate {
            column,
            accepts: Accepts::AnyOf(BTreeSet::from([text.to_owned()])),
        }],
        ..Question::default()
    };
    vec![
        Question {
            selection: Selection {
                details: true,
                opening: true,
            },
            ..Question::default()
        },
        by(TextColumn::ResourceId, "r-1"),
        by(TextColumn::CorrelationId, "x-1"),
        by(TextColumn::CustomerId, "c-1"),
    ]
}

fn answers(bytes: Vec<u8>, manifest: &Manifest) -> Result<Vec<Vec<Row>>, Error> {
    let source = Memory::new(bytes);
    let segment = open(&source, manifest)?;
    let answer = |question: &Question<'_>| now(segment.rows(&source, question)).map(|it| it.rows);
    questions().iter().map(answer).collect()
}

fn is_named(error: &Error) -> bool {
    matches!(error, Error::Damaged { object, place, .. } if !object.is_empty() && !place.is_empty())
}

/// A small segment in which each question finds something.
fn small() -> archive::Written {
    let mut rows = random(4, 12);
    for row in rows.iter_mut().take(2) {
        row.resource_type = Some("order".to_owned());
        row.resource_id = Some("r-1".to_owned());
        row.correlation_id = Some("x-1".to_owned());
        row.customer_id = Some("c-1".to_owned());
        row.customer_name = Some("Relecloud".to_owned());
    }
    write(0, &rows).unwrap()
}

#[test]
fn a_changed_byte_anywhere_is_an_error_that_says_where_or_changes_nothing() {
    let written = small();
    let right = answers(written.bytes.clone(), &written.manifest).unwrap();
    assert!(right.iter().all(|rows| !rows.is_empty()));
    let mut unseen = BTreeSet::new();
    for at in 0..written.bytes.len() {
        let mut changed = written.bytes.clone();
        changed[at] ^= 1 << (at % 8);
        match answers(changed, &written.manifest) {
            Ok(rows) => {
                assert_eq!(rows, right, "byte {at}");
                unseen.insert(at);
            }
            Err(error) => assert!(is_named(&error), "{error}"),
        }
    }
    // Only the first four bytes are never read; they say that it is a Parquet file.
    assert_eq!(unseen, (0..4).collect());
}

#[test]
fn a_scan_finds_any_changed_byte() {
    let written = small();
    for at in 4..written.bytes.len() {
        let mut changed = written.bytes.clone();
        changed[at] ^= 0x80 >> (at % 8);
        let scanned = Segment::scan("0.parquet", &changed);
        assert!(scanned.is_err_and(|error| is_named(&error)), "byte {at}");
    }
}

#[test]
fn a_truncated_or_a_longer_object_is_an_error() {
    let written = small();
    for length in 0..written.bytes.len() {
        let cut = written.bytes[..length].to_vec();
        assert!(Segment::scan("0.parquet", &cut).is_err(), "{length}");
        let source = Memory::new(cut);
        assert!(open(&source, &written.manifest).is_err(), "{length}");
    }
    let longer = [&written.bytes[..], &[0]].concat();
    assert!(Segment::scan("0.parquet", &longer).is_err());
}

#[test]
fn another_object_than_the_one_that_was_written_is_an_error() {
    let (one, other) = (small(), write(1, &random(4, 12)).unwrap());
    assert!(other.bytes.len() < one.bytes.len());
    let refused = answers(other.bytes.clone(), &one.manifest).unwrap_err();
    assert!(matches!(refused, Error::Source { .. }), "{refused}");
    // Even where each part says the right length, the hash tells them apart.
    let manifest = Manifest {
        tail_sha256: one.manifest.tail_sha256,
        ..other.manifest
    };
    let refused = answers(other.bytes, &manifest).unwrap_err().to_string();
    assert!(
        refused.ends_with("do not have the hash that was stored of them"),
        "{refused}"
    );
}
