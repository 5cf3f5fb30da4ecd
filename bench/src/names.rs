//! Names that the measured programs and the canned servers share.

/// Whose log is read and written.
pub const PARTNER: &str = "contoso";

/// The export that is written.
pub const EXPORT: &str = "019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d";

/// The table of activities.
pub const ACTIVITIES: &str = "activities";

/// The table that names what is sealed.
pub const ARCHIVE: &str = "archive";

/// How the names of sealed objects begin.
pub const SEALED: &str = "archive/";

/// The bucket of exported files.
pub const BUCKET: &str = "exports";
