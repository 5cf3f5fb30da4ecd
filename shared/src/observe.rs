//! Writes a function's log and metrics as JSON lines, for operators.
//!
//! Each event that is logged is a line; each call that counted something adds a line
//! of metrics. The functions' `main` starts it; `local` logs in its own way and
//! counts nothing.

use std::{
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
};

use json_subscriber::JsonLayer;
use lambda_http::{
    Context, Service,
    lambda_runtime::{self, LambdaInvocation},
    service_fn,
};
use tracing::{Instrument, Span, Subscriber, field::Empty, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter,
    fmt::{MakeWriter, time::SystemTime},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{Clock, metrics};

/// Observes one function.
#[derive(Debug)]
pub struct Observer<W = fn() -> std::io::Stdout> {
    service: String,
    writer: W,
    clock: Clock,
    cold: AtomicBool,
}

/// Starts to log at the level in `AWS_LAMBDA_LOG_LEVEL`; default `info`.
pub fn start() -> Observer {
    let levels = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .with_env_var("AWS_LAMBDA_LOG_LEVEL")
        .from_env_lossy();
    let service = lambda_runtime::Config::from_env().function_name;
    let writer: fn() -> _ = std::io::stdout;
    subscriber(&service, levels, writer).init();
    Observer::new(service, writer)
}

/// The module of Lambda's runtime whose one warning says that a function takes one call
/// at a time although `AWS_LAMBDA_MAX_CONCURRENCY` is set.
///
/// Ours do so on purpose, and `cargo lambda watch` sets the variable to 1 for every function.
const ONE_CALL_AT_A_TIME: &str = "lambda_runtime::runtime=error";

/// Writes each event as one line of JSON, together with the fields of its spans.
pub fn subscriber<W>(
    service: &str,
    levels: EnvFilter,
    writer: W,
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let expected = ONE_CALL_AT_A_TIME.parse().expect("it is a directive");
    let levels = levels.add_directive(expected);
    let mut lines = JsonLayer::new(writer);
    lines.add_static_field("service", service.into());
    lines.with_timer("timestamp", SystemTime);
    lines.with_level("level");
    lines.with_flattened_event();
    lines.with_top_level_flattened_span_list();
    tracing_subscriber::registry().with(levels).with(lines)
}

impl<W: for<'w> MakeWriter<'w>> Observer<W> {
    /// An observer whose first call is a cold start.
    pub fn new(service: String, writer: W) -> Self {
        Self {
            service,
            writer,
            clock: Clock::system(),
            cold: AtomicBool::new(true),
        }
    }

    /// Wraps a service: each call gets a span, and its metrics are written.
    ///
    /// The span is wider than the handler, so that it includes what Lambda's runtime
    /// logs of an event or a response. The metrics are written before the response is
    /// returned, because Lambda then freezes the process.
    ///
    /// `inner` must always be ready, because this is not checked.
    pub fn around<S>(
        &self,
        mut inner: S,
    ) -> impl Service<LambdaInvocation, Response = S::Response, Error = S::Error>
    where
        S: Service<LambdaInvocation>,
    {
        service_fn(move |invocation: LambdaInvocation| {
            let request_id = invocation.context.request_id.clone();
            let span = self.span(&invocation.context);
            let call = span.in_scope(|| inner.call(invocation)).instrument(span);
            async move {
                let (answer, tally) = metrics::counted(call).await;
                if let Some(line) = tally.line(&self.service, &request_id, self.clock.now()) {
                    // A line that can't be written must not fail the call.
                    let _ = self.writer.make_writer().write_all(line.as_bytes());
                }
                answer
            }
        })
    }

    fn span(&self, context: &Context) -> Span {
        tracing::info_span!(
            "call",
            function_request_id = context.request_id,
            cold_start = self.cold.swap(false, Ordering::Relaxed),
            xray_trace_id = context.xray_trace_id,
            partner.id = Empty,
        )
    }
}

/// The span of one part of a request for several partners.
pub fn part() -> Span {
    tracing::info_span!("part", partner.id = Empty)
}

/// Adds the partner's id to the span of the current call or part.
pub fn partner(id: &str) {
    Span::current().record("partner.id", id);
}
