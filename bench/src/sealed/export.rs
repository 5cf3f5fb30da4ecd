//! Exports a sealed year, and a table with as many entries of the same size.

use serde_json::json;

use super::message::Answer;
use crate::{
    Error,
    canned::{Archive, Details, Options},
    comparison::{Comparison, Side},
    names::{EXPORT, PARTNER},
    process::{cpu_seconds, peak_mebibytes},
    samples::{Samples, float},
    session::Session,
    workbench::{Program, Workbench},
};

/// What a file cost in each round.
#[derive(Debug, Default)]
struct Cost {
    cpu_microseconds_a_row: Samples,
    mebibytes: Samples,
}

/// Writes the file of both in turn.
pub(super) async fn measure(
    bench: &Workbench<'_>,
    archive: &Archive,
    sealed: &Answer,
) -> Result<[Comparison; 2], Error> {
    let entries = bench.settings.sealed_entries;
    let of_table = Options {
        entries,
        details: Details::Small,
        export_request: r#"{"style":"raw"}"#,
        ..Options::default()
    };
    let of_archive = Options {
        entries: 0,
        export_range: Some(sealed.range()?),
        archive: archive.clone(),
        ..of_table.clone()
    };
    let (mut ours, mut table) = (Cost::default(), Cost::default());
    for round in 1..=bench.settings.export_rounds {
        eprintln!("round {round}: export");
        write(bench, of_archive.clone(), entries, &mut ours).await?;
        write(bench, of_table.clone(), entries, &mut table).await?;
    }
    Ok(compare(entries, ours, table))
}

fn compare(entries: u64, ours: Cost, table: Cost) -> [Comparison; 2] {
    let compare = |measure: &str, unit, ours, table, goal| Comparison {
        measure: format!("export of {entries} small rows, {measure}"),
        unit,
        ours: Side::new("sealed", ours),
        other: Side::new("table", table),
        goal,
    };
    let (cpu, table_cpu) = (ours.cpu_microseconds_a_row, table.cpu_microseconds_a_row);
    [
        compare("time a row", "CPU µs", cpu, table_cpu, Some(1.0)),
        compare("peak memory", "MiB", ours.mebibytes, table.mebibytes, None),
    ]
}

/// Writes a file; an error unless all entries were read where they should be.
async fn write(
    bench: &Workbench<'_>,
    options: Options,
    entries: u64,
    cost: &mut Cost,
) -> Result<(), Error> {
    let is_in_table = options.entries > 0;
    let mut session =
        Session::start(bench, Program::Function("export-worker"), options, None).await?;
    let event = json!({ "partner_id": PARTNER, "export_id": EXPORT });
    session.call(event.to_string()).await?;
    let cpu = cpu_seconds(&session.process)?;
    cost.mebibytes.add(peak_mebibytes(&session.process)?);
    let counts = session.end().await?;
    let is_right = if is_in_table {
        counts.entries_read == entries
    } else {
        // A row has some 0.6 kB in the file.
        counts.entries_read == 0 && counts.file_bytes > entries * 400
    };
    if !is_right {
        return Err(format!("not the right file: {counts:?}").into());
    }
    cost.cpu_microseconds_a_row.add(cpu * 1e6 / float(entries));
    Ok(())
}
