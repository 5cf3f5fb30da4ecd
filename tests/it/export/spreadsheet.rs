//! What LibreOffice makes of a file: what was recorded, and no formula.

use std::{path::Path, process::Command};

use calamine::{Data, DataType, Reader, Xlsx, open_workbook};

use super::*;
use crate::harness::is_full;

/// What makes a cell something else, or hides that it does.
const NASTY: [char; 27] = [
    '=', '+', '-', '@', '\t', '\r', '\n', ' ', '\'', '"', ',', ';', '\u{feff}', '\u{200b}', '＝',
    '＋', '－', '＠', '0', '1', '/', '.', 'e', '(', ')', '$', '%',
];

/// Texts that a spreadsheet did show as something else, or nearly.
const FOUND: &str = "=1+1|-1+1|007|1e5|=HYPERLINK(\"http://x\",\"y\")|(5)|$5|TRUE|5 Jan|MAR1|10 PM|\
    R007|007R|R5|RM.5|5RM|PHP5|HK$5|J$5|BZ$5|TT$5|Z$5|K007|7K|K-7|P007|P-17|D007|Rs.007|KSh 007|GH₵ 7|MK 1,000|kr.7|5:30 p.m.|5a.m.|2026-11-22 5 P.M.|Mon.Mar 9|Sun.May 3, 2026|9 Jan.Monday|9 Aprıl|9-Aprıl-26|Frıday, March 9, 2026|Mar 30 5:09 12 h|30 Mar 5:9 9 guests|2026 Mar 12:1.5층|30 Mar ５:구 9 guests|Mar 30 ５:구 12 h|2026 Mar 12:일.５층|30 Mar ５:ב 9 guests|Sat. Sept15:30 1.5;|３-Mar-9:30. guests|３０/MAR-12:30\u{a0} guests|2026/Sept5:３０. guests|30-Mar-9:3０.\u{86b} guests|1,234.e2 1 x|1,000.E5 7 guests|7,000.E5 8#|1,000.e5-7x|(1,000.E5) 7 x|1,000,000.E5 7 guests|1.000,E5 7 x|1 000,E5 7 x|1,234.e５- x|1,000.E−５- x|1,000.E−３-7x|1,000.E−٣- x|1,000.E\u{86b}- ５x|30 三月 5:09 9 客|12/M |26-M |12/M/Y |5/12/Y |26/M/D |００７|￦007|참|거짓|二〇二六|三〇|٣|５만|５만원|１万円|(５만원)|５만;|５E오|壱５|５阡|偩５|五十嵐|５점 만점|이〇이육|三〇万원|一〇〇만원|백〇상사|千〇社|千①만㎡|만㊀만A|兆元만Ⅷ|이e５|５이e3|〇이e5|오E〇|육e二〇|５영e2|５א|점５|点５|负５|负一〇〇|５负５|５京|星期一 2026年3月9日|真|2026-11-22T11:22|Monday, March 9, 2026|2026-3-9 월|#N/A|c-1|7-Eleven";

/// What numbers, amounts, dates and times are made of, in English, Korean and
/// Chinese characters.
const PIECES: &str = "0|7|12|2026|30|007|０|７|２０２６|٣|५|五|〇|二|½|①|Ⅷ|-|/|.|:|,| | |, |%|+|(|)|'|$|₩|￦|€|\
    점|點|点|负|負|京|천|만|억|이|육|星期|星期一|真|假|구|일|E|e|이e|오E|.E|,e|,000|T|Z|AM|pm|a|a.m.|p.m.|Jan|March|Sept|Mon|Mon.|M|D|Y|/M |Sunday|ı|h|guests|TRUE|false|년|월|일|시|분|초|오전|오후|월요일|참|거짓|\
    年|月|日|\u{a0}|\u{202f}|\u{3000}|\u{200b}|－|：|／|．";

/// The languages in which a file is opened, as LibreOffice's filter numbers them.
const KOREAN: u16 = 1042;
const LANGUAGES: [(&str, u16); 18] = [
    ("English", 1_033),
    ("English of Botswana", 38_937),
    ("English of Denmark", 45_065),
    ("English of the Gambia", 36_873),
    ("English of Ghana", 33_801),
    ("English of Hong Kong", 15_369),
    ("English of Ireland", 6_153),
    ("English of Kenya", 44_041),
    ("English of Malawi", 34_825),
    ("English of Malaysia", 17_417),
    ("English of the Philippines", 13_321),
    ("English of South Africa", 7_177),
    ("English of Sri Lanka", 41_993),
    ("English of Zambia", 40_969),
    ("Korean", KOREAN),
    ("Japanese", 1_041),
    ("Chinese of China", 2_052),
    ("Chinese of Taiwan", 1_028),
];

/// The languages that are tried: all with `FULL=1`, otherwise every third, Korean among them.
fn languages() -> impl Iterator<Item = (&'static str, u16)> {
    let places = LANGUAGES.into_iter().enumerate();
    let tried = places.filter(|(place, _)| is_full() || place % 3 == 2);
    tried.map(|(_, language)| language)
}

/// A file as LibreOffice reads it: its cells, and how many are formulas.
///
/// It also looks for numbers in quoted cells ("detect special numbers").
async fn opened(folder: &Path, csv: &[u8], language: u16) -> (Vec<Vec<Data>>, usize) {
    let (source, target) = (folder.join("file.csv"), folder.join("file.xlsx"));
    std::fs::write(&source, csv).unwrap();
    let profile = format!("-env:UserInstallation=file://{}", folder.display());
    let filter = format!("--infilter=CSV:44,34,76,1,,{language},false,true");
    let convert = move || {
        Command::new("soffice")
            .args([&profile, "--headless", &filter])
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

/// What was recorded, from a cell without its guard.
fn recorded(cell: &Data) -> String {
    let text = cell.to_string();
    match cell {
        Data::String(text) => text.strip_prefix('\'').unwrap_or(text).to_owned(),
        // A number that shows the same digits.
        Data::Int(_) | Data::Float(_) => text,
        other => format!("{other:?}"),
    }
}

/// Names that are found, that are made by chance, and every numeral there is.
fn names() -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(11);
    let pieces: Vec<_> = PIECES.split('|').collect();
    let mut names: Vec<String> = FOUND.split('|').map(str::to_owned).collect();
    for _ in 0..150 {
        let length = random.usize(1..8);
        names.push((0..length).map(|_| random.choice(NASTY).unwrap()).collect());
    }
    for _ in 0..700 {
        let length = random.usize(1..6);
        let piece = |_| random.choice(pieces.iter().copied()).unwrap();
        names.push((0..length).map(piece).collect());
    }
    let numerals = ('\u{80}'..=char::MAX).filter(|c| c.is_numeric());
    names.extend(numerals.map(String::from));
    names
}

impl TestApp {
    /// Records activities of customers with these names, newest first.
    async fn record_names(&self, names: &[String]) {
        let newest = self.now().minus(seconds(100));
        for (batch, names) in names.chunks(100).enumerate() {
            let activities: Vec<_> = (batch as u64 * 100..)
                .zip(names)
                .map(|(place, name)| {
                    let occurred_at = newest.minus(seconds(place)).to_string();
                    let mut sent = with("occurred_at", occurred_at);
                    *at(&mut sent, "customer.name") = name.as_str().into();
                    sent
                })
                .collect();
            let body = json!({ "activities": activities });
            let request = self.post("/v1/activities/batch", &body);
            let answer = request.token(&self.recorder()).send().await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let results = answer.json()["results"].as_array().unwrap().clone();
            assert!(
                results.iter().all(|one| one["status"] == 201),
                "{results:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_spreadsheet_shows_what_was_recorded_and_runs_nothing() {
    let app = TestApp::start().await;
    let names = names();
    app.record_names(&names).await;
    let folder = tempfile::tempdir().unwrap();
    let asked = json!({ "time_zone": "America/New_York" });
    let file = app.file(&app.export(&asked).await).await;
    let mut changed = Vec::new();
    for (language, number) in languages() {
        let (cells, formulas) = opened(folder.path(), &file, number).await;
        assert_eq!(formulas, 0);
        assert_eq!(cells.len(), names.len() + 1);
        for (row, name) in cells.iter().skip(1).zip(&names) {
            let shown = recorded(&row[1]);
            if with_one_line_end(&shown) != with_one_line_end(name) {
                changed.push((language, name, shown));
            }
            let offset = row[15].get_string().unwrap_or_default();
            assert!(offset.starts_with("UTC-0"), "{:?}", row[15]);
        }
    }
    assert_eq!(changed, []);
    // What is not guarded does become a formula, or this test would prove nothing.
    let raw = app
        .file(&app.export(&json!({ "style": "raw" })).await)
        .await;
    let (cells, formulas) = opened(folder.path(), &raw, KOREAN).await;
    assert!(formulas > 0);
    let unguarded = cells.iter().skip(1).zip(&names);
    let changed = unguarded.filter(|(row, name)| recorded(&row[1]) != **name);
    assert!(changed.count() > 300);
}
