//! Files of exports.

use export_worker::App;
use serde_json::{Value, json};
use shared::{
    Actor, Export, ExportRequest,
    model::export::{ExportId, ExportKey, WorkerEvent},
};

use super::*;

impl SealedLog {
    /// Writes the file of an export of the whole log; answers its bytes.
    async fn file(&self, log: Log, request: &Value, now: Moment) -> Vec<u8> {
        let sdk = self.app.stack.sdk.clone();
        let clock = shared::Clock::from_fn(move || now);
        let mut app = App::new(&sdk, self.app.stack.config.clone(), clock);
        app.log = log;
        let actor = json!({ "id": "u-1", "name": "Ann", "kind": "user" });
        let actor: Actor = serde_json::from_value(actor).unwrap();
        let request = ExportRequest::read(request.to_string().as_bytes()).unwrap();
        let range = request.filter.range(now).unwrap();
        let key = ExportKey {
            partner_id: self.partner.clone(),
            id: ExportId::random(now),
        };
        let export = Export::new(request, range, false, actor, now);
        app.exports.create(&key, export).await.unwrap();
        let deadline = now.plus(Duration::from_mins(10));
        let event = WorkerEvent::from(&key);
        export_worker::handle(&app, &event, deadline).await.unwrap();
        let bucket = &self.app.stack.config.exports_bucket;
        let get = S3::new(&sdk).get_object().bucket(bucket).key(key.object());
        let file = get.send().await.unwrap().body.collect().await.unwrap();
        file.to_vec()
    }
}

#[tokio::test]
async fn whatever_is_sealed_a_file_has_the_bytes_of_the_tables() {
    for seed in 0..2 {
        let mut log = SealedLog::start(seed, 300).await;
        let now = log.app.now();
        let customer = log
            .activities
            .iter()
            .find_map(|it| it.activity.content.customer.clone());
        // The trail of the first files lies behind it.
        let to = now.minus(Duration::from_mins(1)).to_string();
        let everything = json!({ "from": "2000-01-01", "to": to });
        let requests = [
            json!({ "style": "raw" }),
            json!({ "style": "spreadsheet", "order": "asc", "time_zone": "America/New_York" }),
            json!({ "format": "jsonl", "compression": "gzip", "customer": "a" }),
            json!({ "format": "jsonl", "order": "asc", "customer_id": customer.unwrap().id }),
            json!({ "format": "xlsx", "action": ["create_order", "update_order"] }),
        ]
        .map(|mut request| {
            let all = everything.as_object().unwrap().clone();
            request.as_object_mut().unwrap().extend(all);
            request
        });
        let mut files = Vec::new();
        for request in &requests {
            files.push(log.file(log.log(None), request, now).await);
        }
        let old = log.sealable();
        let count = if seed == 0 {
            old
        } else {
            log.random.usize(1..old)
        };
        let archive = log.seal(count).await;
        for (request, expected) in requests.iter().zip(files) {
            let sealed = log.log(Some(archive.clone()));
            let file = log.file(sealed, request, now).await;
            assert!(expected.len() > 1_000, "{request}");
            assert!(file == expected, "seed {seed}, {request}");
        }
    }
}
