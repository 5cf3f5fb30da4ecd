//! Delivers activities in batches until the outcome of each is known.

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::{
    activity::{Activity, Recorded},
    client::{Client, Request, read},
    error::{Error, Refusal},
    retries::Retries,
};

/// The most activities in a batch that the service takes.
pub(crate) const COUNT_MAX: usize = 100;

/// The most bytes of a batch; the service takes 3,000,000.
pub(crate) const BYTES_MAX: usize = 2_900_000;

/// What became of an activity.
#[derive(Debug)]
pub(crate) enum Delivered {
    Recorded(Box<Recorded>),
    Refused(Refusal),
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    activity: Option<Activity>,
    problem: Option<Refusal>,
}

/// Delivers activities, as JSON, and tells what became of each.
///
/// What has no known outcome is sent again, and only that.
pub(crate) async fn deliver(
    client: &Client,
    activities: &[String],
    retries: Retries,
) -> Result<Vec<Delivered>, Error> {
    let mut delivered = Vec::with_capacity(activities.len());
    for batch in batches(activities) {
        delivered.extend(deliver_or_divide(client, batch, retries).await?);
    }
    Ok(delivered)
}

/// If a batch is refused as a whole, delivers one by one, so that one activity does not stop
/// the others.
async fn deliver_or_divide(
    client: &Client,
    batch: &[String],
    retries: Retries,
) -> Result<Vec<Delivered>, Error> {
    match deliver_batch(client, batch, retries).await {
        Err(Error::Refused(refusal)) if refusal.is_about_content() => {}
        results => return results,
    }
    let mut delivered = Vec::with_capacity(batch.len());
    for activity in batch {
        match deliver_batch(client, std::slice::from_ref(activity), retries).await {
            Err(Error::Refused(refusal)) if refusal.is_about_content() => {
                delivered.push(Delivered::Refused(refusal));
            }
            results => delivered.extend(results?),
        }
    }
    Ok(delivered)
}

async fn deliver_batch(
    client: &Client,
    batch: &[String],
    retries: Retries,
) -> Result<Vec<Delivered>, Error> {
    let known = Known::new(batch.len());
    let attempt = || async {
        let unknown = known.missing();
        let sent = unknown.iter().filter_map(|place| batch.get(*place));
        let sent: Vec<&str> = sent.map(String::as_str).collect();
        let results = send(client, &sent).await?;
        if results.len() != sent.len() {
            return Err(Error::Answer(
                "it has not one result for each activity".into(),
            ));
        }
        let mut trouble = None;
        for (place, result) in unknown.into_iter().zip(results) {
            match result {
                Ok(delivered) => known.note(place, delivered),
                Err(error) => trouble = Some(error),
            }
        }
        trouble.map_or(Ok(()), Err)
    };
    retries.run(attempt).await?;
    Ok(known.into_all())
}

/// What became of the activities of a batch, as far as that is known.
struct Known(Mutex<Vec<Option<Delivered>>>);

impl Known {
    fn new(count: usize) -> Self {
        Self(Mutex::new((0..count).map(|_| None).collect()))
    }

    /// The places of which nothing is known.
    fn missing(&self) -> Vec<usize> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let places = known.iter().enumerate();
        let missing = places.filter(|(_, delivered)| delivered.is_none());
        missing.map(|(place, _)| place).collect()
    }

    fn note(&self, place: usize, delivered: Delivered) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.get_mut(place) {
            *slot = Some(delivered);
        }
    }

    fn into_all(self) -> Vec<Delivered> {
        let known = self.0.into_inner();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.into_iter().flatten().collect()
    }
}

/// One request; an inner error is of an activity whose outcome is unknown.
async fn send(
    client: &Client,
    activities: &[&str],
) -> Result<Vec<Result<Delivered, Error>>, Error> {
    let body = format!("{{\"activities\":[{}]}}", activities.join(","));
    let request = Request::post("/v1/activities/batch", body);
    let answer: Answer = read(client.attempt(&request).await?).await?;
    let results = answer.results.into_iter().map(|outcome| {
        let Outcome {
            status,
            activity,
            problem,
        } = outcome;
        let refusal = Refusal {
            status,
            ..problem.unwrap_or_default()
        };
        match (status, activity) {
            (200 | 201, Some(activity)) => Ok(Delivered::Recorded(Box::new(Recorded {
                activity,
                replayed: status == 200,
            }))),
            (429 | 500.., _) => Err(Error::unavailable(refusal)),
            _ => Ok(Delivered::Refused(refusal)),
        }
    });
    Ok(results.collect())
}

/// Consecutive activities, as many as a batch may have.
fn batches(activities: &[String]) -> impl Iterator<Item = &[String]> {
    let mut rest = activities;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |activity: &&String| {
            bytes += activity.len() + 1;
            bytes <= BYTES_MAX
        };
        let count = rest.iter().take(COUNT_MAX).take_while(fits).count();
        // One that is too large for a batch is refused by the service.
        let (batch, left) = rest.split_at(count.max(1).min(rest.len()));
        rest = left;
        (!batch.is_empty()).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_at_most_a_hundred_activities_and_three_million_bytes() {
        let sizes = |activities: Vec<String>| -> Vec<usize> {
            batches(&activities).map(<[String]>::len).collect()
        };
        assert_eq!(sizes(Vec::new()), [0; 0]);
        assert_eq!(sizes(vec![String::new(); 250]), [100, 100, 50]);
        assert_eq!(sizes(vec!["x".repeat(1_000_000); 5]), [2, 2, 1]);
        let large = "x".repeat(4_000_000);
        assert_eq!(sizes(vec!["x".into(), large, "x".into()]), [1, 1, 1]);
    }
}
