//! Records, lists, exports and downloads with the Rust client that openapi-generator makes.

use std::{env, time::Duration};

use partner_log::{
    apis::{
        Error, activities_api as activities, configuration::Configuration, exports_api as exports,
    },
    models::{
        Actor, ActorKind, Customer, ExportFormat, ExportState, GroupField, NewActivities,
        NewActivity, NewBatchActivity, NewExport, Outcome,
    },
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(60);

struct Walk {
    service: Configuration,
    customer: Customer,
    actor: Actor,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut service = Configuration::new();
    service.client = reqwest::Client::builder().no_proxy().build().unwrap();
    service.base_path = env::var("BASE").unwrap();
    service.bearer_access_token = env::var("TOKEN").ok();
    let walk = Walk {
        service,
        customer: Customer::new(format!("c-{}", Uuid::new_v4()), "Relecloud".to_owned()),
        actor: Actor::new(
            "u-17".to_owned(),
            "admin@contoso.example".to_owned(),
            ActorKind::User,
        ),
    };
    walk.record().await;
    walk.record_batch().await;
    walk.list_pages().await;
    walk.export().await;
    walk.read_errors().await;
}

impl Walk {
    async fn record(&self) {
        let now = chrono::Utc::now().fixed_offset();
        let mut activity = NewActivity::new(
            "create_order".to_owned(),
            Outcome::Succeeded,
            self.customer.clone(),
            self.actor.clone(),
        );
        activity.occurred_at = Some(now);
        let key = format!("order-{}", Uuid::new_v4());
        let send = || activities::record_activity(&self.service, activity.clone(), Some(&key));
        let first = send().await.unwrap();
        assert_eq!(first.occurred_at.timestamp_millis(), now.timestamp_millis());
        assert_eq!(first, send().await.unwrap());
        let id = first.id.to_string();
        let read = activities::get_activity(&self.service, &id).await.unwrap();
        assert!(!read.has_details && read.customer.as_deref() == Some(&self.customer));
    }

    async fn record_batch(&self) {
        let [good, other, bad] = ["cancel_order", "add_user", "Not an action"].map(|action| {
            let (customer, actor) = (self.customer.clone(), self.actor.clone());
            NewBatchActivity::new(action.to_owned(), Outcome::Failed, customer, actor)
        });
        let batch = NewActivities::new(vec![good, other, bad]);
        let answer = activities::record_activities(&self.service, batch)
            .await
            .unwrap();
        let statuses: Vec<_> = answer.results.iter().map(|result| result.status).collect();
        assert_eq!(statuses, [201, 201, 400]);
        let problem = answer.results[2].problem.as_ref().unwrap();
        assert_eq!(problem.errors.as_ref().unwrap()[0].field, "action");
    }

    async fn list_pages(&self) {
        let first = self.page(None).await;
        let second = self.page(first.next_cursor.as_deref()).await;
        assert_eq!((first.items.len(), second.items.len()), (2, 1));
        assert_eq!(second.next_cursor, None);
        let groups = vec![GroupField::Action, GroupField::Outcome];
        let id = Some(self.customer.id.as_str());
        let counted = activities::summarise_activities(
            &self.service,
            groups,
            None,
            None,
            None,
            id,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
        );
        let counts: i64 = counted
            .await
            .unwrap()
            .groups
            .iter()
            .map(|group| group.count)
            .sum();
        assert_eq!(counts, 3);
    }

    async fn page(&self, cursor: Option<&str>) -> partner_log::models::ActivityPage {
        let id = Some(self.customer.id.as_str());
        activities::list_activities(
            &self.service,
            None,
            None,
            None,
            id,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            Some(2),
            cursor,
        )
        .await
        .unwrap()
    }

    async fn export(&self) {
        let wanted = NewExport {
            format: Some(ExportFormat::Jsonl),
            customer_id: Some(self.customer.id.clone()),
            ..NewExport::new()
        };
        let key = format!("report-{}", Uuid::new_v4());
        let created = exports::create_export(&self.service, wanted, Some(&key), None);
        let mut found = created.await.unwrap();
        let id = found.id.to_string();
        let ready = async {
            while matches!(found.state, ExportState::Queued | ExportState::Running) {
                tokio::time::sleep(Duration::from_millis(200)).await;
                found = exports::get_export(&self.service, &id).await.unwrap();
            }
            found
        };
        let found = tokio::time::timeout(PATIENCE, ready).await.unwrap();
        let (file, link) = (found.file.unwrap(), found.download.unwrap());
        let answer = self.service.client.get(link.url).send().await.unwrap();
        let bytes = answer.error_for_status().unwrap().bytes().await.unwrap();
        let digest = Sha256::digest(&bytes);
        let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((bytes.len() as i64, sha256), (file.bytes, file.sha256));
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!((lines, file.rows), (3, 3));
        exports::delete_export(&self.service, &id).await.unwrap();
        let gone = exports::get_export(&self.service, &id).await.unwrap();
        assert_eq!(gone.state, ExportState::Expired);
    }

    async fn read_errors(&self) {
        let unknown = Uuid::nil().to_string();
        match exports::get_export(&self.service, &unknown).await {
            // The client names the entity after the first status that fits, whatever the status was.
            Err(Error::ResponseError(error)) => {
                assert_eq!(error.status, 404);
                let Some(exports::GetExportError::Status400(problem)) = error.entity else {
                    panic!("{}", error.content);
                };
                assert_eq!(problem.code.as_deref(), Some("not_found"));
            }
            other => panic!("{other:?}"),
        }
    }
}
