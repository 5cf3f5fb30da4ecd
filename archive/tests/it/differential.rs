//! Random questions are answered as a walk over all rows answers them.

use std::{collections::BTreeSet, ops::Bound};

use archive::{
    Accepts, CountedBy, Order, Position, Predicate, Question, Row, Selection, TextColumn,
};

use crate::made::{Memory, NOVEMBER, id, naive, naive_tallies, now, open, random, write};

const COLUMNS: [TextColumn; 10] = [
    TextColumn::Action,
    TextColumn::Outcome,
    TextColumn::ActorId,
    TextColumn::ActorName,
    TextColumn::ActorKind,
    TextColumn::CustomerId,
    TextColumn::CustomerName,
    TextColumn::ResourceType,
    TextColumn::ResourceId,
    TextColumn::CorrelationId,
];

fn bound(random: &mut fastrand::Rng, rows: &[Row]) -> Bound<Position> {
    let row = &rows[random.usize(..rows.len())];
    let mut position = row.position();
    match random.u8(..6) {
        0 | 1 => return Bound::Unbounded,
        2 => position.id = String::new(),
        3 => position.occurred_at += random.i64(-2..3),
        4 => position.id = id(position.occurred_at, random.u64(..)),
        _ => {}
    }
    if random.bool() {
        Bound::Included(position)
    } else {
        Bound::Excluded(position)
    }
}

fn predicate(random: &mut fastrand::Rng, rows: &[Row]) -> Predicate<'static> {
    let column = COLUMNS[random.usize(..COLUMNS.len())];
    let mut texts = BTreeSet::new();
    for _ in 0..random.usize(1..3) {
        let row = &rows[random.usize(..rows.len())];
        texts.extend(crate::made::text(row, column).map(str::to_owned));
    }
    if random.u8(..5) == 0 {
        texts.insert("absent".to_owned());
    }
    let accepts = if random.u8(..4) == 0 {
        Accepts::Test(Box::new(|text| text.contains('1') || text.contains('ο')))
    } else {
        Accepts::AnyOf(texts)
    };
    Predicate { column, accepts }
}

/// Any moment, or the very one at which the retention of a row ends.
fn kept_at(random: &mut fastrand::Rng, rows: &[Row]) -> Option<i64> {
    match random.u8(..3) {
        0 => None,
        1 => rows[random.usize(..rows.len())].kept_until,
        _ => Some(NOVEMBER + random.i64(0..60) * 86_400_000),
    }
}

/// Any range, whose start is the very moment at which a row was recorded.
fn recorded(random: &mut fastrand::Rng, rows: &[Row]) -> Option<std::ops::Range<i64>> {
    let from = rows[random.usize(..rows.len())].recorded_at;
    (random.u8(..3) == 0).then(|| from..from + random.i64(0..20) * 86_400_000)
}

fn question(random: &mut fastrand::Rng, rows: &[Row]) -> Question<'static> {
    let predicates = (0..random.usize(..3)).map(|_| predicate(random, rows));
    let predicates = predicates.collect();
    Question {
        from: bound(random, rows),
        to: bound(random, rows),
        predicates,
        recorded: recorded(random, rows),
        kept_at: kept_at(random, rows),
        order: if random.bool() {
            Order::Asc
        } else {
            Order::Desc
        },
        limit: if random.bool() {
            usize::MAX
        } else {
            random.usize(..60)
        },
        selection: Selection {
            details: random.bool(),
            opening: random.bool(),
        },
    }
}

#[test]
fn any_question_is_answered_as_by_a_walk_over_all_rows() {
    for seed in 0..40 {
        let mut chosen = fastrand::Rng::with_seed(seed);
        let size = if seed % 16 == 0 {
            9_000
        } else {
            chosen.usize(1..700)
        };
        let rows = random(seed, size);
        let first_index = chosen.u64(..1_000);
        let written = write(first_index, &rows).unwrap();
        let source = Memory::new(written.bytes);
        let segment = open(&source, &written.manifest).unwrap();
        // A build without optimisation takes long for many rows.
        for _ in 0..if size == 9_000 { 12 } else { 60 } {
            let question = question(&mut chosen, &rows);
            let answer = now(segment.rows(&source, &question)).unwrap();
            let mut expected = naive(first_index, &rows, &question);
            if question.selection.details && answer.more {
                // With details, an answer has no more rows than fit into memory.
                expected.truncate(answer.rows.len().max(1));
            }
            assert_eq!(answer.rows, expected, "{seed} {question:?}");
        }
    }
}

#[test]
fn any_count_is_that_of_a_walk_over_all_rows() {
    for seed in 100..120 {
        let mut chosen = fastrand::Rng::with_seed(seed);
        let size = if seed % 10 == 0 {
            6_000
        } else {
            chosen.usize(1..700)
        };
        let rows = random(seed, size);
        let written = write(5, &rows).unwrap();
        let source = Memory::new(written.bytes);
        let segment = open(&source, &written.manifest).unwrap();
        for _ in 0..30 {
            let mut question = question(&mut chosen, &rows);
            question.limit = usize::MAX;
            let columns = COLUMNS.into_iter().filter(|_| chosen.u8(..3) == 0);
            let distinct = [TextColumn::ResourceId, TextColumn::CorrelationId];
            let by = CountedBy {
                columns: columns.filter(|it| !distinct.contains(it)).collect(),
                day: &|moment| moment.div_euclid(86_400_000),
                room: [0, 20, 500, usize::MAX][chosen.usize(..4)],
                size: &|texts| 1 + texts.iter().flatten().map(String::len).sum::<usize>(),
            };
            let found = naive(5, &rows, &question);
            let counted = now(segment.tally(&source, &question, &by)).unwrap();
            assert_eq!(
                counted,
                naive_tallies(&found, &by),
                "{seed} {question:?} {by:?}"
            );
        }
    }
}

#[test]
fn pages_joined_by_their_last_position_are_all_rows() {
    let rows = random(7, 700);
    let written = write(0, &rows).unwrap();
    let source = Memory::new(written.bytes);
    let segment = open(&source, &written.manifest).unwrap();
    for order in [Order::Asc, Order::Desc] {
        let mut question = Question {
            order,
            limit: 37,
            ..Question::default()
        };
        let mut walked = Vec::new();
        loop {
            let page = now(segment.rows(&source, &question)).unwrap().rows;
            let Some(last) = page.last() else { break };
            match order {
                Order::Asc => question.from = Bound::Excluded(last.position()),
                Order::Desc => question.to = Bound::Excluded(last.position()),
            }
            walked.extend(page);
        }
        let whole = Question {
            order,
            ..Question::default()
        };
        assert_eq!(walked, naive(0, &rows, &whole));
    }
}
