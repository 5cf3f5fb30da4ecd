//! `plain`: record and list as one would write them with the SDK and nothing else.

use bench::raw::Raw;
use lambda_http::{
    Error, Request, RequestExt, Response,
    http::{Method, header::CONTENT_TYPE},
    request::RequestContext,
    service_fn,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let raw = &Raw::load().await;
    lambda_http::run(service_fn(async |request: Request| {
        answer(raw, &request).await
    }))
    .await
}

async fn answer(raw: &Raw, request: &Request) -> Result<Response<String>, Error> {
    let partner = partner(request).ok_or("the token names no partner")?;
    let (status, body) = match *request.method() {
        Method::POST => {
            let form = serde_json::from_slice(request.body())?;
            (201, raw.put(&partner, &form).await?)
        }
        _ => (200, raw.page(&partner).await?),
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
