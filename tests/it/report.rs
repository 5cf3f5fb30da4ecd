//! `bench/report.py`: percentiles from the report lines that Lambda logs.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

/// Runs the script with these lines as its input.
fn report(lines: &str) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench/report.py");
    let mut child = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

/// A report line in the format JSON, as `aws logs tail` prints it.
fn json_line(duration: f64, init: &str) -> String {
    format!(
        r#"2026-11-23T09:00:00 2026/11/23/[$LATEST]0a1b {{"time":"2026-11-23T09:00:00.000Z","type":"platform.report","record":{{"requestId":"r-1","metrics":{{"durationMs":{duration},"billedDurationMs":7,"memorySizeMB":256,"maxMemoryUsedMB":21{init}}},"status":"success"}}}}"#
    )
}

#[test]
fn cold_starts_and_warm_calls_are_counted_apart_in_both_formats() {
    let mut lines: Vec<_> = (1..=100).map(|ms| json_line(f64::from(ms), "")).collect();
    lines.push(json_line(21.5, r#","initDurationMs":40.25"#));
    lines.push(
        "REPORT RequestId: r-2\tDuration: 20.50 ms\tBilled Duration: 61 ms\tMemory Size: 128 MB\t\
         Max Memory Used: 19 MB\tInit Duration: 40.25 ms\t"
            .into(),
    );
    lines.push(r#"{"time":"2026-11-23T09:00:00.000Z","type":"platform.start","record":{}}"#.into());
    lines.push("{\"time\" a line that was cut".into());
    let output = report(&lines.join("\n"));
    let expected = "\
| | count | p50 ms | p99 ms |
| --- | ---: | ---: | ---: |
| Init | 2 | 40.2 | 40.2 |
| first call | 2 | 21.0 | 21.5 |
| Init and first call | 2 | 61.2 | 61.7 |
| warm call | 100 | 50.5 | 99.0 |
| first put of LLRT, 128 MB, published | | 64.0 | 83.0 |

Memory 128, 256 MB, at most 21 MB used.
";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn a_log_without_report_lines_is_an_error() {
    let output = report("START RequestId: r-1\n");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no report lines"));
}
