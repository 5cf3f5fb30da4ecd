//! Empty: the tests are in `it`, and `make load` runs `examples/load.rs`.
