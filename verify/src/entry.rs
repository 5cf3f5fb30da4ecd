//! That an entry has its place in a log, unchanged.

use base64::{Engine, engine::general_purpose::STANDARD};
use proof::{
    Checkpoint, Commitment, Hash, Opening, Salt, Statement, VerifierKey, leaf_of_json, millis,
    verify_inclusion,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    finding::{Finding, unreadable},
    signed,
};

/// An entry that is in the log of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The entry's id.
    pub id: String,
    /// Its place in the log, from 0.
    pub index: u64,
    /// What the checkpoint says.
    pub checkpoint: Checkpoint,
    /// Whether customer name and details were compared too.
    pub is_compared_whole: bool,
}

/// The answer of `GET /v1/activities/{id}/proof`.
#[derive(Deserialize)]
struct Proof {
    index: u64,
    leaf: String,
    salt: Option<String>,
    path: Vec<String>,
    checkpoint: String,
}

/// What a leaf says of itself.
#[derive(Deserialize)]
struct Leaf {
    id: String,
    partner_id: String,
    hidden: String,
}

/// The first line of a proof that is a text.
const TEXT: &str = "c2sp.org/tlog-proof@";

/// Checks that an entry is in the log, and that an activity, if one is given, is this entry.
///
/// The proof is the answer of `GET /v1/activities/{id}/proof`, as JSON or as text; the
/// activity that of `GET /v1/activities/{id}`.
pub fn check_entry(
    proof: &str,
    activity: Option<&str>,
    keys: &[VerifierKey],
) -> Result<Entry, Finding> {
    let proof = read(proof)?;
    let signed = signed::checkpoint("checkpoint", &proof.checkpoint, keys)?;
    let checkpoint = signed.checkpoint;
    let leaf: Leaf = serde_json::from_str(&proof.leaf).map_err(|it| unreadable("leaf", it))?;
    if leaf.partner_id != signed.partner_id {
        return Err(Finding::NotWhole(format!(
            "entry {} is of the partner {}, but the checkpoint of the log {}",
            leaf.id, leaf.partner_id, checkpoint.origin
        )));
    }
    let path = proof.path.iter().map(|hash| Hash::parse(hash));
    let path: Vec<Hash> = path
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable("path", error))?;
    let hash = Hash::of_leaf(proof.leaf.as_bytes());
    let Checkpoint { size, root, .. } = &checkpoint;
    verify_inclusion(&hash, proof.index, *size, &path, root).map_err(|_| {
        Finding::NotWhole(format!(
            "entry {} is not what was sealed at place {} of {size}: \
             its leaf and its path do not lead to the signed root",
            leaf.id, proof.index
        ))
    })?;
    let is_compared_whole = match activity {
        None => false,
        Some(activity) => compare(activity, &proof, &leaf)?,
    };
    Ok(Entry {
        id: leaf.id,
        index: proof.index,
        checkpoint,
        is_compared_whole,
    })
}

fn read(text: &str) -> Result<Proof, Finding> {
    if !text.starts_with(TEXT) {
        return serde_json::from_str(text).map_err(|error| unreadable("proof", error));
    }
    let statement = Statement::parse(text).map_err(|error| unreadable("proof", error))?;
    let leaf = statement.extra.map(String::from_utf8);
    let leaf = leaf
        .and_then(Result::ok)
        .ok_or_else(|| Finding::Unknown("the proof has no leaf as its extra data".to_owned()))?;
    Ok(Proof {
        index: statement.index,
        leaf,
        salt: None,
        path: statement.path.iter().map(ToString::to_string).collect(),
        checkpoint: statement.checkpoint.to_string(),
    })
}

/// Compares an activity with a leaf that is proven; returns whether its hidden part was
/// compared too, which that of an erased one can't be.
fn compare(activity: &str, proof: &Proof, leaf: &Leaf) -> Result<bool, Finding> {
    let opening = match &proof.salt {
        Some(salt) => Opening::Salt(salt_of(salt)?),
        None => Opening::Commitment(commitment(&leaf.hidden)?),
    };
    let hash = leaf_of_json(activity, &opening);
    let hash = hash.map_err(|error| unreadable("activity", error))?;
    if hash != Hash::of_leaf(proof.leaf.as_bytes()) {
        return Err(Finding::NotWhole(format!(
            "the activity is not entry {}: {}",
            leaf.id,
            difference(activity, &proof.leaf)
        )));
    }
    let is_whole = matches!(opening, Opening::Salt(_));
    if !is_whole && !is_erased(activity) {
        return Err(Finding::Unknown(
            "the proof has no salt, so nothing shows whether customer name and details are those \
             that were sealed; the JSON form of a proof has one, but for an erased entry"
                .to_owned(),
        ));
    }
    Ok(is_whole)
}

/// Whether an activity says that it was erased, and has neither name nor details.
fn is_erased(activity: &str) -> bool {
    let members: Map<String, Value> = serde_json::from_str(activity).unwrap_or_default();
    let name = members.get("customer").and_then(|it| it.get("name"));
    let is_nameless = name.is_none_or(|name| name == "[erased]");
    let erased_at = members.get("erased_at").and_then(Value::as_str);
    let is_marked = erased_at.is_some_and(|at| millis(at).is_ok());
    is_marked && is_nameless && !members.contains_key("details")
}

fn salt_of(text: &str) -> Result<Salt, Finding> {
    let salt = STANDARD.decode(text).ok();
    let salt = salt.and_then(|salt| salt.try_into().ok());
    salt.ok_or_else(|| unreadable("salt", "it must be 16 bytes as base64"))
}

fn commitment(hex: &str) -> Result<Commitment, Finding> {
    let mut hash = [0; 32];
    let decoded = base16ct::lower::decode(hex, &mut hash).map(<[u8]>::len);
    if decoded == Ok(32) {
        return Ok(Commitment(hash));
    }
    let reason = "its member hidden must be 64 lower-case hexadecimal digits";
    Err(unreadable("leaf", reason))
}

/// Which members of an activity are not those of the leaf.
fn difference(activity: &str, leaf: &str) -> String {
    let members = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let (mut own, mut sealed) = (members(activity), members(leaf));
    for name in ["details", "erased_at", "has_details", "links"] {
        own.remove(name);
    }
    sealed.remove("hidden");
    if let Some(Value::Object(customer)) = own.get_mut("customer") {
        customer.remove("name");
    }
    let names = own.keys().chain(sealed.keys());
    let mut changed: Vec<String> = names
        .filter(|name| own.get(*name) != sealed.get(*name))
        .map(|name| {
            let value = |members: &Map<String, Value>| {
                members
                    .get(name)
                    .map_or("nothing".to_owned(), Value::to_string)
            };
            format!("{name} is {}, sealed was {}", value(&own), value(&sealed))
        })
        .collect();
    changed.sort();
    changed.dedup();
    if changed.is_empty() {
        return "its customer name or its details are not those that were sealed".to_owned();
    }
    changed.join("; ")
}
