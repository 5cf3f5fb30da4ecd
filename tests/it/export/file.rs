//! What a file holds, in each format.

use super::*;

#[tokio::test]
async fn a_raw_file_equals_the_list() {
    let app = TestApp::start().await;
    for (place, name) in [
        "Relecloud",
        "=1+1",
        "a \"b\", c",
        "한국\r\n전자",
        "'quoted'",
        "",
    ]
    .iter()
    .enumerate()
    {
        let mut sent = with("occurred_at", ago(100 + i64::try_from(place).unwrap()));
        *at(&mut sent, "customer.name") = if name.is_empty() {
            "-".into()
        } else {
            (*name).into()
        };
        sent["details"] = json!({ "note": name, "n": place });
        app.record(&sent).await;
    }
    let listed = app.list_all("").await;
    let rows = app.rows(&json!({ "style": "raw" })).await;
    assert_eq!(rows.len(), 6);
    for (row, item) in rows.iter().zip(&listed) {
        let one = app
            .read(&format!("/v1/activities/{}", item["id"].as_str().unwrap()))
            .await
            .json();
        let text = |pointer| {
            one.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let wanted = [
            "/occurred_at",
            "/customer/name",
            "/action",
            "/actor/name",
            "/customer/id",
            "/actor/id",
            "/actor/kind",
            "/outcome",
            "/resource/type",
            "/resource/id",
            "/id",
            "/recorded_at",
            "/correlation_id",
        ]
        .map(text);
        assert_eq!(row.iter().take(13).collect::<Vec<_>>(), wanted);
        assert_eq!(
            serde_json::from_str::<Value>(&row[13]).unwrap(),
            one["details"]
        );
    }
}

#[tokio::test]
async fn a_spreadsheet_file_is_made_for_people() {
    let app = TestApp::start().await;
    let now = jiff::Timestamp::from(app.now())
        .in_tz("Asia/Seoul")
        .unwrap();
    let midnight = now.yesterday().unwrap().start_of_day().unwrap();
    let day = midnight.date().to_string();
    let mut sent = with("occurred_at", midnight.timestamp().to_string());
    *at(&mut sent, "customer.name") = "=SUM(A1)".into();
    *at(&mut sent, "actor.name") = "'Ann".into();
    app.record(&sent).await;
    let asked = json!({ "from": day, "to": day, "time_zone": "Asia/Seoul" });
    let export = app.export(&asked).await;
    let file = String::from_utf8(app.file(&export).await).unwrap();
    let [header, row, ""] = file.split("\r\n").collect::<Vec<_>>()[..] else {
        panic!("not a header and a row: {file}");
    };
    let columns =
        "\u{feff}\"Date-Time (Asia/Seoul)\",\"Affected customer\",\"Action\",\"Partner user\",";
    assert!(header.starts_with(columns), "{header}");
    assert!(header.contains("Recorded at (UTC)"), "{header}");
    let cells =
        r#"00:00:00","'=SUM(A1)","create_order","''Ann","c-1","u-17","user","succeeded","""#;
    assert!(row.starts_with(&format!("\"{day} {cells}")), "{row}");
    let name = format!("activity-log_contoso_{day}_{day}.csv");
    assert_eq!(export["file"]["name"], name);
}

#[tokio::test]
async fn a_spreadsheet_file_speaks_korean_and_a_raw_one_does_not() {
    let app = TestApp::start().await;
    let header = async |style: &str| {
        let asked = json!({ "style": style, "locale": "ko", "time_zone": "Asia/Seoul" });
        let file = app.file(&app.export(&asked).await).await;
        String::from_utf8(file)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(
        header("spreadsheet")
            .await
            .starts_with("\u{feff}\"날짜-시간 (Asia/Seoul)\",\"영향을 받은 고객\",")
    );
    assert!(
        header("raw")
            .await
            .starts_with("Date-Time (UTC),Affected customer,")
    );
}

#[tokio::test]
async fn an_export_of_an_empty_range_is_a_header() {
    let app = TestApp::start().await;
    let moment = "2026-11-20T00:00:00Z";
    let export = app
        .export(&json!({ "from": moment, "to": moment, "style": "raw" }))
        .await;
    assert_eq!(export["file"]["rows"], 0);
    assert_eq!(
        app.file(&export).await.split(|byte| *byte == b'\n').count(),
        2
    );
}

#[tokio::test]
async fn an_export_holds_what_was_stored_by_its_moment() {
    let app = TestApp::start().await;
    app.record(&activity()).await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let export = app.post_export(&json!({})).await.json();
    app.advance(seconds(1));
    app.record(&with("occurred_at", ago(600))).await;
    app.advance(seconds(60));
    app.read_export(&export).await;
    assert_eq!(app.ended(&export).await["file"]["rows"], 1);
}

#[tokio::test]
async fn a_large_export_comes_in_parts() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 30_000, app.now()).unwrap();
    let asked = json!({ "from": "2000-01-01", "to": "2999-12-31", "style": "raw" });
    let request = app.post("/v1/exports", &asked).header("prefer", "wait=20");
    let export = request.token(&app.reader()).send().await.json();
    let export = app.ended(&export).await;
    assert_eq!(export["file"]["rows"], 30_000);
    let file = app.file(&export).await;
    assert!(
        file.len() > 3 * 8 * 1024 * 1024,
        "{} bytes are too few parts",
        file.len()
    );
    let rows = csv::Reader::from_reader(file.as_slice()).into_records();
    let keys: Vec<_> = rows
        .map(|row| {
            let row = row.unwrap();
            (row[0].to_owned(), row[10].to_owned())
        })
        .collect();
    assert_eq!(keys.len(), 30_000);
    assert!(
        keys.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first, each once"
    );
}
