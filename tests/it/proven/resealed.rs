//! Changes of what is stored, by somebody who may write everywhere: whoever kept a
//! checkpoint, the key and what was recorded finds each of them.

use std::time::Duration;

use activity_log::pack::segment_item;
use archive::{Row, SegmentWriter};
use aws_sdk_dynamodb::types::AttributeValue;
use proof::{Checkpoint, CompactRange, Note, VerifierKey};
use serde_json::{Value, json};
use shared::{
    PartnerId,
    aws::{
        archive::{Extent, Head},
        signer::Signer,
    },
};
use verify::{Finding, check_entry, check_growth};

use super::{Proven, TestApp, activity, with};

/// What an auditor has: a key and a checkpoint that was kept, and a sealed log.
pub(crate) struct Audit {
    app: TestApp,
    partner: PartnerId,
    key: String,
    kept: String,
    /// The entry that is looked at, and the body of its 201.
    id: String,
    recorded: Value,
}

/// What the checks of a log say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Findings {
    entry: String,
    export: String,
    growth: String,
}

const WHOLE: &str = "whole";

impl Findings {
    /// Whether all checks say that the log is whole.
    pub(crate) fn is_whole(&self) -> bool {
        [&self.entry, &self.export, &self.growth]
            .iter()
            .all(|it| *it == WHOLE)
    }
}

impl Audit {
    pub(crate) async fn start() -> Self {
        let app = TestApp::start_sealing(&[]).await;
        let mut recorded = Value::Null;
        for place in 0..9 {
            let mut sent = with("occurred_at", app.now().to_string());
            sent["correlation_id"] = format!("call-{place}").into();
            let answer = app.record(&sent).await;
            if place == 4 {
                recorded = answer;
            }
            app.move_clock(60_000);
        }
        app.record(&activity()).await;
        app.advance(Duration::from_hours(72));
        app.seal().await;
        let partner = app.registered_partner("contoso").await;
        Self {
            key: app.key().await,
            kept: app.note("contoso").await,
            id: recorded["id"].as_str().unwrap().to_owned(),
            app,
            partner,
            recorded,
        }
    }

    fn keys(&self) -> Vec<VerifierKey> {
        vec![VerifierKey::parse(&self.key).unwrap()]
    }

    /// Checks the log as it is answered now.
    pub(crate) async fn look(&self) -> Findings {
        Findings {
            entry: self.entry().await,
            export: self.export().await,
            growth: self.growth().await,
        }
    }

    async fn entry(&self) -> String {
        let path = format!("/v1/activities/{}", self.id);
        let (entry, proof) = (
            self.app.read(&path).await,
            self.app.read(&format!("{path}/proof")).await,
        );
        if entry.status != 200 || proof.status != 200 {
            return format!("the service answers {} and {}", entry.status, proof.status);
        }
        match check_entry(&proof.text, Some(&entry.text), &self.keys()) {
            Err(finding) => finding.to_string(),
            Ok(_) if self.is_as_recorded(&proof.json()) => WHOLE.to_owned(),
            Ok(_) => "the entry is not what was recorded".to_owned(),
        }
    }

    /// Whether the leaf of a proof says the same as the recorder's own copy.
    fn is_as_recorded(&self, proof: &Value) -> bool {
        let leaf: Value = serde_json::from_str(proof["leaf"].as_str().unwrap()).unwrap();
        let same = ["outcome", "recorded_at", "correlation_id"];
        same.iter().all(|name| leaf[name] == self.recorded[name])
    }

    async fn export(&self) -> String {
        let body = json!({
            "from": "2000-01-01", "to": self.app.sealed_to().await, "format": "jsonl",
            "order": "asc", "proof": true,
        });
        let created = self.app.post_export(&body).await;
        if !created.status.is_success() {
            return format!("the service answers {}", created.status);
        }
        let export = self.app.healed(&created.json()).await;
        if export["state"] != "ready" {
            return format!("the export {}", export["state"].as_str().unwrap());
        }
        let proven: Proven = self.app.stored_proof(export);
        match proven.check(&self.key) {
            Ok(export) if export.left_out.is_nothing() => WHOLE.to_owned(),
            Ok(export) => format!("left out: {}", export.left_out.within),
            Err(finding) => {
                let is_not_whole = matches!(finding, Finding::NotWhole(_));
                assert_eq!(
                    proven.check_in_python(&self.key).0,
                    if is_not_whole { 1 } else { 2 }
                );
                finding.to_string()
            }
        }
    }

    async fn growth(&self) -> String {
        let now = self.app.read("/v1/checkpoint").await;
        let kept = Note::parse(&self.kept).unwrap();
        let size = Checkpoint::parse(kept.unverified_text()).unwrap().size;
        let path = format!("/v1/checkpoint/consistency?from_size={size}");
        let proof = self.app.read(&path).await;
        if now.status != 200 {
            return format!("the service answers {}", now.status);
        }
        let now = now.json()["checkpoint"].as_str().unwrap().to_owned();
        // Without a proof there is still a shorter log.
        let proof = match proof.status.as_u16() {
            200 => proof.text,
            _ => json!({ "from_size": size, "path": [], "checkpoint": now }).to_string(),
        };
        match check_growth(&self.kept, &now, &proof, &self.keys()) {
            Ok(_) => WHOLE.to_owned(),
            Err(finding) => finding.to_string(),
        }
    }

    pub(crate) async fn rows(&self) -> Vec<Row> {
        let segments = self.app.segments(&self.partner).await;
        assert_eq!(segments.len(), 1);
        self.app.rows_of(&segments[0]).await
    }

    /// Seals other rows in the place of those that were sealed, with a tree that fits; signs
    /// it, if there is a key.
    pub(crate) async fn reseal(&self, rows: Vec<Row>, is_signed: bool) {
        let old = self.app.segments(&self.partner).await.remove(0);
        let head = self.app.seal_head(&self.partner).await;
        let mut writer = SegmentWriter::new("contoso", 0);
        let count = rows.len() as u64;
        for row in rows {
            writer.push(row).unwrap();
        }
        let written = writer.finish().unwrap().unwrap();
        self.app.put_object("archive", &old.object, &written.bytes);
        let item = segment_item(old.object.clone(), &written).unwrap();
        self.delete(&format!(
            "segment#{}#{}",
            old.first.occurred_at(),
            old.first
        ))
        .await;
        self.put(item.item(&self.partner).unwrap()).await;
        let extent = Extent {
            size: count,
            border: item.last,
            sealed_to: head.sealed_to.unwrap(),
        };
        let mut head = head.extended(extent, &written.range);
        if is_signed {
            head.checkpoint = Some(self.sign(&written.range).await);
        }
        self.put_head(&head).await;
    }

    /// A checkpoint of another tree, by somebody who has the key.
    async fn sign(&self, tree: &CompactRange) -> String {
        let kept = Note::parse(&self.kept).unwrap();
        let kept = Checkpoint::parse(kept.unverified_text()).unwrap();
        let forged = Checkpoint {
            size: tree.leaves().end,
            root: tree.root().unwrap(),
            ..kept
        };
        let signer = Signer::new(&self.app.stack.sdk, &self.app.stack.config);
        let note = signer.sign(&forged.to_string()).await.unwrap();
        note.unwrap().to_string()
    }

    async fn put_head(&self, head: &Head) {
        self.put(head.item(&self.partner).unwrap()).await;
    }

    async fn put(&self, item: shared::aws::activities::Item) {
        let put = self.app.dynamodb().put_item();
        let put = put.table_name(&self.app.stack.config.archive_table);
        put.set_item(Some(item)).send().await.unwrap();
    }

    async fn delete(&self, sort_key: &str) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let delete = self.app.dynamodb().delete_item();
        let delete = delete.table_name(&self.app.stack.config.archive_table);
        let delete = delete.key("partition_key", text("contoso"));
        delete.key("sort_key", text(sort_key)).send().await.unwrap();
    }

    /// Changes an attribute of the looked at entry in the table of activities.
    async fn change_in_table(&self, attribute: &str, value: &str) {
        let at = self.recorded["occurred_at"].as_str().unwrap();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let update = self.app.dynamodb().update_item();
        let update = update.table_name(&self.app.stack.config.activities_table);
        let update = update.key("partition_key", text("contoso"));
        let update = update.key("sort_key", text(&format!("{at}#{}", self.id)));
        let update = update.update_expression("SET #name = :value");
        let update = update.expression_attribute_names("#name", attribute);
        let update = update.condition_expression("attribute_exists(#name)");
        let update = update.expression_attribute_values(":value", text(value));
        update.send().await.unwrap();
    }

    fn change_object(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let objects = self.app.objects("archive", &self.partner);
        let (key, mut bytes) = objects.into_iter().next().unwrap();
        change(&mut bytes);
        self.app.put_object("archive", &key, &bytes);
    }
}

type Change = fn(&mut Vec<Row>);

#[track_caller]
fn contains(text: &str, words: &str) {
    assert!(text.contains(words), "{words}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_log_is_whole() {
    let found = Audit::start().await.look().await;
    assert!(found.is_whole(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_entry_that_is_changed_in_the_table_is_not_the_proven_one() {
    for (attribute, value, words) in [
        ("outcome", "failed", "outcome is"),
        ("action", "delete_order", "action is"),
        ("correlation_id", "call-9", "correlation_id is"),
        ("recorded_at", "2026-01-01T00:00:00.000Z", "recorded_at is"),
    ] {
        let audit = Audit::start().await;
        audit.change_in_table(attribute, value).await;
        let found = audit.look().await;
        contains(&found.entry, words);
        // Lists and exports have it from its segment.
        assert_eq!(
            (found.export.as_str(), found.growth.as_str()),
            (WHOLE, WHOLE)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_other_rows_does_not_lead_to_what_was_signed() {
    let changes: [(&str, Change); 6] = [
        ("another outcome", |rows| rows[4].outcome = "failed".into()),
        ("another name", |rows| {
            rows[4].customer_name = Some("Bob Ltd".into());
        }),
        ("other details", |rows| {
            rows[4].details = Some("{\"x\":1}".into());
        }),
        ("a row less", |rows| drop(rows.remove(7))),
        ("no last row", |rows| drop(rows.pop())),
        ("a row more", |rows| {
            let mut more = rows[7].clone();
            more.id = rows[8].id.replace(&rows[8].id[..13], &rows[7].id[..13]);
            let place = usize::from(more.id > rows[7].id) + 7;
            rows.insert(place, more);
        }),
    ];
    for (what, change) in changes {
        // Without the key.
        let audit = Audit::start().await;
        let mut rows = audit.rows().await;
        change(&mut rows);
        audit.reseal(rows.clone(), false).await;
        let found = audit.look().await;
        assert_ne!(found.entry, WHOLE, "{what}");
        assert_ne!(found.export, WHOLE, "{what}");
        // With the key all fits, but not the checkpoint that was kept.
        audit.reseal(rows.clone(), true).await;
        let found = audit.look().await;
        assert_ne!(found.growth, WHOLE, "{what}");
        assert_eq!(found.export, WHOLE, "{what}");
        match rows.len() {
            9 => contains(
                &found.growth,
                "the log had 10 entries and has 9 now: 1 are missing",
            ),
            10 => contains(&found.growth, "there are two logs of 10 entries"),
            _ => contains(
                &found.growth,
                "are not those of the old checkpoint any more",
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_answered_by_nobody() {
    let changes: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes[40] ^= 1,
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x80;
        },
        |bytes| {
            let end = bytes.len() - 9;
            bytes[end] ^= 1;
        },
        |bytes| bytes.truncate(bytes.len() - 1),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let audit = Audit::start().await;
        audit.change_object(change);
        let found = audit.look().await;
        assert_ne!(
            (found.entry.as_str(), found.export.as_str()),
            (WHOLE, WHOLE),
            "{place}"
        );
        contains(&found.export, "the export failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_items_of_the_archive_do_not_lead_to_what_was_signed() {
    // The hashes of a segment.
    let audit = Audit::start().await;
    let mut item = audit.app.segments(&audit.partner).await.remove(0);
    // The proof of the fifth entry needs that of the last two.
    item.tree[1][0] ^= 1;
    audit.put(item.item(&audit.partner).unwrap()).await;
    contains(&audit.entry().await, "do not lead to the signed root");
    // What the segment's end must be.
    let audit = Audit::start().await;
    let mut item = audit.app.segments(&audit.partner).await.remove(0);
    item.tail_sha256[0] ^= 1;
    audit.put(item.item(&audit.partner).unwrap()).await;
    assert_ne!(audit.entry().await, WHOLE);
    // A checkpoint with another byte, with another's signature, and an older one.
    let audit = Audit::start().await;
    let older = audit.kept.clone();
    audit.app.record(&activity()).await;
    audit.app.advance(Duration::from_hours(72));
    audit.app.seal().await;
    let audit = Audit {
        kept: audit.app.note("contoso").await,
        ..audit
    };
    let whole = audit.app.seal_head(&audit.partner).await;
    let newer = whole.checkpoint.clone().unwrap();
    let with = async |checkpoint: String| {
        let mut head = whole.clone();
        head.checkpoint = Some(checkpoint);
        audit.put_head(&head).await;
        audit.look().await
    };
    let found = with(newer.replacen("\n11\n", "\n12\n", 1)).await;
    for said in [&found.entry, &found.growth] {
        contains(said, "checkpoint was changed");
    }
    let found = with(older).await;
    contains(
        &found.growth,
        "the log had 11 entries and has 10 now: 1 are missing",
    );
    assert_eq!(found.entry, WHOLE);
    assert_eq!(with(newer).await.growth, WHOLE);
}
