//! What other people's programs read from a file.

use std::{path::Path, process::Command};

use flate2::read::{GzDecoder, MultiGzDecoder};

use super::*;

/// Programs that unpack the file which their last argument names.
///
/// All but the first two take the first member of a file for the whole.
const UNPACKERS: [&[&str]; 6] = [
    &["gzip", "-dc"],
    &[
        "python3",
        "-c",
        "import gzip, sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())",
    ],
    &[
        "python3",
        "-c",
        "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(open(sys.argv[1], 'rb').read(), 31))",
    ],
    &[
        "perl",
        "-MIO::Uncompress::Gunzip=gunzip",
        "-e",
        "gunzip($ARGV[0] => '-') or die",
    ],
    &[
        "perl",
        "-MIO::Uncompress::Gunzip",
        "-e",
        "my $rows = IO::Uncompress::Gunzip->new($ARGV[0]); binmode STDOUT; print while <$rows>",
    ],
    &[
        "perl",
        "-MCompress::Zlib",
        "-e",
        "local $/; open F, '<:raw', $ARGV[0]; binmode STDOUT; print Compress::Zlib::memGunzip(<F>) // die",
    ],
];

/// Counts the records of a packed CSV file.
const PYTHON_CSV: &str = "import csv, gzip, sys\n\
    rows = csv.reader(gzip.open(sys.argv[1], 'rt', encoding='utf-8', newline=''))\n\
    print(sum(1 for _ in rows))";

/// Counts the lines of a file as Python does for a text.
const PYTHON_LINES: &str = "import sys\n\
    print(len(open(sys.argv[1], encoding='utf-8', newline='').read().splitlines()))";

/// What a program writes; the test fails if it does not exist or does not succeed.
fn output(program: &[&str], file: &Path) -> Vec<u8> {
    let mut command = Command::new(program[0]);
    let output = command.args(&program[1..]).arg(file).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{} is not there, see CONTRIBUTING.md: {error}", program[0])
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?}: {errors}");
    output.stdout
}

/// What a reader of one member finds; the file has no more than that.
pub(super) fn unpack_only_member(file: &[u8]) -> Vec<u8> {
    let mut member = GzDecoder::new(file);
    let mut rows = Vec::new();
    std::io::Read::read_to_end(&mut member, &mut rows).unwrap();
    assert_eq!(member.into_inner(), b"", "another member follows");
    rows
}

#[tokio::test]
async fn every_reader_of_a_gzip_file_finds_all_of_it() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 4_000, app.now()).unwrap();
    let mut asked = past();
    let plain = app.file(&app.export(&asked).await).await;
    assert!(plain.len() > 2 * 1024 * 1024, "packed at once");
    asked["compression"] = "gzip".into();
    let packed = app.file(&app.export(&asked).await).await;

    assert!(unpack_only_member(&packed) == plain);
    let members = std::io::read_to_string(MultiGzDecoder::new(packed.as_slice()));
    assert!(members.unwrap().as_bytes() == plain);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.csv.gz");
    std::fs::write(&file, &packed).unwrap();
    output(&["gzip", "-t"], &file);
    for unpacker in UNPACKERS {
        assert!(output(unpacker, &file) == plain, "{unpacker:?}");
    }
    let records = csv::Reader::from_reader(plain.as_slice()).records().count();
    let counted = output(&["python3", "-c", PYTHON_CSV], &file);
    assert_eq!(counted, format!("{}\n", records + 1).as_bytes());
}

#[tokio::test]
async fn no_character_in_a_text_ends_a_line_of_json() {
    let app = TestApp::start().await;
    let ends = "a\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}b";
    let mut sent = with("details", json!({ ends: [ends] }));
    *at(&mut sent, "customer.name") = "a\n\r\u{2028}\u{2029}b".into();
    *at(&mut sent, "actor.id") = "a\u{2028}b".into();
    app.record(&sent).await;
    app.record(&activity()).await;
    let asked = json!({ "format": "jsonl", "order": "asc" });
    let lines = app.file(&app.export(&asked).await).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.jsonl");
    std::fs::write(&file, &lines).unwrap();
    assert_eq!(output(&["python3", "-c", PYTHON_LINES], &file), b"2\n");
    let first = lines.split(|byte| *byte == b'\n').next().unwrap();
    let first: Value = serde_json::from_slice(first).unwrap();
    assert_eq!(first["details"], sent["details"]);
    assert_eq!(first["customer"], sent["customer"]);
}
