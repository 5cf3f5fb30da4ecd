//! Computes every example of `docs/proofs.md` again.

#![expect(clippy::unwrap_used, reason = "a test ends where it can't go on")]

use std::ops::Range;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use proof::{
    Activity, Checkpoint, Commitment, CompactRange, Hash, Note, Opening, Statement, VerifierKey,
    canonical, consistency_ranges, inclusion_ranges, leaf_of_json, verify_consistency,
    verify_inclusion,
};

/// The text of an example of the document.
fn vector(name: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/proofs.md");
    let document = std::fs::read_to_string(path).unwrap();
    let marker = format!("<!-- vector: {name} -->\n```");
    let (_, rest) = document.split_once(&marker).unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    let (text, _) = rest.split_once("```\n").unwrap();
    text.to_owned()
}

#[track_caller]
fn check(name: &str, computed: &str) {
    assert_eq!(vector(name), format!("{computed}\n"), "{name}");
}

fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

fn hexes(hashes: impl IntoIterator<Item = Hash>) -> String {
    let lines: Vec<String> = hashes.into_iter().map(|hash| hex(&hash.0)).collect();
    lines.join("\n")
}

fn leaves() -> Vec<Hash> {
    (b'0'..=b'6').map(|digit| Hash::of_leaf(&[digit])).collect()
}

fn range(leaves: Range<u64>) -> CompactRange {
    let hashes = (leaves.start..leaves.end).map(|index| {
        let digit = b'0' + u8::try_from(index).unwrap();
        Hash::of_leaf(&[digit])
    });
    CompactRange::of_leaves(leaves.start, hashes).unwrap()
}

fn roots(ranges: Vec<Range<u64>>) -> Vec<Hash> {
    let root = |leaves| range(leaves).root().unwrap();
    ranges.into_iter().map(root).collect()
}

fn key() -> (Ed25519KeyPair, VerifierKey) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    (pair, VerifierKey::new("log.example", public).unwrap())
}

fn checkpoint() -> Note {
    let checkpoint = Checkpoint {
        origin: Checkpoint::origin_of("log.example", "contoso"),
        size: 7,
        root: range(0..7).root().unwrap(),
        extensions: vec![Checkpoint::sealed_to_line(1_795_564_800_000).unwrap()],
    };
    let (pair, key) = key();
    let text = checkpoint.to_string();
    let signature = pair.sign(text.as_bytes());
    Note::new(&text, &key, signature.as_ref().try_into().unwrap()).unwrap()
}

#[test]
fn the_example_of_canonical_json_is_right() {
    check("canonical", &canonical(vector("value").trim()).unwrap());
}

#[test]
fn the_example_of_a_leaf_is_right() {
    let mut salt = [0; 16];
    base16ct::lower::decode(vector("salt").trim(), &mut salt).unwrap();
    let details = r#"{"offer":"Office 365","quantity":25,"price":12.50}"#;
    let hidden = format!(
        r#"{{"customer_name":"Relecloud","details":{}}}"#,
        canonical(details).unwrap()
    );
    check("hidden", &hidden);
    let commitment = Commitment::new(&salt, Some("Relecloud"), Some(details)).unwrap();
    check("commitment", &commitment.to_hex());

    let activity = vector("activity");
    let leaf = leaf_of_json(&activity, &Opening::Salt(salt)).unwrap();
    check("leaf-hash", &hex(&leaf.0));
    assert_eq!(Hash::of_leaf(vector("leaf").trim().as_bytes()), leaf);
    let erased = activity.replace("Relecloud", "[erased]").replace(
        "\"has_details\": true",
        "\"erased_at\": \"2026-11-23T00:00:00.000Z\"",
    );
    let erased = leaf_of_json(&erased, &Opening::Commitment(commitment));
    assert_eq!(erased, Ok(leaf));
    let fields = Activity {
        id: "019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d",
        partner_id: "contoso",
        recorded_at: 1_795_380_946_731,
        occurred_at: 1_795_380_946_200,
        action: "create_order",
        outcome: "succeeded",
        customer_id: Some("c-1"),
        customer_name: Some("Relecloud"),
        actor_id: "u-17",
        actor_name: "admin@fabrikam.example",
        actor_kind: "user",
        resource: Some(("order", "o-5")),
        correlation_id: None,
        details: Some(details),
    };
    assert_eq!(fields.leaf(&Opening::Salt(salt)), Ok(leaf));
}

#[test]
fn the_examples_of_trees_are_right() {
    let (five, seven) = (range(0..5).root().unwrap(), range(0..7).root().unwrap());
    check("root-5", &hexes([five]));
    check("root-7", &hexes([seven]));
    check("range", &hexes(range(3..7).hashes()));
    let path = roots(inclusion_ranges(4, 7).unwrap());
    check("inclusion", &hexes(path.clone()));
    assert_eq!(verify_inclusion(&leaves()[4], 4, 7, &path, &seven), Ok(()));
    let path = roots(consistency_ranges(5, 7).unwrap());
    check("consistency", &hexes(path.clone()));
    assert_eq!(verify_consistency(5, 7, &path, &five, &seven), Ok(()));
}

#[test]
fn all_entries_of_a_range_give_the_root_with_what_is_around_them_and_no_others_do() {
    let root = |leaves: &[Hash]| {
        let mut whole = range(0..3);
        let own = CompactRange::of_leaves(3, leaves.iter().copied()).unwrap();
        whole.merge(&own).unwrap();
        let kept: Vec<Hash> = range(5..7).hashes().collect();
        whole.merge(&CompactRange::from_hashes(5..7, &kept)?)?;
        whole.root()
    };
    let leaves = leaves();
    let signed = range(0..7).root();
    assert_eq!(root(&leaves[3..5]), signed);
    // One is left out, one is added, one is another, two have changed places.
    assert!(root(&leaves[3..4]).is_err());
    assert!(root(&leaves[3..6]).is_err());
    assert_ne!(root(&[leaves[3], leaves[5]]), signed);
    assert_ne!(root(&[leaves[4], leaves[3]]), signed);
}

#[test]
fn the_examples_of_keys_and_checkpoints_are_right() {
    let (_, key) = key();
    check("key", &key.to_string());
    let checkpoint = checkpoint();
    assert_eq!(vector("checkpoint"), checkpoint.to_string());
    let statement = Statement {
        extra: None,
        index: 4,
        path: roots(inclusion_ranges(4, 7).unwrap()),
        checkpoint,
    };
    assert_eq!(vector("statement"), statement.to_string());
    let origin = Checkpoint::origin_of("log.example", "contoso");
    let proven = statement.verify(&leaves()[4], &origin, &[key]).unwrap();
    assert_eq!(proven.sealed_to(), Some("2026-11-25T00:00:00.000Z"));
}
