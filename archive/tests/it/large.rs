//! Segments of the largest size, and what a question reads of them.

use std::{collections::BTreeSet, ops::Bound};

use archive::{
    Accepts, CountedBy, Order, Predicate, Question, Row, SegmentWriter, Selection, TextColumn,
};

use crate::made::{Memory, NAMES, NOVEMBER, by, naive, now, open, plain, write};

fn asked(column: TextColumn, text: &str) -> Question<'static> {
    Question {
        predicates: vec![Predicate {
            column,
            accepts: Accepts::AnyOf(BTreeSet::from([text.to_owned()])),
        }],
        ..Question::default()
    }
}

/// 65,536 rows of a month; three of them are of a rare customer.
fn full() -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut salt = fastrand::Rng::with_seed(2);
    let mut rows: Vec<Row> = (0..65_536_i64)
        .map(|place| {
            let mut row = plain(NOVEMBER + place * 35_000, random.u64(..));
            let customer = random.u32(..3_000);
            row.customer_id = Some(format!("0198a2c4-0000-7000-8000-{customer:012}"));
            row.customer_name = Some(format!("{} {customer}", NAMES[random.usize(..12)]));
            row.actor_id = format!("u-{}", random.u32(..300));
            row.resource_type = Some("order".to_owned());
            let order = random.u128(..);
            row.resource_id = Some(format!("{order:032x}"));
            row.kept_until = Some(row.occurred_at + 365 * 86_400_000);
            row.salt = Some(std::array::from_fn(|_| salt.u8(..)));
            row
        })
        .collect();
    for place in [5, 30_000, 65_000] {
        rows[place].customer_id = Some("rare".to_owned());
    }
    rows
}

#[test]
fn a_full_segment_is_read_by_parts() {
    let rows = full();
    let mut writer = SegmentWriter::new("contoso", 0);
    for row in &rows {
        assert!(writer.fits(row));
        writer.push(row.clone()).unwrap();
    }
    assert!(!writer.fits(&plain(NOVEMBER + 2_500_000_000, 1)));
    let written = writer.finish().unwrap().unwrap();
    let an_entry = written.bytes.len() / rows.len();
    assert!(an_entry < 115, "{an_entry}");
    let source = Memory::new(written.bytes);
    let segment = open(&source, &written.manifest).unwrap();
    assert_eq!((source.take().0, segment.manifest().count), (1, 65_536));

    let answer = |question: &Question<'_>| {
        let rows = now(segment.rows(&source, question)).unwrap().rows;
        (rows, source.take())
    };
    let kept = |mut question: Question<'static>| {
        question.kept_at = Some(NOVEMBER);
        question
    };
    let rare = kept(asked(TextColumn::CustomerId, "rare"));
    let (found, (requests, bytes, rounds)) = answer(&rare);
    assert_eq!(found, naive(0, &rows, &rare));
    assert!(
        requests <= 60 && bytes < 1_500_000 && rounds <= 2,
        "{requests} {bytes} {rounds}"
    );

    let absent = kept(asked(TextColumn::CustomerId, "nobody"));
    let (found, (requests, _, rounds)) = answer(&absent);
    assert_eq!((found, requests, rounds), (vec![], 1, 1));

    let order = rows[40_000].resource_id.clone().unwrap();
    let order = kept(asked(TextColumn::ResourceId, &order));
    let (found, (requests, _, rounds)) = answer(&order);
    assert_eq!(found, naive(0, &rows, &order));
    assert!(requests <= 30 && rounds <= 3, "{requests} {rounds}");
    let (found, (requests, bytes, _)) = answer(&asked(TextColumn::ResourceId, "no order"));
    assert_eq!((found, requests), (vec![], 1));
    assert!(bytes < 200_000, "{bytes}");

    let position = rows[12_345].position();
    let one = Question {
        from: Bound::Included(position.clone()),
        to: Bound::Included(position),
        ..kept(Question::default())
    };
    let (found, (requests, bytes, rounds)) = answer(&one);
    assert_eq!(found, naive(0, &rows, &one));
    assert!(
        requests <= 20 && bytes < 1_000_000 && rounds <= 2,
        "{requests} {bytes} {rounds}"
    );

    let newest = Question {
        order: Order::Desc,
        limit: 50,
        ..kept(Question::default())
    };
    let (found, (requests, _, rounds)) = answer(&newest);
    assert_eq!(found, naive(0, &rows, &newest));
    assert!(requests <= 20 && rounds == 1, "{requests} {rounds}");

    let all = kept(Question::default());
    let counted = now(segment.tally(&source, &all, &by([TextColumn::Action]))).unwrap();
    let count = counted.groups.iter().map(|it| it.count);
    assert_eq!((count.sum::<u64>(), counted.last), (65_536, None));
    let (requests, bytes, rounds) = source.take();
    assert!(
        requests == 1 && bytes < 200_000 && rounds == 1,
        "{requests} {bytes} {rounds}"
    );

    let cut = CountedBy {
        room: 1_000,
        ..by([TextColumn::CustomerId])
    };
    let counted = now(segment.tally(&source, &all, &cut)).unwrap();
    let (_, _, rounds) = source.take();
    assert_eq!((counted.groups.len(), rounds), (1_000, 2));
    assert!(counted.last.is_some());

    let everyone = asked(TextColumn::ActorName, "admin@fabrikam.example");
    assert_eq!(answer(&everyone).0.len(), rows.len());
    let both = by([TextColumn::Action, TextColumn::Outcome]);
    let counted = now(segment.tally(&source, &everyone, &both)).unwrap();
    assert_eq!((counted.groups.len(), counted.groups[0].count), (1, 65_536));
}

#[test]
fn a_segment_of_large_details_ends_and_is_read_by_pages() {
    let mut random = fastrand::Rng::with_seed(3);
    let text: String = (0..256 * 1024 - 20)
        .map(|_| random.alphanumeric())
        .collect();
    let mut writer = SegmentWriter::new("contoso", 9);
    let mut rows = Vec::new();
    for place in 0.. {
        let mut row = plain(NOVEMBER + place, 1);
        row.details = Some(format!("{{\"n\":{place},\"text\":\"{text}\"}}"));
        row.customer_id = Some(format!("c-{}", place % 50));
        row.customer_name = Some("Relecloud".to_owned());
        if !writer.fits(&row) {
            break;
        }
        writer.push(row.clone()).unwrap();
        rows.push(row);
    }
    assert_eq!(rows.len(), 255);
    let written = writer.finish().unwrap().unwrap();
    assert_eq!(write(9, &rows).unwrap().bytes, written.bytes);
    let source = Memory::new(written.bytes);
    let segment = open(&source, &written.manifest).unwrap();
    for order in [Order::Asc, Order::Desc] {
        for limit in [1, 4, 7] {
            let question = Question {
                order,
                limit,
                selection: Selection {
                    details: true,
                    opening: true,
                },
                ..asked(TextColumn::CustomerId, "c-7")
            };
            let answer = now(segment.rows(&source, &question)).unwrap();
            // Each of the customer's six rows has a page of details of its own.
            let wanted = naive(9, &rows, &question);
            assert_eq!(answer.rows, wanted[..limit.min(4)]);
            assert!(answer.more);
        }
    }
    let all = Question::default();
    let counted = now(segment.tally(&source, &all, &by([TextColumn::CustomerId]))).unwrap();
    let counts: Vec<u64> = counted.groups.iter().map(|it| it.count).collect();
    assert_eq!((counts.len(), counts[0], counts[49]), (50, 6, 5));
    assert_eq!(
        now(segment.range(&source, "contoso")).unwrap(),
        written.range
    );
}
