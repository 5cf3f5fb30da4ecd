//! Serves a port: for trusted hosts and pages, and for requests that are sent in time.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Json, Response},
    serve::Listener,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tower_http::timeout::TimeoutBody;

use crate::origins::Origins;

/// How each port is served.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) origins: Origins,
    /// How long the head of a request may take, and a pause in its body.
    pub(crate) request_timeout: Duration,
}

impl Server {
    /// Answers connections with `router` until the task is aborted.
    pub(crate) fn serve(&self, listener: TcpListener, router: Router) -> JoinHandle<()> {
        let router = router.layer(from_fn_with_state(self.clone(), guard));
        tokio::spawn(accept(listener, router, self.request_timeout))
    }
}

/// Refuses what another website sends through a browser, and limits how long a body pauses.
async fn guard(State(server): State<Server>, request: Request, next: Next) -> Response {
    let refusal = server.origins.refusal(request.uri(), request.headers());
    if let Some(reason) = refusal {
        return (StatusCode::FORBIDDEN, Json(json!({ "message": reason }))).into_response();
    }
    if request.body().is_end_stream() {
        // The wrapped body would no longer say that it is empty, which S3 relies on.
        return next.run(request).await;
    }
    let limited = |body| Body::new(TimeoutBody::new(server.request_timeout, body));
    next.run(request.map(limited)).await
}

/// Accepts connections for ever; when it is aborted, they end too.
async fn accept(mut listener: TcpListener, router: Router, head_timeout: Duration) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, address) = Listener::accept(&mut listener) => {
                connections.spawn(answer(stream, address, router.clone(), head_timeout));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the requests of one connection.
async fn answer(stream: TcpStream, address: SocketAddr, router: Router, head_timeout: Duration) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = connection.await {
        tracing::debug!(%error, %address, "a connection ended early");
    }
}
