//! `hello`: the least that answers an event, beneath every function's start.

use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(async |_: Request| {
        Ok::<_, Error>("{\"message\":\"hello\"}")
    }))
    .await
}
