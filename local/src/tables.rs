//! Creates the tables of `template.yaml` in the embedded DynamoDB.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    operation::create_table::CreateTableError,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        StreamSpecification, StreamViewType, TimeToLiveSpecification,
    },
};
use shared::Config;

use crate::error::Error;

/// Creates the service's tables, unless they exist.
pub(crate) async fn create_all(sdk: &SdkConfig, config: &Config) -> Result<(), Error> {
    let client = Client::new(sdk);
    for table in [
        &config.activities_table,
        &config.exports_table,
        &config.erasures_table,
    ] {
        create(&client, table).await?;
        let_expire(&client, table).await?;
    }
    create(&client, &config.archive_table).await?;
    if config.stream.is_some() {
        stream(&client, &config.activities_table).await?;
    }
    Ok(())
}

/// Gives a table a stream of the keys of what is stored, unless it has one.
async fn stream(client: &Client, table: &str) -> Result<(), Error> {
    let failed = |error: aws_sdk_dynamodb::Error| Error::Table(table.to_owned(), Box::new(error));
    let described = client.describe_table().table_name(table).send().await;
    let described = described.map_err(|error| failed(error.into()))?;
    if described
        .table
        .is_some_and(|table| table.latest_stream_arn.is_some())
    {
        return Ok(());
    }
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::KeysOnly)
        .build();
    client
        .update_table()
        .table_name(table)
        .stream_specification(stream.map_err(|error| failed(error.into()))?)
        .send()
        .await
        .map_err(|error| failed(error.into()))?;
    Ok(())
}

/// Creates a table with the keys that all tables have, unless it exists.
async fn create(client: &Client, table: &str) -> Result<(), Error> {
    let failed = |error: aws_sdk_dynamodb::Error| Error::Table(table.to_owned(), Box::new(error));
    let mut create = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, key_type) in [
        ("partition_key", KeyType::Hash),
        ("sort_key", KeyType::Range),
    ] {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build();
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(key_type)
            .build();
        create = create
            .attribute_definitions(attribute.map_err(|error| failed(error.into()))?)
            .key_schema(key.map_err(|error| failed(error.into()))?);
    }
    match create.send().await {
        Ok(_) => Ok(()),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(CreateTableError::is_resource_in_use_exception) =>
        {
            Ok(())
        }
        Err(error) => Err(failed(error.into())),
    }
}

/// Lets items expire, in a table whose items say when.
async fn let_expire(client: &Client, table: &str) -> Result<(), Error> {
    let failed = |error: aws_sdk_dynamodb::Error| Error::Table(table.to_owned(), Box::new(error));
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name("expires_at")
        .build();
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl.map_err(|error| failed(error.into()))?)
        .send()
        .await
        .map_err(|error| failed(error.into()))?;
    Ok(())
}
