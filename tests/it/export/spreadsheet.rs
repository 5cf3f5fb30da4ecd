//! What LibreOffice makes of a file: what was recorded, and no formula.

use std::{path::Path, process::Command};

use calamine::{Data, Reader, Xlsx, open_workbook};

use super::*;

/// What makes a cell something else, or hides that it does.
const NASTY: [char; 27] = [
    '=', '+', '-', '@', '\t', '\r', '\n', ' ', '\'', '"', ',', ';', '\u{feff}', '\u{200b}', '＝',
    '＋', '－', '＠', '0', '1', '/', '.', 'e', '(', ')', '$', '%',
];

/// A file as LibreOffice reads it: its cells, and how many are formulas.
async fn opened(folder: &Path, csv: &[u8]) -> (Vec<Vec<Data>>, usize) {
    let (source, target) = (folder.join("file.csv"), folder.join("file.xlsx"));
    std::fs::write(&source, csv).unwrap();
    let profile = format!("-env:UserInstallation=file://{}", folder.display());
    let convert = move || {
        Command::new("soffice")
            .args([&profile, "--headless", "--infilter=CSV:44,34,76"])
            .args(["--convert-to", "xlsx", "--outdir"])
            .arg(source.parent().unwrap())
            .arg(&source)
            .output()
            .expect("LibreOffice Calc is installed, as CONTRIBUTING.md asks")
    };
    let output = tokio::task::spawn_blocking(convert).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut workbook: Xlsx<_> = open_workbook(&target).unwrap();
    let sheet = workbook.worksheet_range_at(0).unwrap().unwrap();
    let name = workbook.sheet_names()[0].clone();
    let formulas = workbook.worksheet_formula(&name).unwrap();
    let formulas = formulas.used_cells().filter(|(.., text)| !text.is_empty());
    (sheet.rows().map(<[_]>::to_vec).collect(), formulas.count())
}

/// LibreOffice takes CR and LF side by side for one end of a line, in either order.
fn with_one_line_end(text: &str) -> String {
    let lines = text.split(['\r', '\n']).enumerate();
    let lines = lines.filter(|(place, line)| *place == 0 || !line.is_empty());
    lines.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_spreadsheet_shows_what_was_recorded_and_runs_nothing() {
    let app = TestApp::start().await;
    let mut random = fastrand::Rng::with_seed(11);
    let mut names: Vec<String> = [
        "=1+1",
        "-1+1",
        "007",
        "1e5",
        "=HYPERLINK(\"http://x\",\"y\")",
        "(5)",
        "$5",
        "TRUE",
        "5 Jan",
        "MAR1",
        "10 PM",
    ]
    .map(str::to_owned)
    .into();
    names.extend((0..150).map(|_| {
        let length = random.usize(1..8);
        (0..length).map(|_| random.choice(NASTY).unwrap()).collect()
    }));
    for (place, name) in (0..).zip(&names) {
        let mut sent = with("occurred_at", ago(100 + place));
        *at(&mut sent, "customer.name") = name.as_str().into();
        app.record(&sent).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let (cells, formulas) = opened(
        folder.path(),
        &app.file(&app.export(&json!({})).await).await,
    )
    .await;
    assert_eq!(formulas, 0);
    assert_eq!(cells.len(), names.len() + 1);
    for (row, name) in cells.iter().skip(1).zip(&names) {
        // A number is one that shows the same digits.
        let text = row[1].to_string();
        let text = text.strip_prefix('\'').unwrap_or(&text);
        assert_eq!(with_one_line_end(text), with_one_line_end(name));
    }
    // What is not guarded does become a formula, or this test would prove nothing.
    let raw = app
        .file(&app.export(&json!({ "style": "raw" })).await)
        .await;
    let (_, formulas) = opened(folder.path(), &raw).await;
    assert!(formulas > 0);
}
