//! Reads a log: pages, lists, what is new, single activities, counts, checkpoints.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::{Stream, TryStreamExt, stream};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use crate::{
    activity::Activity,
    client::{Client, Request},
    error::{Error, unanswered},
};

/// What is asked of a log: the parameters of a list or a summary, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// The same query with one parameter more; some may be given several times.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// Takes a parameter away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(given, _)| given != name);
    }

    fn path(&self, path: &str, more: &[(&str, &str)]) -> Result<String, Error> {
        let given = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let parameters = given.chain(more.iter().copied());
        let url = Url::parse_with_params("http://service/", parameters);
        let url = url.map_err(|error| Error::Setup(error.to_string()))?;
        Ok(format!("{path}?{}", url.query().unwrap_or_default()))
    }
}

/// A page of a list.
#[derive(Debug, Clone, Deserialize)]
pub struct Page {
    /// The activities, in order.
    pub items: Vec<Activity>,
    /// Where the next page begins; absent on the last one.
    pub next_cursor: Option<String>,
    /// How far was read; absent on the last page.
    pub read_to: Option<DateTime<Utc>>,
    /// The first moment of the range.
    pub from: DateTime<Utc>,
    /// The first moment after the range.
    pub to: DateTime<Utc>,
    /// With `recorded_from`: where to go on when the last page was read.
    pub recorded_to: Option<DateTime<Utc>>,
    /// Whether nothing can enter the range any more.
    pub settled: bool,
    /// Whatever happened before is sealed, as far as was asked.
    pub sealed_to: Option<DateTime<Utc>>,
}

/// What is new in a log.
#[derive(Debug, Clone)]
pub enum News {
    /// An activity, in no particular order.
    Activity(Box<Activity>),
    /// Everything that was recorded before this moment was given: save it, and go on there.
    UpTo(DateTime<Utc>),
}

/// Counts of a whole range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The groups: what they have in common, as the service says it, and how many they are.
    pub groups: Vec<Value>,
    /// With `recorded_from`: where the next count goes on.
    pub recorded_to: Option<DateTime<Utc>>,
}

/// A part of the counts of a range.
#[derive(Deserialize)]
struct Part {
    groups: Vec<Value>,
    next_cursor: Option<String>,
    recorded_to: Option<DateTime<Utc>>,
}

/// Follows a log, page by page; after an error it goes on where it was.
#[derive(Debug)]
pub struct Follower {
    client: Client,
    query: Query,
    from: DateTime<Utc>,
    cursor: Option<String>,
    pause: Duration,
    /// Whether all that was new was given.
    is_at_end: bool,
}

impl Follower {
    /// Follows what is recorded from a moment on, and asks again after a pause.
    pub fn new(client: Client, query: Query, from: DateTime<Utc>, pause: Duration) -> Self {
        Self {
            client,
            query,
            from,
            cursor: None,
            pause,
            is_at_end: false,
        }
    }

    /// What the next page has; perhaps nothing but how far was read, or nothing.
    pub async fn next(&mut self) -> Result<Vec<News>, Error> {
        if std::mem::take(&mut self.is_at_end) {
            tokio::time::sleep(self.pause).await;
        }
        let since = self.from.to_rfc3339_opts(SecondsFormat::Millis, true);
        let query = self.query.clone().with("recorded_from", since);
        let page = self.client.page(&query, self.cursor.as_deref()).await?;
        let absent = || Error::Answer("it has no recorded_to".to_owned());
        let to = page.recorded_to.ok_or_else(absent)?;
        let items = page.items.into_iter().map(Box::new);
        let mut news: Vec<_> = items.map(News::Activity).collect();
        self.cursor = page.next_cursor;
        if self.cursor.is_none() {
            self.from = to;
            self.is_at_end = true;
            news.push(News::UpTo(to));
        }
        Ok(news)
    }
}

impl Client {
    /// A page of a list, from its beginning or from a cursor on.
    pub async fn page(&self, query: &Query, cursor: Option<&str>) -> Result<Page, Error> {
        let cursor: Vec<_> = cursor.map(|it| ("cursor", it)).into_iter().collect();
        let path = query.path("/v1/activities", &cursor)?;
        self.json(&Request::get(path)).await
    }

    /// All pages of a list.
    pub fn pages(&self, query: Query) -> impl Stream<Item = Result<Page, Error>> + Send + '_ {
        // Where the next page begins; none behind the last one.
        stream::try_unfold(Some(None), move |at: Option<Option<String>>| {
            let query = query.clone();
            async move {
                let Some(cursor) = at else {
                    return Ok(None);
                };
                let page = self.page(&query, cursor.as_deref()).await?;
                let next = page.next_cursor.clone().map(Some);
                Ok(Some((page, next)))
            }
        })
    }

    /// All activities of a list.
    pub fn list(&self, query: Query) -> impl Stream<Item = Result<Activity, Error>> + Send + '_ {
        let items = |page: Page| stream::iter(page.items.into_iter().map(Ok));
        self.pages(query).map_ok(items).try_flatten()
    }

    /// What is recorded from a moment on, for ever: it asks again after a pause.
    ///
    /// Each activity is given once, some minute after it was recorded. The stream ends with
    /// the first error; a [`Follower`] does not.
    pub fn follow(
        &self,
        query: Query,
        from: DateTime<Utc>,
        pause: Duration,
    ) -> impl Stream<Item = Result<News, Error>> + Send + '_ {
        let follower = Follower::new(self.clone(), query, from, pause);
        let news = stream::try_unfold(follower, |mut follower| async move {
            let news = follower.next().await?;
            Ok(Some((stream::iter(news.into_iter().map(Ok)), follower)))
        });
        news.try_flatten()
    }

    /// One activity, with its details.
    pub async fn activity(&self, id: Uuid) -> Result<Activity, Error> {
        self.json(&Request::get(format!("/v1/activities/{id}")))
            .await
    }

    /// Counts activities by one or two properties, over the whole range.
    pub async fn summary(&self, query: &Query) -> Result<Summary, Error> {
        let (mut groups, mut cursor) = (BTreeMap::new(), None::<String>);
        loop {
            let more: Vec<_> = cursor
                .as_deref()
                .map(|it| ("cursor", it))
                .into_iter()
                .collect();
            let path = query.path("/v1/activities/summary", &more)?;
            let part: Part = self.json(&Request::get(path)).await?;
            for group in part.groups {
                add(&mut groups, group);
            }
            cursor = part.next_cursor;
            if cursor.is_none() {
                return Ok(Summary {
                    groups: groups.into_values().collect(),
                    recorded_to: part.recorded_to,
                });
            }
        }
    }

    /// The checkpoint that was published last, as a signed note.
    pub async fn checkpoint(&self) -> Result<String, Error> {
        let request = Request::get("/v1/checkpoint").header("accept", "text/plain");
        let answer = self.send(&request).await?;
        answer.text().await.map_err(unanswered)
    }

    /// Sends any request of the contract and gives its answer's JSON.
    pub async fn get(&self, path: &str) -> Result<Box<RawValue>, Error> {
        self.json(&Request::get(path)).await
    }
}

/// Adds the count of a group to that of the same group of an earlier part, which names the
/// customer and the actor by newer names.
fn add(groups: &mut BTreeMap<String, Value>, group: Value) {
    let count = |group: &Value| {
        group
            .get("count")
            .and_then(Value::as_u64)
            .unwrap_or_default()
    };
    let key = ["/day", "/action", "/outcome", "/customer/id", "/actor/id"];
    let key = format!("{:?}", key.map(|pointer| group.pointer(pointer)));
    let more = count(&group);
    match groups.get_mut(&key) {
        Some(known) => {
            let sum = count(known) + more;
            known
                .as_object_mut()
                .map(|known| known.insert("count".into(), sum.into()));
        }
        None => drop(groups.insert(key, group)),
    }
}
