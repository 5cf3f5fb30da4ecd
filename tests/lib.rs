//! See `it/main.rs`: the package is its one test binary.
