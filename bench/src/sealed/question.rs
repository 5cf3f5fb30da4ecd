//! What is asked of a year.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use serde_json::{Map, Value, json};
use shared::{TimeRange, aws::archive::Head};

use super::message::Answer;
use crate::Error;

/// A question, and the most that its answer may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) name: &'static str,
    kind: Kind,
    pub(super) limits: Limits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Customer,
    Order,
    Counts,
    One,
}

/// The most that one answer may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) gets: f64,
    pub(super) megabytes: Option<f64>,
    pub(super) cpu_milliseconds: Option<f64>,
    pub(super) mebibytes: Option<f64>,
    pub(super) milliseconds: f64,
}

const LIST: Limits = Limits {
    gets: 250.0,
    megabytes: Some(12.0),
    cpu_milliseconds: Some(250.0),
    mebibytes: Some(32.0),
    milliseconds: 1_000.0,
};

pub(super) const QUESTIONS: [Question; 4] = [
    Question {
        name: "a rare customer",
        kind: Kind::Customer,
        limits: LIST,
    },
    Question {
        name: "one order",
        kind: Kind::Order,
        limits: LIST,
    },
    Question {
        name: "counts by day and action",
        kind: Kind::Counts,
        limits: Limits {
            gets: 50.0,
            megabytes: Some(4.0),
            mebibytes: None,
            ..LIST
        },
    },
    Question {
        name: "one entry",
        kind: Kind::One,
        limits: Limits {
            gets: 20.0,
            megabytes: None,
            cpu_milliseconds: None,
            mebibytes: None,
            // Three rounds, and one more for what they take besides.
            milliseconds: 120.0,
        },
    },
];

/// An event as API Gateway sends it; the tests use the same.
const EVENT: &str = include_str!("../../../tests/events/list__page.json");

impl Question {
    /// Whether the table can be asked too; its canned server has no single entries.
    pub(super) fn is_for_the_table(self) -> bool {
        self.kind != Kind::One
    }

    /// The event of one request, which continues after a cursor.
    pub(super) fn event(
        self,
        sealed: &Answer,
        range: TimeRange,
        cursor: Option<&str>,
    ) -> Result<String, Error> {
        let range = [
            ("from", range.from().to_string()),
            ("to", range.to().to_string()),
        ];
        let (path, route, mut query) = match self.kind {
            Kind::One => {
                let path = format!("/v1/activities/{}", sealed.activity_id);
                (path, "/v1/activities/{id}", Vec::new())
            }
            Kind::Counts => {
                let path = "/v1/activities/summary";
                let by = ["day", "action"].map(|it| ("group_by", it.to_owned()));
                (path.to_owned(), path, [&range[..], &by].concat())
            }
            Kind::Customer | Kind::Order => {
                let is = match self.kind {
                    Kind::Customer => ("customer_id", sealed.rare_customer.clone()),
                    _ => ("resource_id", sealed.resource_id.clone()),
                };
                let path = "/v1/activities";
                let query = [range.to_vec(), vec![is, ("limit", "50".to_owned())]];
                (path.to_owned(), path, query.concat())
            }
        };
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        let mut event: Value = serde_json::from_str(EVENT)?;
        let raw: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let parameters: Map<String, Value> = query
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        event["headers"]["accept-encoding"] = "identity".into();
        event["rawPath"] = path.as_str().into();
        event["rawQueryString"] = raw.join("&").into();
        event["queryStringParameters"] = parameters.into();
        event["pathParameters"] = json!({ "id": sealed.activity_id });
        event["requestContext"]["http"]["path"] = path.into();
        let route = format!("GET {route}");
        event["routeKey"] = route.as_str().into();
        event["requestContext"]["routeKey"] = route.into();
        Ok(event.to_string())
    }

    /// How many entries an answer has or counts, and where the next request continues.
    pub(super) fn read(self, answer: &[u8]) -> Result<(u64, Option<String>), Error> {
        let answer: Value = serde_json::from_slice(answer)?;
        if answer["statusCode"] != 200 {
            return Err(format!("not the right answer: {answer}").into());
        }
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
        let count = match self.kind {
            Kind::Customer | Kind::Order => body["items"].as_array().map_or(0, Vec::len) as u64,
            Kind::Counts => {
                let groups = body["groups"].as_array().into_iter().flatten();
                groups.filter_map(|group| group["count"].as_u64()).sum()
            }
            Kind::One => u64::from(body["id"].is_string()),
        };
        Ok((count, body["next_cursor"].as_str().map(str::to_owned)))
    }

    /// An error unless as many entries were found in a sealed year as there are.
    pub(super) fn check(self, found: u64, head: &Head) -> Result<(), Error> {
        let is_right = match self.kind {
            Kind::Customer => found > 0,
            Kind::Order | Kind::One => found == 1,
            Kind::Counts => found == head.size,
        };
        if is_right {
            Ok(())
        } else {
            Err(format!("{}: {found} were found", self.name).into())
        }
    }
}
