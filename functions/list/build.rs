//! Turns `openapi.yaml` into the JSON document that the function serves.

use std::{env, error::Error, fs, path::Path};

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo passes its values to build scripts in the environment"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let source = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../openapi.yaml");
    println!("cargo::rerun-if-changed={}", source.display());
    let document: serde_json::Value = serde_saphyr::from_str(&fs::read_to_string(source)?)?;
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("openapi.json"),
        document.to_string(),
    )?;
    Ok(())
}
