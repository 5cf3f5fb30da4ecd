//! `plain`: record and list as one would write them with the SDK and nothing else.

mod activities;

use lambda_http::{
    Error, Request, RequestExt, Response,
    http::{Method, header::CONTENT_TYPE},
    request::RequestContext,
    service_fn,
};

use self::activities::Activities;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let activities = &Activities::load().await;
    lambda_http::run(service_fn(async |request: Request| {
        answer(activities, &request).await
    }))
    .await
}

async fn answer(activities: &Activities, request: &Request) -> Result<Response<String>, Error> {
    let partner = partner(request).ok_or("the token names no partner")?;
    let (status, body) = match *request.method() {
        Method::POST => {
            let activity = serde_json::from_slice(request.body())?;
            (201, activities.put(&partner, &activity).await?)
        }
        _ => (200, activities.page(&partner).await?),
    };
    let response = Response::builder().status(status);
    Ok(response
        .header(CONTENT_TYPE, "application/json")
        .body(body)?)
}

fn partner(request: &Request) -> Option<String> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => {
            let claims = &context.authorizer.as_ref()?.jwt.as_ref()?.claims;
            claims.get("partner_id").cloned()
        }
        _ => None,
    }
}
