//! What the subjects and the canned servers call things.

/// Whose log is exported.
pub const PARTNER: &str = "contoso";

/// The table of activities.
pub const ACTIVITIES: &str = "activities";

/// The bucket.
pub const BUCKET: &str = "exports";

/// The export that the worker is called for.
pub const EXPORT: &str = "019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d";

/// The object that floor and peers write.
pub const OBJECT: &str = "activity-log.csv";

/// The variables of a subject's process: the service's own, the SDK's, and
/// three that only the peers read.
///
/// The SDKs read no file and ask no metadata service.
pub fn environment<'a>(dynamodb: &'a str, s3: &'a str) -> [(&'static str, &'a str); 17] {
    [
        ("ACTIVITIES_TABLE", ACTIVITIES),
        ("EXPORTS_TABLE", "exports"),
        ("EXPORTS_BUCKET", BUCKET),
        ("EXPORT_WORKER_FUNCTION", "export-worker"),
        ("ERASURES_TABLE", "erasures"),
        ("ERASURE_WORKER_FUNCTION", "erasure-worker"),
        ("SUBSCRIPTIONS_URL", "https://portal.example/{customer_id}"),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench-secret-key"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("AWS_ENDPOINT_URL_S3", s3),
        ("BENCH_PARTNER", PARTNER),
        ("BENCH_OBJECT", OBJECT),
    ]
}
