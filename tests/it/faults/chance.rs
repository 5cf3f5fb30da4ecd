//! Faults by chance for the requests of some partners: the same ones for the
//! same seed and requests, in whatever order these come.
//!
//! Each kind of request has dice of its own. What one request meets therefore
//! hangs neither on requests that run beside it nor on other seeds' partners.

use std::collections::HashMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Fault, HttpRequest};

/// One request in so many meets a fault.
const ONE_IN: u8 = 7;

/// How many attempts in a row a fault meets; three are all that the SDK makes.
const BURSTS: [usize; 6] = [1, 1, 2, 3, 3, 4];

/// What may happen to a request of any function.
const TO_ANY: [Fault; 5] = [
    Fault::Lost,
    Fault::ReplyLost,
    Fault::Throttled,
    Fault::Late,
    Fault::Twice,
];

/// What may also happen to one of the worker, whose process may die.
const TO_WORKER: [Fault; 7] = [
    Fault::Lost,
    Fault::ReplyLost,
    Fault::Throttled,
    Fault::Late,
    Fault::Twice,
    Fault::Killed,
    Fault::KilledAfter,
];

/// The chances of one seed's partners.
#[derive(Debug)]
pub(super) struct Chance {
    pub(super) seed: u64,
    /// The partners' names, and the hashes that stand for them in the bucket.
    partners: Vec<String>,
    dice: HashMap<String, Dice>,
}

/// What becomes of one kind of request.
#[derive(Debug)]
struct Dice {
    random: fastrand::Rng,
    burst: Option<(Fault, usize)>,
}

impl Chance {
    pub(super) fn new(seed: u64, partners: &[&str]) -> Self {
        let hashes = partners.iter().map(|name| hash(name));
        let names = partners.iter().map(|name| (*name).to_owned());
        Self {
            seed,
            partners: hashes.chain(names).collect(),
            dice: HashMap::new(),
        }
    }

    /// Whether a request is for one of these partners.
    pub(super) fn is_for(&self, partner: &str) -> bool {
        self.partners.iter().any(|ours| ours == partner)
    }

    /// What happens to the next request of this name.
    pub(super) fn next(&mut self, function: &str, name: String) -> Option<Fault> {
        let random = || fastrand::Rng::with_seed(self.seed ^ number(&name));
        let dice = self.dice.entry(name.clone()).or_insert_with(|| Dice {
            random: random(),
            burst: None,
        });
        dice.next(if function == "export-worker" {
            &TO_WORKER
        } else {
            &TO_ANY
        })
    }
}

impl Dice {
    fn next(&mut self, faults: &[Fault]) -> Option<Fault> {
        if self.burst.is_none() && self.random.u8(..ONE_IN) == 0 {
            let fault = *self.random.choice(faults)?;
            self.burst = Some((fault, self.random.choice(BURSTS)?));
        }
        let (fault, left) = self.burst?;
        self.burst = (left > 1).then_some((fault, left - 1));
        Some(fault)
    }
}

/// Whose data a request is about: a partner, or its hash in the bucket.
pub(super) fn whose(request: &HttpRequest, body: &Value) -> Option<String> {
    let batch = body["RequestItems"].as_object();
    let batch = batch.and_then(|tables| tables.values().next());
    let keys = [
        &body["Item"]["partition_key"]["S"],
        &body["Key"]["partition_key"]["S"],
        &body["ExpressionAttributeValues"][":partner"]["S"],
        &batch.unwrap_or(&Value::Null)["Keys"][0]["partition_key"]["S"],
        &body["partner_id"],
    ];
    let named = keys.iter().find_map(|key| key.as_str());
    // A key such as `contoso#places` is the partner's too.
    let named = named.and_then(|key| key.split('#').next());
    let path = request.uri().split('?').next().unwrap_or_default();
    let in_bucket = path.split("/exports/exports/").nth(1);
    let in_bucket = in_bucket.and_then(|key| key.split('/').next());
    named.or(in_bucket).map(str::to_owned)
}

/// What tells a request from the others of its partner, as far as the seed knows it.
pub(super) fn name(function: &str, operation: &str, partner: &str, body: &Value) -> String {
    let tag = &body["Item"]["correlation_id"]["S"];
    let tag = tag.as_str().unwrap_or_default();
    format!("{function} {operation} {partner} {tag}")
}

fn hash(partner: &str) -> String {
    let hash = base16ct::lower::encode_string(&Sha256::digest(partner));
    hash[..16].to_owned()
}

fn number(name: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(name).into();
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[test]
fn chance_hangs_on_seed_and_name_and_not_on_the_order() {
    let names = || (0..40).map(|n| format!("record PutItem p op-{n}"));
    let meet = |seed, names: Vec<String>| {
        let mut chance = Chance::new(seed, &["p"]);
        let met = names
            .into_iter()
            .map(|name| (name.clone(), chance.next("record", name)));
        let mut met: Vec<_> = met.collect();
        met.sort_by(|(one, _), (other, _)| one.cmp(other));
        met
    };
    let forwards = meet(1, names().collect());
    assert_eq!(forwards, meet(1, names().rev().collect()));
    assert_ne!(forwards, meet(2, names().collect()));
    assert!(forwards.iter().any(|(_, fault)| fault.is_some()));
}
