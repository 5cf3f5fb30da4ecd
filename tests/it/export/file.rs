//! What a file holds, in each format.

use calamine::{DataType, Reader};
use shared::model::zone::Zone;

use super::{readers::unpack_only_member, *};

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
        assert_eq!(row.len(), 15);
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
    let yesterday = app.now().minus(Duration::from_hours(24));
    let day = Zone::try_from("Asia/Seoul".to_owned())
        .unwrap()
        .date_of(yesterday);
    let mut sent = with("occurred_at", format!("{day}T00:00:00+09:00"));
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
    let header = async |field: &str, value: &str| {
        let asked = json!({ field: value, "time_zone": "Asia/Seoul" });
        let file = app.file(&app.export(&asked).await).await;
        String::from_utf8(file)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(
        header("locale", "ko")
            .await
            .starts_with("\u{feff}\"날짜-시간 (Asia/Seoul)\",\"영향을 받은 고객\",")
    );
    assert!(
        header("style", "raw")
            .await
            .starts_with("Date-Time (UTC),Affected customer,")
    );
}

#[tokio::test]
async fn times_that_clocks_show_twice_are_told_apart() {
    let app = TestApp::start_at("2026-11-02T12:00:00Z").await;
    for at in ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"] {
        app.record(&with("occurred_at", at)).await;
    }
    let mut asked = json!({
        "from": "2026-11-01", "to": "2026-11-01", "time_zone": "America/New_York", "order": "asc",
    });
    let export = app.export(&asked).await;
    let file = std::fs::read(app.stored_file("contoso", &export)).unwrap();
    let rows = csv::Reader::from_reader(file.as_slice()).into_records();
    let rows = rows.map(|row| {
        let row = row.unwrap();
        [0, 15, 16].map(|column| row[column].to_owned())
    });
    let local = "2026-11-01 01:30:00";
    let wanted = [
        [local, "UTC-04:00", "2026-11-01 05:30:00"],
        [local, "UTC-05:00", "2026-11-01 06:30:00"],
    ];
    assert_eq!(rows.collect::<Vec<_>>(), wanted);

    asked["format"] = "xlsx".into();
    let export = app.export(&asked).await;
    let file = app.stored_file("contoso", &export);
    let mut workbook: calamine::Xlsx<_> = calamine::open_workbook(file).unwrap();
    let sheet = workbook.worksheet_range_at(0).unwrap().unwrap();
    let times = |row: &[calamine::Data]| {
        let time = |column: usize| row[column].as_datetime().unwrap().to_string();
        [time(0), row[15].get_string().unwrap().to_owned(), time(16)]
    };
    assert_eq!(sheet.rows().skip(1).map(times).collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn a_file_says_when_a_customer_was_erased() {
    let app = TestApp::start().await;
    let recorded = app.record(&activity()).await;
    app.erase_customer("c-1").await;
    let path = format!("/v1/activities/{}", recorded["id"].as_str().unwrap());
    let erased_at = app.read(&path).await.json()["erased_at"].clone();
    let erased_at = erased_at.as_str().unwrap();
    let asked = json!({ "action": "create_order", "style": "raw" });
    assert_eq!(app.rows(&asked).await[0][14], *erased_at);
    let shown = erased_at.replace('T', " ");
    let asked = json!({ "action": "create_order", "locale": "ko" });
    assert_eq!(app.rows(&asked).await[0][14], shown[..19]);
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
    let export = app.export(&asked).await;
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

impl TestApp {
    /// The lines of a JSON Lines file.
    async fn lines(&self, body: &Value) -> Vec<Value> {
        let file = self.file(&self.export(body).await).await;
        let lines = file
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// The same activities as the list gives them, each read with its details.
    async fn listed_whole(&self, query: &str) -> Vec<Value> {
        let mut whole = Vec::new();
        for item in self.list_all(query).await {
            let path = format!("/v1/activities/{}", item["id"].as_str().unwrap());
            let mut one = self.read(&path).await.json();
            let fields = one.as_object_mut().unwrap();
            fields.remove("links");
            fields.remove("has_details");
            whole.push(one);
        }
        whole
    }
}

#[tokio::test]
async fn a_json_lines_file_holds_whole_activities() {
    let app = TestApp::start().await;
    for place in 0..5 {
        let mut sent = with("occurred_at", ago(100 + place));
        *at(&mut sent, "customer.name") = "한국 \"전자\"\n=1".into();
        sent["details"] = json!({ "n": place, "text": "a\u{2028}b\n" });
        app.record(&sent).await;
    }
    let listed = app.listed_whole("").await;
    assert_eq!(app.lines(&json!({ "format": "jsonl" })).await, listed);
    let export = app.export(&json!({ "format": "jsonl" })).await;
    let name = export["file"]["name"].as_str().unwrap();
    assert_eq!(name.rsplit('.').next(), Some("jsonl"));
    let url = export["download"]["url"].as_str().unwrap();
    assert_eq!(
        app.download(url).await.1["content-type"],
        "application/jsonl; charset=utf-8"
    );
}

#[tokio::test]
async fn a_gzip_file_unpacks_to_the_plain_one() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 4_000, app.now()).unwrap();
    for (asked, end) in [
        (json!({ "style": "raw" }), ".csv.gz"),
        (json!({ "format": "jsonl" }), ".jsonl.gz"),
        // No rows at all are a file too.
        (
            json!({ "format": "jsonl", "action": "absent" }),
            ".jsonl.gz",
        ),
    ] {
        let mut asked = asked;
        let moment = ago(60);
        asked["from"] = "2000-01-01".into();
        asked["to"] = moment.into();
        let plain = app.file(&app.export(&asked).await).await;
        asked["compression"] = "gzip".into();
        let export = app.export(&asked).await;
        assert!(export["file"]["name"].as_str().unwrap().ends_with(end));
        let packed = app.file(&export).await;
        assert!(unpack_only_member(&packed) == plain, "{asked}");
        assert_eq!(export["file"]["bytes"], packed.len());
    }
}

#[tokio::test]
async fn a_workbook_has_dates_and_texts_under_a_header() {
    let app = TestApp::start().await;
    let mut sent = with("occurred_at", "2026-07-01T15:00:00.250Z");
    *at(&mut sent, "customer.name") = "=1+1".into();
    *at(&mut sent, "customer.id") = "007".into();
    sent["details"] = json!({ "blob": "x".repeat(40_000) });
    app.record(&sent).await;
    let asked = json!({
        "from": "2026-07-02", "to": "2026-07-02", "time_zone": "Asia/Seoul",
        "format": "xlsx", "locale": "ko",
    });
    let export = app.export(&asked).await;
    assert_eq!(export["file"]["truncated_cells"], 1);
    let name = export["file"]["name"].as_str().unwrap();
    assert_eq!(name.rsplit('.').next(), Some("xlsx"));
    let file = std::io::Cursor::new(app.file(&export).await);
    let mut workbook: calamine::Xlsx<_> = calamine::open_workbook_from_rs(file).unwrap();
    let sheet = workbook.worksheet_range_at(0).unwrap().unwrap();
    assert_eq!(sheet.get_size(), (2, 17));
    let text = |row, column| sheet[(row, column)].get_string().unwrap_or_default();
    assert_eq!(text(0, 0), "날짜-시간 (Asia/Seoul)");
    let time = sheet[(1, 0)].as_datetime().unwrap();
    assert_eq!(time.to_string(), "2026-07-02 00:00:00.250");
    assert_eq!((text(1, 1), text(1, 4)), ("=1+1", "007"));
    assert!(text(1, 13).contains("[cut: "));
}

#[tokio::test]
async fn labels_of_actions_are_a_column_beside_their_names_and_no_formula() {
    let app = TestApp::start().await;
    app.record(&with("action", "create_order")).await;
    app.record(&with("action", "rotate_key")).await;
    app.record(&with("action", "delete_user")).await;
    let labels = json!({ "create_order": "주문, \"만들기\"", "rotate_key": "=1+1" });
    let asked = |format: &str| json!({ "format": format, "locale": "ko", "action_labels": labels });
    let export = app.export(&asked("csv")).await;
    let csv = String::from_utf8(app.file(&export).await).unwrap();
    assert!(
        csv.contains(r#""작업","작업 이름","파트너 사용자""#),
        "{csv}"
    );
    assert!(csv.contains(r#","create_order","주문, ""만들기""","#));
    assert!(csv.contains(r#","rotate_key","'=1+1","#));
    assert!(csv.contains(r#","delete_user","delete_user","#));
    assert!(export["action_labels"].is_null());

    let file = app.file(&app.export(&asked("xlsx")).await).await;
    let mut workbook: calamine::Xlsx<_> =
        calamine::open_workbook_from_rs(std::io::Cursor::new(file)).unwrap();
    let sheet = workbook.worksheet_range_at(0).unwrap().unwrap();
    assert_eq!(sheet.width(), 18);
    let cells: Vec<_> = sheet
        .rows()
        .map(|row| (row[2].to_string(), row[3].to_string()))
        .collect();
    assert_eq!(cells[0], ("작업".into(), "작업 이름".into()));
    for pair in [
        ("create_order", r#"주문, "만들기""#),
        ("rotate_key", "=1+1"),
        ("delete_user", "delete_user"),
    ] {
        assert!(cells.contains(&(pair.0.into(), pair.1.into())), "{cells:?}");
    }
    let raw = json!({ "style": "raw", "action_labels": labels });
    assert_eq!(
        app.post_export(&raw).await.refusal(),
        "400 action_labels is only allowed with format xlsx, or csv in style spreadsheet"
    );
}

#[tokio::test]
async fn a_workbook_is_the_same_when_it_is_made_again() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 3_000, app.now()).unwrap();
    let mut asked = past();
    asked.as_object_mut().unwrap().remove("style");
    asked["format"] = "xlsx".into();
    app.faults.add("PutObject", Fault::KilledAfter, 1);
    let export = app.post_export(&asked).await.json();
    assert!(eventually(|| app.faults.kill_count() == 1).await);
    assert!(eventually(|| app.files_left() == ["activity-log"]).await);
    let first = app.stored_hash(&export);
    app.advance(seconds(61));
    app.read_export(&export).await;
    let again = app.ended(&export).await;
    assert_eq!(
        (&again["state"], &again["attempts"]),
        (&json!("ready"), &json!(2))
    );
    assert_eq!(again["file"]["sha256"], first);
    assert_eq!(app.stored_hash(&again), first);
    assert!(again["file"]["rows"].as_u64() > Some(2_000));
}

#[tokio::test]
async fn a_workbook_that_takes_too_long_fails_and_names_another_format() {
    let app = TestApp::start_limited(&[], seconds(45)).await;
    app.stack.load("contoso", 3_000, app.now()).unwrap();
    let failed = app
        .ended(
            &app.post_export(&json!({ "format": "xlsx", "from": "2000-01-01" }))
                .await
                .json(),
        )
        .await;
    assert_eq!(failed["failure"]["code"], "too_slow");
    assert!(
        failed["failure"]["detail"]
            .as_str()
            .unwrap()
            .contains("csv")
    );
    app.until_nothing_is_left().await;
}

#[tokio::test]
async fn cells_that_were_cut_are_counted() {
    let app = TestApp::start().await;
    app.record_wide(3).await;
    app.record(&activity()).await;
    let cut = async |body: Value| app.export(&body).await["file"]["truncated_cells"].clone();
    assert_eq!(cut(json!({})).await, 3);
    assert_eq!(cut(json!({ "style": "raw" })).await, 0);
    assert_eq!(cut(json!({ "format": "jsonl" })).await, 0);
}

#[tokio::test]
async fn whatever_the_filter_a_file_equals_the_list() {
    let app = TestApp::start().await;
    let mut random = fastrand::Rng::with_seed(7);
    for place in 0..60 {
        let mut sent = with("occurred_at", ago(100 + 600 * (place / 2)));
        sent["action"] = random.choice(["create_order", "delete_user"]).into();
        sent["outcome"] = random.choice(["succeeded", "failed"]).into();
        *at(&mut sent, "customer.id") = random.choice(["c-1", "c-2"]).into();
        *at(&mut sent, "customer.name") = random.choice(["Straße", "İzmir", "=x"]).into();
        sent["details"] = json!({ "n": place });
        app.record(&sent).await;
    }
    let now = app.now();
    for _ in 0..25 {
        let mut asked = json!({ "order": random.choice(["asc", "desc"]) });
        let mut pick = |name: &str, values: [&str; 2]| {
            if random.bool() {
                asked[name] = random.choice(values).into();
            }
        };
        pick("action", ["create_order", "delete_user"]);
        pick("outcome", ["succeeded", "failed"]);
        pick("customer_id", ["c-1", "c-2"]);
        pick("customer", ["STRASSE", "i"]);
        let [from, to] = [random.u64(9_000..20_000), random.u64(0..9_000)];
        asked["from"] = now.minus(seconds(from)).to_string().into();
        asked["to"] = now.minus(seconds(to)).to_string().into();
        let fields = asked.as_object().unwrap().iter();
        let query: Vec<_> = fields
            .map(|(name, value)| format!("{name}={}", value.as_str().unwrap()))
            .collect();
        let listed = app.listed_whole(&query.join("&")).await;
        asked["format"] = "jsonl".into();
        assert_eq!(app.lines(&asked).await, listed, "{asked}");
    }
}
