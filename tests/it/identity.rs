//! The recipes of `docs/identity.md`: with a recipe's parameters, its sample tokens
//! are let in and say who calls.
//!
//! The parameters and the tokens are read from that page, so it can't say anything else.
//! Whether the providers issue such tokens is not tested here.

use std::collections::BTreeMap;

use local::{JwtOptions, Options, template};
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, with};

const PAGE: &str = include_str!("../../docs/identity.md");

/// One recipe, as its page prints it.
struct Recipe {
    parameters: BTreeMap<String, String>,
    /// The claims of a user's access token.
    user: Value,
    /// The claims of the back end's access token.
    back_end: Value,
}

impl Recipe {
    fn of(provider: &str) -> Self {
        let sections = PAGE.split("\n## ");
        let section = { sections }.find(|section| section.starts_with(provider));
        let section = section.unwrap();
        let json = |info| serde_json::from_str(block(section, info)).unwrap();
        Self {
            parameters: parameters(block(section, "yaml")),
            user: json("json user"),
            back_end: json("json back-end"),
        }
    }

    async fn start(&self) -> TestApp {
        let parameter = |name: &str| self.parameters[name].clone();
        let audiences = parameter("JwtAudience");
        TestApp::start_from(Options {
            jwt: JwtOptions {
                issuer: Some(parameter("JwtIssuer")),
                audiences: audiences.split(',').map(str::to_owned).collect(),
            },
            variables: variables(&self.parameters).into_iter().collect(),
            ..Options::in_memory()
        })
        .await
    }
}

/// The text of a fenced block with these words after the fence.
fn block<'a>(section: &'a str, info: &str) -> &'a str {
    let (_, rest) = section.split_once(&format!("```{info}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

fn parameters(block: &str) -> BTreeMap<String, String> {
    let lines = block.lines().map(|line| line.split_once(": ").unwrap());
    lines
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The functions' variables that these parameters set, as the template says.
fn variables(parameters: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let template = template::parse().unwrap();
    for name in parameters.keys() {
        let known = &template["Parameters"][name];
        assert!(known.is_object(), "the template has no parameter {name}");
    }
    let set = &template["Globals"]["Function"]["Environment"]["Variables"];
    let set = set.as_object().unwrap().iter();
    set.filter_map(|(variable, parameter)| {
        let value = parameters.get(parameter.as_str()?)?;
        Some((variable.clone(), value.clone()))
    })
    .collect()
}

/// A token that has these claims and no others, and is valid now.
fn token(app: &TestApp, claims: &Value) -> String {
    let mut claims = claims.clone();
    claims["exp"] = 4_000_000_000_u64.into();
    // Without this, the issuer would add an audience of its own.
    if claims["aud"].is_null() {
        claims["aud"] = Value::Null;
    }
    app.stack.issuer.sign(claims).unwrap()
}

async fn get(app: &TestApp, claims: &Value) -> Answer {
    let request = app.get("/v1/activities");
    request.token(&token(app, claims)).send().await
}

/// Records as the back end, lists and exports as the user; returns the export's actor.
async fn walk(recipe: &Recipe) -> Value {
    let app = recipe.start().await;
    let record = app.post("/v1/activities", &with("partner_id", "fabrikam"));
    let recorded = record.token(&token(&app, &recipe.back_end)).send().await;
    assert_eq!(recorded.status, 201, "{}", recorded.text);
    assert_eq!(get(&app, &recipe.back_end).await.status, 403);

    let listed = get(&app, &recipe.user).await;
    assert_eq!(listed.status, 200, "{}", listed.text);
    assert_eq!(
        listed.json()["items"][0]["id"],
        recorded.json()["id"],
        "the user sees what was recorded for fabrikam"
    );
    let record = app.post("/v1/activities", &with("partner_id", "fabrikam"));
    let refused = record.token(&token(&app, &recipe.user)).send().await;
    assert_eq!(refused.status, 403, "{}", refused.text);

    app.export_as(&token(&app, &recipe.user), &json!({})).await;
    let listed = get(&app, &recipe.user).await.json();
    let mut entries = listed["items"].as_array().unwrap().iter();
    let export = entries.find(|entry| entry["action"] == "export_activity_log");
    export.unwrap()["actor"].clone()
}

/// The status of a list with the user's token after a change of its claims.
async fn status_after(recipe: &Recipe, changed: &Value) -> u16 {
    let app = recipe.start().await;
    let mut claims = recipe.user.clone();
    let claims_map = claims.as_object_mut().unwrap();
    claims_map.extend(changed.as_object().unwrap().clone());
    get(&app, &claims).await.status.as_u16()
}

#[tokio::test]
async fn a_cognito_pools_tokens_name_partner_roles_and_person() {
    let recipe = Recipe::of("Amazon Cognito");
    let subject = "a3c4d822-5061-70b7-1f2e-0d9c8b7a6f5e";
    assert_eq!(
        walk(&recipe).await,
        json!({ "id": subject, "name": "Ann Beebe", "kind": "user" })
    );
    let another_client = json!({ "client_id": "another" });
    assert_eq!(status_after(&recipe, &another_client).await, 401);
    // An identity token: it passes the gateway, and has no roles.
    let identity = json!({ "aud": "1example23456789page", "roles": null });
    assert_eq!(status_after(&recipe, &identity).await, 403);
}

#[tokio::test]
async fn an_entra_tenants_tokens_name_partner_roles_and_person() {
    let recipe = Recipe::of("Microsoft Entra ID");
    let subject = "99999999-8888-7777-6666-555555555555";
    assert_eq!(
        walk(&recipe).await,
        json!({ "id": subject, "name": "ann@fabrikam.example", "kind": "user" })
    );
    let tenant = &recipe.user["tid"];
    let version_1 = format!("https://sts.windows.net/{}/", tenant.as_str().unwrap());
    let graph = "00000003-0000-0000-c000-000000000000";
    for changed in [json!({ "iss": version_1 }), json!({ "aud": graph })] {
        assert_eq!(status_after(&recipe, &changed).await, 401, "{changed}");
    }
    let section = PAGE
        .split("\n## ")
        .find(|section| section.starts_with("Microsoft Entra ID"));
    let identity = block(section.unwrap(), "json identity");
    let identity = serde_json::from_str(identity).unwrap();
    assert_eq!(get(&recipe.start().await, &identity).await.status, 401);
    let array = json!({ "partner_id": ["fabrikam"] });
    assert_eq!(status_after(&recipe, &array).await, 403);
}

#[tokio::test]
async fn an_auth0_tenants_tokens_name_partner_roles_and_person() {
    let recipe = Recipe::of("Auth0");
    let subject = "auth0|65f0c0ffee0123456789abcd";
    assert_eq!(
        walk(&recipe).await,
        json!({ "id": subject, "name": "Ann Beebe", "kind": "user" })
    );
    let no_slash = json!({ "iss": "https://contoso.eu.auth0.com" });
    assert_eq!(status_after(&recipe, &no_slash).await, 401);
    let no_permissions = json!({ "permissions": null });
    assert_eq!(status_after(&recipe, &no_permissions).await, 403);
}
