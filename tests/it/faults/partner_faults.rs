//! Random faults for the requests of some partners.
//!
//! The same seed gives the same requests the same faults, in whatever order the
//! requests come. Each kind of request has a sequence of faults of its own, so
//! a request's fault depends neither on requests that run at the same time nor
//! on the partners of other seeds.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Fault, HttpRequest};

/// On average, one request of so many begins a burst of faults.
const REQUESTS_PER_BURST: u8 = 7;

/// How many requests in a row meet the same fault; the SDK tries three times.
const BURST_LENGTHS: [usize; 6] = [1, 1, 2, 3, 3, 4];

/// The faults that requests of any function can meet.
const FAULTS_OF_ANY_FUNCTION: [Fault; 5] = [
    Fault::Lost,
    Fault::ReplyLost,
    Fault::Throttled,
    Fault::Late,
    Fault::Twice,
];

/// The faults that requests of workers can meet: their processes can die.
const FAULTS_OF_WORKER: [Fault; 7] = [
    Fault::Lost,
    Fault::ReplyLost,
    Fault::Throttled,
    Fault::Late,
    Fault::Twice,
    Fault::Killed,
    Fault::KilledAfter,
];

/// The random faults of one seed's partners.
#[derive(Debug)]
pub(super) struct PartnerFaults {
    pub(super) seed: u64,
    /// The partners' names, and the hashes that replace them in the bucket.
    partners: Vec<String>,
    /// A sequence for each kind of request.
    sequences: HashMap<String, FaultSequence>,
}

/// The faults of one kind of request, one after another.
#[derive(Debug)]
struct FaultSequence {
    random: fastrand::Rng,
    /// The fault of the current burst, and how many requests it still meets.
    burst: Option<(Fault, usize)>,
}

impl PartnerFaults {
    pub(super) fn new(seed: u64, partners: &[&str]) -> Self {
        let hashes = partners.iter().map(|name| bucket_hash(name));
        let names = partners.iter().map(|name| (*name).to_owned());
        Self {
            seed,
            partners: hashes.chain(names).collect(),
            sequences: HashMap::new(),
        }
    }

    /// Whether this is one of the partners, by its name or its hash.
    pub(super) fn includes(&self, partner: &str) -> bool {
        self.partners.iter().any(|ours| ours == partner)
    }

    /// The fault that the next request of this kind meets, if any.
    pub(super) fn next_fault(&mut self, function: &str, kind: String) -> Option<Fault> {
        let random = || fastrand::Rng::with_seed(self.seed ^ number(&kind));
        let sequence = self
            .sequences
            .entry(kind.clone())
            .or_insert_with(|| FaultSequence {
                random: random(),
                burst: None,
            });
        sequence.next_fault(if function.ends_with("-worker") {
            &FAULTS_OF_WORKER
        } else {
            &FAULTS_OF_ANY_FUNCTION
        })
    }
}

impl FaultSequence {
    fn next_fault(&mut self, faults: &[Fault]) -> Option<Fault> {
        if self.burst.is_none() && self.random.u8(..REQUESTS_PER_BURST) == 0 {
            let fault = *self.random.choice(faults)?;
            self.burst = Some((fault, self.random.choice(BURST_LENGTHS)?));
        }
        let (fault, left) = self.burst?;
        self.burst = (left > 1).then_some((fault, left - 1));
        Some(fault)
    }
}

/// The partner whose data a request is about, by its name or its hash.
pub(super) fn partner_of(request: &HttpRequest, body: &Value) -> Option<String> {
    partner_of_body(body).or_else(|| partner_of_address(request.uri()))
}

/// The partner in the body of a request to DynamoDB or Lambda.
fn partner_of_body(body: &Value) -> Option<String> {
    let batch = body["RequestItems"].as_object();
    let batch = batch.and_then(|tables| tables.values().next());
    let batch = batch.map(|table| &table["Keys"][0]);
    let first = body["TransactItems"][0].as_object();
    let first = first.and_then(|part| part.values().next());
    let parts = [Some(body), first].into_iter().flatten();
    let keys = parts.flat_map(|part| [&part["Item"], &part["Key"]]);
    let keyed = keys.chain(batch).find_map(|key| {
        let partition = key["partition_key"]["S"].as_str()?;
        // The partitions of the registry have a partner's name as sort key.
        let is_registry = partition.starts_with("#partners#");
        let sort_key = || key["sort_key"]["S"].as_str();
        if is_registry {
            sort_key()
        } else {
            Some(partition)
        }
    });
    let asked = || body["ExpressionAttributeValues"][":partner"]["S"].as_str();
    let called = || body["partner_id"].as_str();
    let named = keyed.or_else(asked).or_else(called)?;
    // A key such as `contoso#places` also belongs to the partner.
    named.split('#').next().map(str::to_owned)
}

/// The partner in the address of an object, or of a list of objects.
fn partner_of_address(uri: &str) -> Option<String> {
    let uri = percent_decode_str(uri).decode_utf8_lossy();
    let until = |rest: &str| rest.split(['/', '?', '&']).next().map(str::to_owned);
    ["/exports/exports/", "/partner="]
        .iter()
        .find_map(|before| until(uri.split_once(before)?.1))
}

/// The kind of a request, from what is the same in every run of a seed.
///
/// It contains the `correlation_id`, which differs for each activity of a run.
pub(super) fn request_kind(function: &str, operation: &str, partner: &str, body: &Value) -> String {
    let tag = &body["Item"]["correlation_id"]["S"];
    let tag = tag.as_str().unwrap_or_default();
    format!("{function} {operation} {partner} {tag}")
}

/// The hash that replaces a partner's name in the bucket.
fn bucket_hash(partner: &str) -> String {
    let hash = base16ct::lower::encode_string(&Sha256::digest(partner));
    hash[..16].to_owned()
}

/// The first 64 bits of a kind's hash.
fn number(kind: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(kind).into();
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[test]
fn faults_depend_on_seed_and_kind_and_not_on_the_order() {
    let kinds = || (0..40).map(|n| format!("record PutItem p op-{n}"));
    let faults_of = |seed, kinds: Vec<String>| {
        let mut faults = PartnerFaults::new(seed, &["p"]);
        let met = kinds
            .into_iter()
            .map(|kind| (kind.clone(), faults.next_fault("record", kind)));
        let mut met: Vec<_> = met.collect();
        met.sort_by(|(one, _), (other, _)| one.cmp(other));
        met
    };
    let forwards = faults_of(1, kinds().collect());
    assert_eq!(forwards, faults_of(1, kinds().rev().collect()));
    assert_ne!(forwards, faults_of(2, kinds().collect()));
    assert!(forwards.iter().any(|(_, fault)| fault.is_some()));
}
