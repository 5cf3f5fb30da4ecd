//! Reads from `template.yaml` what the gateway needs: the functions and their routes,
//! and the configuration of CORS.

use std::{collections::BTreeSet, sync::LazyLock};

use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;

/// The template that is deployed, compiled in.
pub const TEMPLATE: &str = include_str!("../../template.yaml");

/// One route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method.
    pub method: String,
    /// The path, with parameters such as `{id}`.
    pub path: String,
    /// The function's binary, which is also its crate.
    pub function: String,
    /// Whether it accepts requests without a token.
    pub open: bool,
}

impl Route {
    /// The route's name in an event: `GET /v1/activities/{id}`.
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path parameters; none if the request belongs to another route.
    fn matches(&self, method: &str, path: &str) -> Option<Vec<(String, String)>> {
        let (mut wanted, mut found) = (self.path.split('/'), path.split('/'));
        let mut parameters = Vec::new();
        if self.method != method {
            return None;
        }
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return Some(parameters),
                (Some(wanted), Some(segment)) if is_greedy(wanted) => {
                    let name = wanted.trim_matches(['{', '+', '}']).to_owned();
                    let rest: Vec<_> = std::iter::once(segment).chain(found).collect();
                    let rest = Some(rest.join("/")).filter(|rest| !rest.is_empty())?;
                    parameters.push((name, rest));
                    return Some(parameters);
                }
                (Some(wanted), Some(found)) => match parameter(wanted) {
                    Some(name) if !found.is_empty() => {
                        parameters.push((name.to_owned(), found.to_owned()));
                    }
                    None if wanted == found => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
    }
}

/// Whether a segment stands for all the rest of a path, as `{proxy+}` does.
fn is_greedy(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with("+}")
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The template as data; tags such as `!Ref` are removed, and their values stay.
///
/// It is read once, however many stacks a process starts.
pub fn parse() -> Result<&'static Value, Error> {
    static PARSED: LazyLock<Result<Value, String>> =
        LazyLock::new(|| serde_saphyr::from_str(TEMPLATE).map_err(|error| error.to_string()));
    let parsed = PARSED.as_ref();
    parsed.map_err(|error| Error::Template(error.clone()))
}

/// The names of all functions, which are those of their binaries.
pub fn functions() -> Result<BTreeSet<String>, Error> {
    let template = parse()?;
    resources_of_functions(template).map(binary).collect()
}

/// The routes of every function.
pub fn routes() -> Result<Vec<Route>, Error> {
    let template = parse()?;
    resources_of_functions(template)
        .flat_map(routes_of)
        .collect()
}

fn resources_of_functions(template: &Value) -> impl Iterator<Item = &Value> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let resources = resources.map(|(_, resource)| resource);
    resources.filter(|it| it["Type"] == "AWS::Serverless::Function")
}

fn binary(function: &Value) -> Result<String, Error> {
    let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str();
    let binary = binary.map(str::to_owned);
    binary.ok_or_else(|| Error::Template("a function lacks its Binary".to_owned()))
}

fn routes_of(function: &Value) -> Vec<Result<Route, Error>> {
    let events = function["Properties"]["Events"]
        .as_object()
        .into_iter()
        .flatten();
    let events = events.filter(|(_, event)| event["Type"] == "HttpApi");
    events
        .map(|(name, event)| route(function, &event["Properties"], name))
        .collect()
}

fn route(function: &Value, event: &Value, name: &str) -> Result<Route, Error> {
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Error::Template(format!("the event {name} lacks Path or Method")))
    };
    Ok(Route {
        method: text(&event["Method"])?,
        path: text(&event["Path"])?,
        function: binary(function)?,
        open: event["Auth"]["Authorizer"] == "NONE",
    })
}

/// What the API tells browsers about requests from pages of other origins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cors {
    /// The methods that a page may use.
    pub allow_methods: Vec<String>,
    /// The headers that a page may send.
    pub allow_headers: Vec<String>,
    /// The headers of answers that a page may read.
    pub expose_headers: Vec<String>,
    /// How long a browser may remember this, in seconds.
    pub max_age: u32,
}

/// The API's configuration of CORS.
pub fn cors() -> Result<Cors, Error> {
    let cors = &parse()?["Resources"]["HttpApi"]["Properties"]["CorsConfiguration"];
    Cors::deserialize(cors).map_err(|error| Error::Template(format!("CorsConfiguration: {error}")))
}

/// Finds the route of a request and its path parameters.
///
/// If several routes fit, the one with the fewest parameters is taken, and a greedy one last.
pub fn find<'a>(
    routes: &'a [Route],
    method: &str,
    path: &str,
) -> Option<(&'a Route, Vec<(String, String)>)> {
    let matches = routes
        .iter()
        .filter_map(|route| Some((route, route.matches(method, path)?)));
    matches.min_by_key(|(route, parameters)| (is_greedy_route(route), parameters.len()))
}

fn is_greedy_route(route: &Route) -> bool {
    route.path.split('/').any(is_greedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_without_a_route_are_found_too() {
        let functions = functions().unwrap();
        for name in ["record", "seal-worker", "sweeper"] {
            assert!(functions.contains(name), "no {name}");
        }
    }

    #[test]
    fn routes_are_found_as_the_gateway_finds_them() {
        let routes = routes().unwrap();
        let key = |method, path| find(&routes, method, path).map(|(route, _)| route.key());
        assert_eq!(
            key("POST", "/v1/activities/batch").unwrap(),
            "POST /v1/activities/batch"
        );
        assert_eq!(
            key("GET", "/v1/activities/batch").unwrap(),
            "GET /v1/activities/{id}"
        );
        assert_eq!(key("PUT", "/v1/activities"), None);
        assert_eq!(key("POST", "/v1/activities/a/b"), None);
        assert_eq!(key("GET", "/v1/"), None);
        assert_eq!(key("GET", "/v2/activities"), None);
        for path in ["/v1//auditrecords", "/v1/activities/", "/v1/activities/a/b"] {
            assert_eq!(key("GET", path).unwrap(), "GET /v1/{proxy+}", "{path}");
        }
        let (_, parameters) = find(&routes, "GET", "/v1//auditrecords/a%20b").unwrap();
        assert_eq!(parameters, [("proxy".into(), "/auditrecords/a%20b".into())]);
        let open: Vec<_> = routes
            .iter()
            .filter(|route| route.open)
            .map(Route::key)
            .collect();
        assert_eq!(open, ["GET /v1/keys", "GET /v1/openapi.json"]);
    }
}
