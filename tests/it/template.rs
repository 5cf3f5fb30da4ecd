//! What the template must never give away, whatever else changes in it.

use std::collections::{BTreeMap, BTreeSet};

use local::template;
use serde_json::{Value, json};

type Resources = BTreeMap<String, Value>;

fn resources() -> Resources {
    let template = template::parse().unwrap();
    serde_json::from_value(template["Resources"].clone()).unwrap()
}

/// The resources of a type, with their logical ids.
fn of_type(kind: &str) -> Resources {
    let mut resources = resources();
    resources.retain(|_, resource| resource["Type"] == kind);
    assert!(!resources.is_empty(), "no {kind}");
    resources
}

fn functions() -> Resources {
    of_type("AWS::Serverless::Function")
}

fn workers() -> Resources {
    let mut functions = functions();
    functions.retain(|id, _| id.ends_with("WorkerFunction"));
    assert_eq!(functions.len(), 3);
    functions
}

/// Whether a worker is one of tasks, which calls itself, and of which any number may be asked for.
fn does_tasks(id: &str) -> bool {
    ["ExportWorkerFunction", "ErasureWorkerFunction"].contains(&id)
}

#[test]
fn nothing_is_deployed_that_these_rules_do_not_know() {
    let kinds: BTreeSet<_> = resources()
        .into_values()
        .map(|resource| resource["Type"].as_str().unwrap().to_owned())
        .collect();
    let known = [
        "AWS::ApiGatewayV2::ApiMapping",
        "AWS::ApiGatewayV2::DomainName",
        "AWS::CloudFront::Distribution",
        "AWS::CloudFront::Function",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::Events::Rule",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::KMS::Alias",
        "AWS::KMS::Key",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::Serverless::Function",
        "AWS::Serverless::HttpApi",
    ];
    assert_eq!(kinds, known.map(str::to_owned).into());
}

#[test]
fn every_route_but_the_contracts_needs_a_token() {
    let apis = of_type("AWS::Serverless::HttpApi");
    let auth = &apis["HttpApi"]["Properties"]["Auth"];
    assert_eq!(
        (apis.len(), &auth["DefaultAuthorizer"]),
        (1, &json!("JwtAuthorizer"))
    );
    let authorizer = &auth["Authorizers"]["JwtAuthorizer"];
    assert_eq!(
        authorizer["IdentitySource"],
        "$request.header.Authorization"
    );
    assert!(authorizer["JwtConfiguration"]["issuer"].is_string());
    assert_eq!(authorizer["JwtConfiguration"]["audience"], "JwtAudience");
    let (mut open, mut schedules) = (Vec::new(), BTreeSet::new());
    for function in functions().values() {
        let events = function["Properties"]["Events"].as_object();
        for event in events.into_iter().flat_map(serde_json::Map::values) {
            let properties = &event["Properties"];
            if event["Type"] == "Schedule" {
                let text = |name: &str| properties[name].as_str().unwrap().to_owned();
                schedules.insert((text("Schedule"), text("Input")));
                continue;
            }
            assert_eq!(event["Type"], "HttpApi");
            if !properties["Auth"].is_null() {
                open.push((properties["Method"].clone(), properties["Path"].clone()));
            }
        }
        // A function's own address would pass the gateway by.
        assert!(function["Properties"]["FunctionUrlConfig"].is_null());
    }
    let paths = ["/v1/keys", "/v1/openapi.json"];
    assert_eq!(open, paths.map(|path| (json!("GET"), json!(path))));
    // `local` calls the sweeper with the same events.
    let sweeps = [
        ("rate(1 hour)", r#"{"sweep":"logs"}"#),
        ("rate(5 minutes)", r#"{"sweep":"tasks"}"#),
    ];
    let sweeps = sweeps.map(|(when, event)| (when.to_owned(), event.to_owned()));
    assert_eq!(schedules, sweeps.into());
}

#[test]
fn readers_leave_room_for_the_recorder() {
    let apis = of_type("AWS::Serverless::HttpApi");
    let settings = &apis["HttpApi"]["Properties"]["RouteSettings"];
    let mut routes = 0;
    for (id, function) in functions() {
        let reserved = &function["Properties"]["ReservedConcurrentExecutions"];
        let parameter = match id.as_str() {
            // The sweeper calls four seal workers, or with very many partners up to 16.
            // Of the stream two calls run for each partition of the table.
            "RecordFunction" | "SweeperFunction" | "SealWorkerFunction" | "StreamFunction" => {
                &Value::Null
            }
            id if does_tasks(id) => &json!("HasWorkerConcurrency"),
            _ => &json!("HasReadConcurrency"),
        };
        assert_eq!(&reserved[0], parameter, "{id}");
        let events = function["Properties"]["Events"].as_object();
        let events = events.into_iter().flat_map(serde_json::Map::values);
        for event in events.filter(|event| event["Type"] == "HttpApi") {
            let (method, path) = (&event["Properties"]["Method"], &event["Properties"]["Path"]);
            let route = format!("{} {}", method.as_str().unwrap(), path.as_str().unwrap());
            let limits = &settings[&route];
            if id == "RecordFunction" {
                assert!(limits.is_null(), "{route} has the stage's limits");
            } else {
                routes += 1;
                let takes_long = ["/summary", "/proof", "/consistency"];
                let takes_long = takes_long.iter().any(|end| route.ends_with(end));
                let kind = if takes_long { "Summary" } else { "Read" };
                let parameters = ["RateLimit", "BurstLimit"].map(|limit| format!("{kind}{limit}"));
                assert_eq!(limits["ThrottlingRateLimit"], parameters[0], "{route}");
                assert_eq!(limits["ThrottlingBurstLimit"], parameters[1], "{route}");
            }
        }
    }
    assert_eq!(settings.as_object().unwrap().len(), routes);
}

#[test]
fn the_browsers_of_one_origin_alone_may_call() {
    let apis = of_type("AWS::Serverless::HttpApi");
    let cors = &apis["HttpApi"]["Properties"]["CorsConfiguration"];
    assert_eq!(cors["AllowOrigins"], json!(["PortalOrigin"]));
    assert!(
        cors["AllowCredentials"].is_null(),
        "the token is in a header, no cookie"
    );
}

/// The statements of a function's role.
fn statements(id: &str) -> Vec<Value> {
    let roles = of_type("AWS::IAM::Role");
    let role = roles.get(&id.replace("Function", "Role"));
    let policies = &role.unwrap()["Properties"]["Policies"];
    assert_eq!(policies.as_array().unwrap().len(), 1, "{id}");
    let statements = policies[0]["PolicyDocument"]["Statement"].as_array();
    statements.unwrap().clone()
}

#[test]
fn a_functions_rights_are_its_own_statements_alone() {
    for (id, function) in functions() {
        let properties = &function["Properties"];
        for elsewhere in [
            "Policies",
            "PermissionsBoundary",
            "Connectors",
            "VpcConfig",
            "Layers",
        ] {
            assert!(properties[elsewhere].is_null(), "{id} has {elsewhere}");
        }
        let role = format!("{}.Arn", id.replace("Function", "Role"));
        assert_eq!(properties["Role"], json!(role), "{id}");
        for statement in statements(&id) {
            let keys: BTreeSet<_> = statement
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let mut expected = BTreeSet::from(["Action", "Effect", "Resource", "Sid"]);
            if let Some(only) = limits_of(statement["Sid"].as_str().unwrap()) {
                assert_eq!(statement["Condition"], only, "{id}");
                expected.insert("Condition");
            }
            assert_eq!(keys, expected, "{id}");
            assert_eq!(statement["Effect"], "Allow", "{id}");
        }
    }
}

/// The condition of a statement that is about some partitions of a table alone, or about
/// some attributes of its items.
fn limits_of(statement: &str) -> Option<Value> {
    if statement == "EndCopies" {
        let attributes = ["partition_key", "sort_key", "expires_at", "kept_until"];
        return Some(json!({
            "ForAllValues:StringEquals": { "dynamodb:Attributes": attributes },
            "StringEqualsIfExists": { "dynamodb:ReturnValues": "NONE" },
        }));
    }
    let (operator, key) = match statement {
        name if name.contains("Open") => ("ForAllValues:StringEquals", "#open"),
        "RegisterPartners" | "ReadRegistry" => ("ForAllValues:StringLike", "#partners#*"),
        _ => return None,
    };
    Some(json!({ operator: { "dynamodb:LeadingKeys": [key] } }))
}

#[test]
fn a_role_is_of_one_function_and_writes_into_its_log_group_alone() {
    let roles = of_type("AWS::IAM::Role");
    assert_eq!(roles.len(), functions().len());
    for role in roles.values() {
        // A managed policy, as SAM attaches one, may write into every log group.
        let properties = role["Properties"].as_object().unwrap();
        let names: Vec<_> = properties.keys().map(String::as_str).collect();
        assert_eq!(names, ["AssumeRolePolicyDocument", "Policies"]);
        let trusted = &properties["AssumeRolePolicyDocument"]["Statement"];
        let lambda = json!([{
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }]);
        assert_eq!(*trusted, lambda);
    }
    for (id, function) in functions() {
        let group = &function["Properties"]["LoggingConfig"]["LogGroup"];
        let of_logs: Vec<_> = statements(&id)
            .into_iter()
            .filter(|statement| statement.to_string().contains("logs:"))
            .collect();
        let write = json!([{
            "Sid": "WriteLog",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": format!("{}.Arn", group.as_str().unwrap()),
        }]);
        assert_eq!(json!(of_logs), write, "{id}");
    }
}

#[test]
fn what_a_parameter_adds_to_every_role_is_off_without_it() {
    let policies = of_type("AWS::IAM::Policy");
    let roles: Vec<_> = of_type("AWS::IAM::Role").into_keys().collect();
    for (id, condition) in [("SendTraces", "HasTracing"), ("UseKey", "HasKey")] {
        assert_eq!(policies[id]["Condition"], condition);
        let roles_of = policies[id]["Properties"]["Roles"].as_array().unwrap();
        let name = |role: &Value| match role {
            Value::Array(conditional) => {
                assert_eq!(role, &json!(["HasStream", "StreamRole", "AWS::NoValue"]));
                conditional[1].as_str().unwrap().to_owned()
            }
            _ => role.as_str().unwrap().to_owned(),
        };
        let mut named: Vec<_> = roles_of.iter().map(name).collect();
        named.sort();
        assert_eq!(named, roles, "{id}");
    }
    assert_eq!(policies.len(), 3);
    let statement = |id: &str| {
        let document = &policies[id]["Properties"]["PolicyDocument"];
        assert_eq!(document["Statement"].as_array().unwrap().len(), 1);
        document["Statement"][0].clone()
    };
    let key = statement("UseKey");
    assert_eq!(key["Resource"], "KmsKeyArn");
    let through = &key["Condition"]["StringEquals"]["kms:ViaService"];
    assert_eq!(through.as_array().unwrap().len(), 3);
    let traces = statement("SendTraces")["Action"].clone();
    assert_eq!(
        traces,
        json!(["xray:PutTraceSegments", "xray:PutTelemetryRecords"])
    );
    let globals = &template::parse().unwrap()["Globals"]["Function"];
    assert_eq!(
        globals["Tracing"],
        json!(["HasTracing", "Active", "AWS::NoValue"])
    );
}

#[test]
fn only_the_seal_worker_may_sign_and_the_key_outlives_the_stack() {
    let policies = of_type("AWS::IAM::Policy");
    let policy = &policies["SignWithKeys"];
    assert_eq!(policy["Condition"], "SignsCheckpoints");
    assert_eq!(policy["Properties"]["Roles"], json!(["SealWorkerRole"]));
    let granted = &policy["Properties"]["PolicyDocument"]["Statement"];
    let sign = json!([{
        "Sid": "SignCheckpoints",
        "Effect": "Allow",
        "Action": ["kms:Sign", "kms:GetPublicKey"],
        "Resource": [
            "SigningKey.Arn",
            ["HasSecondSigningKey", "SecondSigningKeyArn", "AWS::NoValue"],
        ],
    }]);
    assert_eq!(*granted, sign);
    for id in functions().keys() {
        assert!(!json!(statements(id)).to_string().contains("kms:"), "{id}");
    }
    let keys = of_type("AWS::KMS::Key");
    assert_eq!(keys.len(), 1);
    let key = &keys["SigningKey"];
    assert_eq!(key["Condition"], "SignsCheckpoints");
    assert_eq!(key["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(key["UpdateReplacePolicy"], "Retain");
    let properties = &key["Properties"];
    assert_eq!(
        (&properties["KeySpec"], &properties["KeyUsage"]),
        (&json!("ECC_NIST_EDWARDS25519"), &json!("SIGN_VERIFY"))
    );
    let policy = properties["KeyPolicy"]["Statement"].as_array().unwrap();
    assert_eq!(policy.len(), 1);
    let account = policy[0]["Principal"]["AWS"].as_str().unwrap();
    assert!(account.ends_with("::${AWS::AccountId}:root"), "{account}");
}

#[test]
fn segments_are_written_by_two_workers_and_checkpoints_by_one() {
    let who = |resource: &str, action: &str| {
        let is = |statement: &Value| {
            let of = statement["Resource"].to_string().contains(resource);
            of && statement["Action"].to_string().contains(action)
        };
        let ids = functions().into_keys();
        let ids = ids.filter(|id| statements(id).iter().any(is));
        ids.collect::<Vec<_>>()
    };
    let workers = ["ErasureWorkerFunction", "SealWorkerFunction"];
    for action in ["s3:PutObject", "s3:DeleteObject"] {
        assert_eq!(who("Archive", action), workers, "{action}");
    }
    // An import opens and closes the log in its head.
    let [erasures, seals] = workers;
    let writers = [erasures, "ImportFunction", seals];
    assert_eq!(who("Archive", "dynamodb:UpdateItem"), writers);
    assert_eq!(who("CheckpointsBucket", "s3:"), ["SealWorkerFunction"]);
    let none: [&str; 0] = [];
    assert_eq!(who("CheckpointsBucket", "DeleteObject"), none);
    assert_eq!(who("ArchiveTable", "DeleteItem"), none);
}

#[test]
fn only_two_workers_may_update_an_activity_and_nobody_delete_one() {
    let may = |id: &str, changes: &[&str]| {
        statements(id).iter().any(|statement| {
            let text = statement.to_string();
            text.contains("ActivitiesTable") && changes.iter().any(|action| text.contains(action))
        })
    };
    let who = |changes: &[&str]| {
        let ids = functions().into_keys();
        ids.filter(|id| may(id, changes)).collect::<Vec<_>>()
    };
    // The sealer may only change when an item ends: see `limits_of`.
    let workers = ["ErasureWorkerFunction", "SealWorkerFunction"];
    assert_eq!(who(&["UpdateItem"]), workers);
    let none: [&str; 0] = [];
    assert_eq!(
        who(&["DeleteItem", "BatchWriteItem", "PartiQL", "TransactWrite"]),
        none
    );
    // IAM knows no condition on the existence of an item, so these could replace one;
    // `every_put_of_an_activity_requires_that_there_is_none` shows that they do not.
    assert_eq!(
        who(&["PutItem"]),
        [
            "ErasureFunction",
            "ErasureWorkerFunction",
            "ExportFunction",
            "ExportWorkerFunction",
            "ImportFunction",
            "RecordFunction",
            "SealWorkerFunction"
        ]
    );
}

#[test]
fn tables_are_kept_encrypted_and_can_be_restored() {
    let tables = of_type("AWS::DynamoDB::Table");
    assert_eq!(tables.len(), 4);
    for (id, table) in tables {
        assert_eq!(table["DeletionPolicy"], "Retain", "{id}");
        assert_eq!(table["UpdateReplacePolicy"], "Retain", "{id}");
        let properties = &table["Properties"];
        assert_eq!(properties["DeletionProtectionEnabled"], true, "{id}");
        let encryption = json!({
            "SSEEnabled": true,
            "SSEType": "KMS",
            "KMSMasterKeyId": ["HasKey", "KmsKeyArn", "AWS::NoValue"],
        });
        assert_eq!(properties["SSESpecification"], encryption, "{id}");
        let throughput = properties["OnDemandThroughput"].as_array().unwrap();
        assert_eq!(throughput[0], "HasMaxTableThroughput", "{id}");
        assert_eq!(throughput[2], "AWS::NoValue", "{id}");
        let recovery = &properties["PointInTimeRecoverySpecification"];
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{id}");
        // What says which segments there are never expires.
        let expiry = match id.as_str() {
            "ArchiveTable" => Value::Null,
            _ => json!({ "AttributeName": "expires_at", "Enabled": true }),
        };
        assert_eq!(properties["TimeToLiveSpecification"], expiry, "{id}");
    }
}

#[test]
fn the_buckets_are_closed_and_encrypted() {
    let buckets = of_type("AWS::S3::Bucket");
    let names: Vec<_> = buckets.keys().map(String::as_str).collect();
    let all = [
        "ArchiveBucket",
        "CheckpointsBucket",
        "ExportsBucket",
        "PageBucket",
    ];
    assert_eq!(names, all);
    for resource in buckets.values() {
        assert_eq!(resource["DeletionPolicy"], "Retain");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain");
        let bucket = &resource["Properties"];
        let block = bucket["PublicAccessBlockConfiguration"]
            .as_object()
            .unwrap();
        assert_eq!(block.len(), 4);
        assert!(block.values().all(|blocked| *blocked == true));
        let ownership = &bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"];
        assert_eq!(ownership, "BucketOwnerEnforced");
        let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"];
        assert_eq!(encryption.as_array().unwrap().len(), 1);
        assert!(bucket["WebsiteConfiguration"].is_null());
    }
    // The page's files are public, so they need no key of the customer's.
    let algorithm = |bucket: &str| {
        let encryption = &buckets[bucket]["Properties"]["BucketEncryption"];
        let rule = &encryption["ServerSideEncryptionConfiguration"][0];
        rule["ServerSideEncryptionByDefault"].clone()
    };
    assert_eq!(algorithm("PageBucket"), json!({ "SSEAlgorithm": "AES256" }));
    let with_key = json!({
        "SSEAlgorithm": ["HasKey", "aws:kms", "AES256"],
        "KMSMasterKeyID": ["HasKey", "KmsKeyArn", "AWS::NoValue"],
    });
    for bucket in ["ArchiveBucket", "CheckpointsBucket", "ExportsBucket"] {
        assert_eq!(algorithm(bucket), with_key, "{bucket}");
    }
}

#[test]
fn no_segment_is_deleted_by_a_rule_and_none_leaves_a_version_behind() {
    let buckets = of_type("AWS::S3::Bucket");
    for bucket in ["ArchiveBucket", "CheckpointsBucket"] {
        let rules = &buckets[bucket]["Properties"]["LifecycleConfiguration"]["Rules"];
        let abort = json!([{
            "Id": "AbortUnfinishedUploads",
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 1 },
        }]);
        assert_eq!(*rules, abort, "{bucket}");
    }
    let archive = &buckets["ArchiveBucket"]["Properties"];
    for kept in [
        "VersioningConfiguration",
        "ObjectLockEnabled",
        "ObjectLockConfiguration",
        "ReplicationConfiguration",
    ] {
        assert!(archive[kept].is_null(), "{kept} would keep what is erased");
    }
}

#[test]
fn checkpoints_are_locked_for_as_long_as_a_parameter_says() {
    let buckets = of_type("AWS::S3::Bucket");
    let checkpoints = &buckets["CheckpointsBucket"]["Properties"];
    assert_eq!(checkpoints["VersioningConfiguration"]["Status"], "Enabled");
    assert_eq!(checkpoints["ObjectLockEnabled"], true);
    let retention = json!({ "Mode": "COMPLIANCE", "Days": "CheckpointLockDays" });
    let rule = json!({ "DefaultRetention": retention });
    let rule = json!(["LocksCheckpoints", rule, "AWS::NoValue"]);
    let lock = json!({ "ObjectLockEnabled": "Enabled", "Rule": rule });
    assert_eq!(checkpoints["ObjectLockConfiguration"], lock);
    let template = template::parse().unwrap();
    assert_eq!(template["Parameters"]["CheckpointLockDays"]["Default"], 0);
}

#[test]
fn a_log_is_sealed_when_no_signed_request_can_arrive_any_more() {
    let template = template::parse().unwrap();
    let margin = &template["Parameters"]["SealMarginSeconds"];
    let valid_for = 15 * 60;
    assert!(margin["MinValue"].as_u64().unwrap() >= valid_for);
    assert!(margin["Default"].as_u64().unwrap() > valid_for);
}

#[test]
fn the_bucket_of_exports_forgets() {
    let buckets = of_type("AWS::S3::Bucket");
    let bucket = &buckets["ExportsBucket"]["Properties"];
    let rules = bucket["LifecycleConfiguration"]["Rules"]
        .as_array()
        .unwrap();
    assert!(rules.iter().all(|rule| rule["Status"] == "Enabled"));
    assert!(rules.iter().any(|rule| rule["ExpirationInDays"] == 7));
    let abort = |rule: &Value| rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1;
    assert!(rules.iter().any(abort));
}

#[test]
fn the_buckets_policies_refuse_what_is_not_tls_and_let_the_page_alone_be_read() {
    let policies = of_type("AWS::S3::BucketPolicy");
    let statements = |policy: &str, bucket: &str| {
        let policy = &policies[policy]["Properties"];
        assert_eq!(policy["Bucket"], bucket);
        let statements = policy["PolicyDocument"]["Statement"].as_array();
        statements.unwrap().clone()
    };
    let exports = statements("ExportsBucketPolicy", "ExportsBucket");
    let page = statements("PageBucketPolicy", "PageBucket");
    let archive = statements("ArchiveBucketPolicy", "ArchiveBucket");
    let checkpoints = statements("CheckpointsBucketPolicy", "CheckpointsBucket");
    assert_eq!((policies.len(), page.len()), (4, 2));
    let others = [&exports, &archive, &checkpoints];
    assert!(others.iter().all(|statements| statements.len() == 1));
    for statement in [&exports[0], &archive[0], &checkpoints[0], &page[0]] {
        assert_eq!(
            (
                &statement["Effect"],
                &statement["Principal"],
                &statement["Action"]
            ),
            (&json!("Deny"), &json!("*"), &json!("s3:*"))
        );
        let insecure = json!({ "Bool": { "aws:SecureTransport": "false" } });
        assert_eq!(statement["Condition"], insecure);
        assert_eq!(statement["Resource"].as_array().unwrap().len(), 2);
    }
    let read = &page[1];
    assert_eq!(read["Action"], "s3:GetObject");
    assert_eq!(read["Resource"], "${PageBucket.Arn}/*");
    assert_eq!(
        read["Principal"],
        json!({ "Service": "cloudfront.amazonaws.com" })
    );
    let source = &read["Condition"]["StringEquals"]["AWS:SourceArn"];
    assert!(
        source
            .as_str()
            .unwrap()
            .ends_with(":distribution/${PageDistribution}")
    );
}

#[test]
fn the_page_is_deployed_only_when_asked_for() {
    let resources = resources();
    let page = resources.iter().filter(|(id, _)| id.starts_with("Page"));
    let conditions: Vec<_> = page.map(|(_, resource)| &resource["Condition"]).collect();
    assert_eq!(conditions, vec!["HasPage"; 7]);
}

#[test]
fn the_page_has_the_policy_that_its_tests_run_under() {
    let policies = of_type("AWS::CloudFront::ResponseHeadersPolicy");
    let policy = |id: &str| {
        let config = &policies[id]["Properties"]["ResponseHeadersPolicyConfig"];
        let policy = &config["SecurityHeadersConfig"]["ContentSecurityPolicy"];
        let policy = policy["ContentSecurityPolicy"].as_str().unwrap();
        policy.replace(" ${PageSignInOrigins}", "")
    };
    let local = local::page::content_security_policy("${FrameAncestors}");
    assert_eq!(policy("PageHeaders"), local);
    assert_eq!(policy("PageRenewalHeaders"), local::page::RENEWAL_POLICY);
}

#[test]
fn a_page_that_could_not_sign_in_is_refused_and_no_frame_is_allowed_by_default() {
    let template = template::parse().unwrap();
    // Tags are removed, so `!Not [!Equals [!Ref A, B]]` is `[["A", "B"]]`.
    let given = |name: &str| json!([[name, ""]]);
    let rule = &template["Rules"]["PageHasSignInOrigins"];
    assert_eq!(rule["RuleCondition"], given("PageClientId"));
    let assertion = &rule["Assertions"][0];
    assert_eq!(assertion["Assert"], given("PageSignInOrigins"));
    let reason = assertion["AssertDescription"].as_str().unwrap();
    assert!(reason.starts_with("PageClientId needs PageSignInOrigins"));
    let rule = &template["Rules"]["FramedPageIsDeployed"];
    assert_eq!(rule["Assertions"][0]["Assert"], given("PageClientId"));
    let ancestors = &template["Parameters"]["FrameAncestors"];
    assert_eq!(ancestors["Default"], "'none'");
}

#[test]
fn the_page_passes_the_api_on_uncached_and_all_over_tls() {
    let distributions = of_type("AWS::CloudFront::Distribution");
    let config = &distributions["PageDistribution"]["Properties"]["DistributionConfig"];
    let others = config["CacheBehaviors"].as_array().unwrap();
    for behavior in others.iter().chain([&config["DefaultCacheBehavior"]]) {
        let protocol = behavior["ViewerProtocolPolicy"].as_str().unwrap();
        assert!(["https-only", "redirect-to-https"].contains(&protocol));
        let is_api = behavior["PathPattern"] == "/v1/*";
        let is_uncached = behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
        assert_eq!(
            (is_api, behavior["TargetOriginId"] == "api"),
            (is_uncached, is_api)
        );
    }
    let api = &config["Origins"][1];
    assert_eq!(
        api["CustomOriginConfig"]["OriginProtocolPolicy"],
        "https-only"
    );
    // An error of the API must reach whoever called it as it is.
    assert!(config["CustomErrorResponses"].is_null());
}

#[test]
fn logs_are_kept_for_a_settled_time_and_hold_no_path() {
    let groups = of_type("AWS::Logs::LogGroup");
    for (id, group) in &groups {
        let tells_who_read = [
            "ListLogGroup",
            "AuditrecordsLogGroup",
            "ExportLogGroup",
            "ErasureLogGroup",
        ]
        .contains(&id.as_str());
        let retention = if tells_who_read {
            "ReadLogRetentionDays"
        } else {
            "LogRetentionDays"
        };
        assert_eq!(group["Properties"]["RetentionInDays"], retention, "{id}");
        // They outlive the stack, but not a creation that fails and is tried again.
        assert_eq!(group["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
        assert_eq!(group["UpdateReplacePolicy"], "Retain", "{id}");
        let key = json!(["HasKey", "KmsKeyArn", "AWS::NoValue"]);
        assert_eq!(group["Properties"]["KmsKeyId"], key, "{id}");
    }
    for (id, function) in functions() {
        let group = function["Properties"]["LoggingConfig"]["LogGroup"]
            .as_str()
            .unwrap();
        assert!(groups.contains_key(group), "{id}");
    }
    assert_eq!(groups.len(), functions().len() + 1);
    let api = &of_type("AWS::Serverless::HttpApi")["HttpApi"]["Properties"];
    let format = api["AccessLogSettings"]["Format"].as_str().unwrap();
    let fields: BTreeSet<_> = format
        .split("$context.")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let known = [
        "identity.sourceIp",
        "integrationLatency",
        "integrationStatus",
        "requestId",
        "requestTime",
        "responseLatency",
        "responseLength",
        "routeKey",
        "status",
    ];
    assert_eq!(fields, known.into());
}

#[test]
fn a_workers_failure_is_kept_and_its_number_can_be_bounded() {
    let queues = of_type("AWS::SQS::Queue");
    let queue = &queues["WorkerFailures"]["Properties"];
    assert_eq!(
        queue["SqsManagedSseEnabled"],
        json!(["HasKey", false, true])
    );
    let key = json!(["HasKey", "KmsKeyArn", "AWS::NoValue"]);
    assert_eq!(queue["KmsMasterKeyId"], key);
    let policies = of_type("AWS::SQS::QueuePolicy");
    let policy = &policies["WorkerFailuresPolicy"]["Properties"];
    assert_eq!(policy["Queues"], json!(["WorkerFailures"]));
    let tls_only = json!([{
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": "WorkerFailures.Arn",
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    }]);
    assert_eq!(policy["PolicyDocument"]["Statement"], tls_only);
    assert_eq!(queue["MessageRetentionPeriod"], 14 * 24 * 60 * 60);
    for (id, worker) in workers() {
        let properties = &worker["Properties"];
        let invoked = &properties["EventInvokeConfig"];
        assert_eq!(invoked["MaximumRetryAttempts"], 2, "{id}");
        let send = statements(&id)
            .into_iter()
            .find(|statement| statement["Action"] == "sqs:SendMessage");
        assert_eq!(send.unwrap()["Resource"], "WorkerFailures.Arn", "{id}");
        let destination = json!({ "Type": "SQS", "Destination": "WorkerFailures.Arn" });
        assert_eq!(
            invoked["DestinationConfig"]["OnFailure"], destination,
            "{id}"
        );
        let is_bounded = !properties["ReservedConcurrentExecutions"].is_null();
        let calls_itself = properties["RecursiveLoop"] == "Allow";
        let expected = (does_tasks(&id), does_tasks(&id));
        assert_eq!((is_bounded, calls_itself), expected, "{id}");
    }
}

#[test]
fn the_stream_is_deployed_only_when_asked_for_and_loses_nothing_unseen() {
    for (id, resource) in resources() {
        let text = resource.to_string();
        let is_of_stream = [
            "StreamFunction",
            "StreamRole",
            "EventBus",
            "StreamFailures",
            "NotSentRule",
        ]
        .iter()
        .any(|name| id == *name || text.contains(&format!("\"{name}")));
        // What stands for all functions has its own conditions.
        let is_for_all = ["UseKey", "SendTraces"].contains(&id.as_str());
        if is_of_stream && !is_for_all {
            assert_eq!(resource["Condition"], "HasStream", "{id}");
        }
    }
    let table = &of_type("AWS::DynamoDB::Table")["ActivitiesTable"]["Properties"];
    let stream = json!(["HasStream", { "StreamViewType": "KEYS_ONLY" }, "AWS::NoValue"]);
    assert_eq!(table["StreamSpecification"], stream);
    let source = &of_type("AWS::Lambda::EventSourceMapping")["StreamSource"]["Properties"];
    let responses = json!(["ReportBatchItemFailures"]);
    assert_eq!(source["FunctionResponseTypes"], responses);
    assert_eq!(source["BisectBatchOnFunctionError"], true);
    // Without a number of attempts it goes on until the stream is about to forget.
    assert!(source["MaximumRetryAttempts"].is_null());
    assert_eq!(source["MaximumRecordAgeInSeconds"], 23 * 60 * 60);
    let destination = &source["DestinationConfig"]["OnFailure"]["Destination"];
    assert_eq!(*destination, "StreamFailures.Arn");
    let batch = source["BatchSize"].as_u64().unwrap();
    assert!(batch <= shared::ActivityStore::STREAMED_MAX as u64);
    let rule = &of_type("AWS::Events::Rule")["NotSentRule"]["Properties"];
    assert_eq!(rule["EventPattern"]["detail-type"], json!(["Not Sent"]));
    assert_eq!(rule["Targets"][0]["Arn"], "StreamFailures.Arn");
}

#[test]
fn functions_end_before_the_gateway_gives_up() {
    for (id, function) in functions() {
        let timeout = function["Properties"]["Timeout"].as_u64().unwrap();
        let most = match id.as_str() {
            "SweeperFunction" => 299,
            // Nobody waits for it.
            "StreamFunction" => 60,
            _ if workers().contains_key(&id) => 900,
            _ => 29,
        };
        // The SDK's time for one operation, and time to answer.
        assert!((10..=most).contains(&timeout), "{id}: {timeout}");
    }
}

#[test]
fn each_table_has_an_alarm_for_throttled_reads_and_one_for_throttled_writes() {
    let alarms = of_type("AWS::CloudWatch::Alarm");
    for table in of_type("AWS::DynamoDB::Table").keys() {
        for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] {
            let of_table = alarms.values().filter(|alarm| {
                let properties = &alarm["Properties"];
                let dimensions = properties["Dimensions"].to_string();
                properties["MetricName"] == metric && dimensions.contains(table)
            });
            assert_eq!(of_table.count(), 1, "{table}: {metric}");
        }
    }
}

#[test]
fn own_domains_speak_tls_1_2_and_let_the_old_name_of_the_api_be_closed() {
    let domains = of_type("AWS::ApiGatewayV2::DomainName");
    let domain = &domains["ApiDomain"];
    assert_eq!(domain["Condition"], "HasApiDomain");
    let configurations = &domain["Properties"]["DomainNameConfigurations"];
    assert_eq!(configurations.as_array().unwrap().len(), 1);
    assert_eq!(configurations[0]["SecurityPolicy"], "TLS_1_2");
    let mappings = of_type("AWS::ApiGatewayV2::ApiMapping");
    let mapping = &mappings["ApiDomainMapping"]["Properties"];
    assert_eq!(
        (&mapping["ApiId"], &mapping["DomainName"]),
        (&json!("HttpApi"), &json!("ApiDomain"))
    );
    let api = &of_type("AWS::Serverless::HttpApi")["HttpApi"]["Properties"];
    let closed = json!(["ClosesExecuteApi", true, false]);
    assert_eq!(api["DisableExecuteApiEndpoint"], closed);
    let distributions = of_type("AWS::CloudFront::Distribution");
    let page = &distributions["PageDistribution"]["Properties"]["DistributionConfig"];
    let certificate = &page["ViewerCertificate"];
    assert_eq!(certificate[0], "HasPageDomain");
    assert_eq!(certificate[1]["MinimumProtocolVersion"], "TLSv1.2_2021");
    // The page's origin is the name that stays open.
    assert_eq!(page["Origins"][1]["DomainName"][0], "HasApiDomain");
    assert_eq!(page["Origins"][1]["DomainName"][1], "ApiDomainName");
}

#[test]
fn what_costs_is_off_unless_a_parameter_asks_for_it() {
    let template = template::parse().unwrap();
    for (parameter, off) in [
        ("KmsKeyArn", json!("")),
        ("ApiDomainName", json!("")),
        ("CloseExecuteApi", json!("false")),
        ("PageDomainName", json!("")),
        ("MaxTableReadUnits", json!(0)),
        ("MaxTableWriteUnits", json!(0)),
        ("Tracing", json!("false")),
        ("SecondSigningKeyArn", json!("")),
        ("StreamFormat", json!("")),
    ] {
        assert_eq!(
            template["Parameters"][parameter]["Default"], off,
            "{parameter}"
        );
    }
}

#[test]
fn each_parameter_and_alarm_is_in_a_table_of_the_operations() {
    let template = template::parse().unwrap();
    let page = crate::guards::read("docs/operations.md");
    let rows: String = page.lines().filter(|line| line.starts_with("| ")).collect();
    let parameters = template["Parameters"].as_object().unwrap().keys().cloned();
    let alarms = of_type("AWS::CloudWatch::Alarm").into_keys();
    for name in parameters.chain(alarms) {
        assert!(rows.contains(&format!("`{name}`")), "no row has {name}");
    }
}
