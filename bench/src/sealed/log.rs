//! The log that the measured programs read.

use activity_log::Log;
use aws_config::SdkConfig;
use aws_sdk_s3::Client as S3;
use shared::{
    ActivityStore, Config,
    aws::{archive::ArchiveStore, sdk},
};

use crate::names::{ARCHIVE, BUCKET};

/// The log in the table and the archive.
pub fn log(sdk: &SdkConfig, config: &Config) -> Log {
    let dynamodb = sdk::dynamodb(sdk);
    let archive = ArchiveStore::new(
        dynamodb.clone(),
        ARCHIVE.to_owned(),
        S3::new(sdk),
        BUCKET.to_owned(),
    );
    Log::new(ActivityStore::new(dynamodb, config), Some(archive))
}
