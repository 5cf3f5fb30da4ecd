//! Each test changes a correct history in one point, and the change is found.

use serde_json::json;

use super::*;

fn span(began: u64) -> Span {
    Span {
        began,
        ended: began + 1,
    }
}

fn content(tag: &str) -> Value {
    json!({
        "occurred_at": "2026-11-22T09:00:00.000Z",
        "action": "create_order",
        "outcome": "succeeded",
        "customer": { "id": "c-1", "name": "Relecloud" },
        "actor": { "id": "u-1", "name": "Ann", "kind": "user" },
        "correlation_id": tag,
        "details": { "note": tag },
    })
}

/// An activity as an answer shows it; `number` sets its id and `recorded_at`.
fn activity(partner: &str, tag: &str, number: u8) -> Value {
    let mut activity = content(tag);
    activity["id"] = format!("id-{number}").into();
    activity["partner_id"] = partner.into();
    activity["recorded_at"] = format!("2026-11-22T10:00:0{number}.000Z").into();
    activity
}

/// An activity as a page shows it: without details.
fn item(partner: &str, tag: &str, number: u8) -> Value {
    let mut item = activity(partner, tag, number);
    item.as_object_mut().unwrap().remove("details");
    item["has_details"] = true.into();
    item
}

fn delivery(tag: &str, key: Option<&str>, began: u64, outcome: Outcome) -> Delivery {
    Delivery {
        partner: "p".into(),
        key: key.map(str::to_owned),
        content: content(tag),
        validity: Validity::Valid,
        span: span(began),
        outcome,
    }
}

fn stored(tag: &str, number: u8, replayed: bool) -> Outcome {
    Outcome::Stored {
        activity: activity("p", tag, number),
        replayed,
    }
}

fn everything() -> Query {
    Query {
        from: "2026-11-22T00:00:00.000Z".into(),
        to: "2026-11-23T00:00:00.000Z".into(),
        action: None,
        outcome: None,
        customer: None,
        rising: false,
    }
}

/// The entry that the finished export leaves in the log.
fn entry() -> Value {
    json!({
        "id": "id-9",
        "partner_id": "p",
        "occurred_at": "2026-11-23T09:00:00.000Z",
        "recorded_at": "2026-11-23T09:00:01.000Z",
        "action": "export_activity_log",
        "resource": { "type": "export", "id": "e-1" },
    })
}

/// A history without violations.
///
/// It has an activity that was recorded at once, one that a retry settled, and
/// one whose outcome is unknown; two that were refused; one of another partner.
fn correct_history() -> History {
    let mut refused = delivery("bad", None, 6, Outcome::Refused(400));
    refused.validity = Validity::Invalid(400);
    let taken = delivery("other", Some("k"), 7, Outcome::Refused(422));
    let mut foreign = delivery("foreign", None, 8, stored("foreign", 4, false));
    foreign.partner = "q".into();
    foreign.outcome = Outcome::Stored {
        activity: activity("q", "foreign", 4),
        replayed: false,
    };
    let mine = |numbers: &[(&str, u8)]| -> Vec<_> {
        let items = numbers.iter();
        items.map(|(tag, number)| item("p", tag, *number)).collect()
    };
    let log = mine(&[("unsure", 3), ("keyed", 2), ("plain", 1)]);
    History {
        deliveries: vec![
            delivery("plain", None, 0, stored("plain", 1, false)),
            delivery("keyed", Some("k"), 2, Outcome::Unknown),
            delivery("keyed", Some("k"), 4, stored("keyed", 2, true)),
            delivery("unsure", None, 5, Outcome::Unknown),
            refused,
            taken,
            foreign,
        ],
        walks: vec![Walk {
            partner: "p".into(),
            query: everything(),
            limit: 2,
            pages: vec![log[..2].to_vec(), log[2..].to_vec()],
            settled: vec![false, false],
            kept: Kept::default(),
            span: span(20),
        }],
        export_requests: vec![ExportRequest {
            partner: "p".into(),
            key: Some("e".into()),
            export_id: Some("e-1".into()),
            refused: false,
            has_link: false,
        }],
        files: vec![File {
            partner: "p".into(),
            query: everything(),
            as_of: "2026-11-22T10:00:02.000Z".into(),
            settled: false,
            kept: Kept::default(),
            requested: span(30),
            rows: vec![activity("p", "keyed", 2), activity("p", "plain", 1)],
        }],
        lookups: vec![
            Lookup {
                partner: "p".into(),
                id: "id-1".into(),
                found: Some(activity("p", "plain", 1)),
            },
            Lookup {
                partner: "q".into(),
                id: "id-1".into(),
                found: None,
            },
        ],
        logs: BTreeMap::from([
            ("p".into(), [vec![entry()], log].concat()),
            ("q".into(), vec![item("q", "foreign", 4)]),
        ]),
        exports: BTreeMap::from([("p".into(), vec![json!({ "id": "e-1", "state": "ready" })])]),
        ..History::default()
    }
}

/// The violations that are found after a change of the correct history.
fn violations_after(change: impl FnOnce(&mut History)) -> String {
    let mut history = correct_history();
    change(&mut history);
    history.violations().join("\n")
}

fn log(history: &mut History) -> &mut Vec<Value> {
    history.logs.get_mut("p").unwrap()
}

#[test]
fn a_correct_history_has_no_violations() {
    assert_eq!(violations_after(|_| ()), "");
}

#[test]
fn an_activity_that_is_not_stored_as_its_answer_says_is_found() {
    let lost = violations_after(|history| drop(log(history).remove(3)));
    assert!(lost.contains("id-1 had a 2xx and is not in the log"));
    let doubled = violations_after(|history| log(history).insert(1, item("p", "plain", 5)));
    assert!(doubled.contains("2 are stored, and at most 1 can be"));
    let repeated = violations_after(|history| log(history).insert(3, item("p", "plain", 1)));
    assert!(repeated.contains("id-1 comes twice"));
    let changed = violations_after(|history| log(history)[3]["action"] = "changed".into());
    assert!(changed.contains("p's log holds other content"));
    let later = violations_after(|history| log(history)[3]["recorded_at"] = "later".into());
    assert!(later.contains("the log says otherwise"));
}

#[test]
fn an_activity_that_is_stored_though_it_was_refused_is_found() {
    let stored_anyway = violations_after(|history| log(history).insert(1, item("p", "bad", 5)));
    assert!(stored_anyway.contains("1 are stored, and at most 0 can be"));
    let with_a_key = violations_after(|history| log(history)[2] = item("p", "other", 2));
    assert!(with_a_key.contains("other was refused and is stored"));
    let accepted = violations_after(|history| {
        history.deliveries[4].outcome = stored("bad", 5, false);
        log(history).insert(1, item("p", "bad", 5));
    });
    assert!(accepted.contains("may not be answered with Stored"));
    let refused = violations_after(|history| history.deliveries[0].outcome = Outcome::Refused(400));
    assert!(refused.contains("may not be answered with Refused(400)"));
    let without_reason =
        violations_after(|history| history.deliveries[5].key = Some("free".into()));
    assert!(without_reason.contains("may not be answered with Refused(422)"));
}

#[test]
fn a_key_that_stands_for_several_activities_is_found() {
    let stored_twice = violations_after(|history| log(history).insert(1, item("p", "keyed", 5)));
    assert!(stored_twice.contains("the key stands for several"));
    let answered_anew = violations_after(|history| {
        let again = delivery("keyed", Some("k"), 9, stored("keyed", 5, true));
        history.deliveries.push(again);
    });
    assert!(answered_anew.contains("the key stands for several"));
    let firsts = violations_after(|history| {
        for began in [9, 11] {
            let again = delivery("keyed", Some("k"), began, stored("keyed", 2, false));
            history.deliveries.push(again);
        }
    });
    assert!(firsts.contains("2 answers say that they were the first"));
    let unsettled = violations_after(|history| drop(history.deliveries.remove(2)));
    assert!(unsettled.contains("keyed never settled"));
    let forgotten = violations_after(|history| {
        let mut late = delivery("keyed", Some("k"), 9, Outcome::Refused(400));
        late.validity = Validity::MaybeTooLate;
        history.deliveries.push(late);
    });
    assert!(forgotten.contains("may not be answered with Refused(400)"));
    let keyless =
        violations_after(|history| history.deliveries[0].outcome = stored("plain", 1, true));
    assert!(keyless.contains("a replay without a key"));
}

#[test]
fn pages_with_repeated_missing_or_foreign_activities_are_found() {
    let page =
        |change: fn(&mut Vec<Vec<Value>>)| violations_after(|it| change(&mut it.walks[0].pages));
    let repeat = page(|pages| pages[1].insert(0, item("p", "keyed", 2)));
    assert!(repeat.contains("id-2 comes twice"));
    let gap = page(|pages| drop(pages[0].remove(1)));
    assert!(gap.contains("id-2 is missing"));
    let disorder = page(|pages| pages.reverse());
    assert!(disorder.contains("is out of order"));
    let long = page(|pages| {
        let rest = pages.remove(1);
        pages[0].extend(rest);
    });
    assert!(long.contains("a page is too long"));
    let other = page(|pages| pages[1].push(item("q", "foreign", 4)));
    assert!(other.contains("not in the partner's log"));
    let changed = page(|pages| pages[1][0]["outcome"] = "failed".into());
    assert!(changed.contains("the log says otherwise"));
    let unasked = violations_after(|history| history.walks[0].query.outcome = Some("failed"));
    assert!(unasked.contains("not asked for"));
}

#[test]
fn an_activity_that_a_later_walk_no_longer_shows_is_found() {
    let vanished = violations_after(|history| {
        let mut later = history.walks[0].clone();
        later.span = span(40);
        // Only the earlier walk showed this activity: its outcome is unknown.
        assert_eq!(later.pages[0].remove(0), item("p", "unsure", 3));
        history.walks.push(later);
    });
    assert!(vanished.contains("id-3 is missing"));
    let at_the_same_time = violations_after(|history| {
        let mut other = history.walks[0].clone();
        other.pages[0].remove(0);
        history.walks.push(other);
    });
    assert_eq!(at_the_same_time, "");
}

#[test]
fn an_activity_of_another_partner_is_found() {
    let stray = violations_after(|history| log(history).insert(1, item("q", "foreign", 4)));
    assert!(stray.contains("p's log holds what is not its own"));
    let renamed = violations_after(|history| log(history).insert(1, item("p", "foreign", 4)));
    assert!(renamed.contains("p's log holds what is not its own"));
    let read =
        violations_after(|history| history.lookups[1].found = Some(activity("p", "plain", 1)));
    assert!(read.contains("reading by id is wrong"));
    let hidden = violations_after(|history| history.lookups[0].found = None);
    assert!(hidden.contains("reading by id is wrong"));
}

#[test]
fn a_file_that_differs_from_the_list_is_found() {
    let file = |change: fn(&mut File)| violations_after(|history| change(&mut history.files[0]));
    let lacks = file(|file| drop(file.rows.pop()));
    assert!(lacks.contains("id-1 is missing"));
    let repeats = file(|file| file.rows.push(activity("p", "plain", 1)));
    assert!(repeats.contains("id-1 comes twice"));
    let too_new = file(|file| file.rows.insert(0, activity("p", "unsure", 3)));
    assert!(too_new.contains("recorded later"));
    let foreign = file(|file| file.rows.insert(0, activity("q", "foreign", 4)));
    assert!(foreign.contains("not in the partner's log"));
    let detail = file(|file| file.rows[0]["details"]["note"] = "other".into());
    assert!(detail.contains("other details"));
    let order = file(|file| file.rows.reverse());
    assert!(order.contains("is out of order"));
    // An activity that was being recorded may be in the file or not.
    let under_way = file(|file| file.requested = span(0));
    assert_eq!(under_way, "");
}

#[test]
fn exports_and_entries_that_do_not_agree_are_found() {
    let without = violations_after(|history| drop(log(history).remove(0)));
    assert!(without.contains("e-1 has 0 entries"));
    let twice = violations_after(|history| {
        let mut again = entry();
        again["id"] = "id-99".into();
        log(history).insert(0, again);
    });
    assert!(twice.contains("e-1 has 2 entries"));
    let foreign = violations_after(|history| log(history)[0]["resource"]["id"] = "e-2".into());
    assert!(foreign.contains("tells of a foreign export"));
    let linked = violations_after(|history| history.export_requests[0].has_link = true);
    assert!(linked.contains("e-1 has links without an entry"));
    let lost =
        violations_after(|history| history.export_requests[0].export_id = Some("e-2".into()));
    assert!(lost.contains("p's exports are listed wrongly"));
    let unasked = violations_after(|history| history.export_requests.clear());
    assert!(unasked.contains("exports that nobody asked for"));
    let two = violations_after(|history| {
        let mut again = history.export_requests[0].clone();
        again.export_id = Some("e-2".into());
        history.export_requests.push(again);
    });
    assert!(two.contains("one key has made two exports"));
}
