//! Empty: the package is the test binary `it/main.rs` and the load run `examples/load.rs`.
