//! `bench`: measures, and prints the comparisons and the checks; `make bench` calls it.

use std::process::ExitCode;

use bench::{
    Error, calls, clients, comparison, exports, sealed,
    settings::{Part, Settings},
    sizes,
    workbench::Workbench,
};
use clap::Parser;
use shared::model::error::chain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Settings::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Measures the parts that were asked for; fails if a check does.
async fn run(settings: &Settings) -> Result<ExitCode, Error> {
    let bench = Workbench::new(settings)?;
    let (mut comparisons, mut checks) = (Vec::new(), Vec::new());
    if settings.includes(Part::Calls) {
        comparisons.extend(calls::compare(&bench).await?);
    }
    if settings.includes(Part::Sizes) {
        comparisons.extend(sizes::compare(&bench)?);
    }
    if settings.includes(Part::Exports) {
        let found = exports::measure(&bench).await?;
        comparisons.extend(found.comparisons());
        checks.extend(found.checks());
    }
    if settings.includes(Part::Sealed) {
        comparisons.extend(sealed::compare(&bench).await?);
    }
    if settings.includes(Part::Verify) {
        comparisons.extend(sealed::verify(&bench).await?);
    }
    if settings.includes(Part::Clients) {
        let (figures, found) = clients::measure(&bench).await?;
        comparisons.extend(figures);
        checks.extend(found);
    }
    println!("{}", comparison::table(&comparisons));
    for check in &checks {
        println!("{check}");
    }
    if checks.iter().all(|check| check.passes) {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_sound() {
        Settings::command().debug_assert();
    }
}
