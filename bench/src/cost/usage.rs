//! What a scenario used of everything that is billed.

use std::ops::AddAssign;

/// Counted in a run, or for a million of what it did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) api_requests: f64,
    pub(super) calls: f64,
    pub(super) gigabyte_seconds: f64,
    pub(super) write_units: f64,
    pub(super) read_units: f64,
    pub(super) s3_writes: f64,
    pub(super) s3_reads: f64,
    pub(super) s3_byte_months: f64,
    pub(super) log_bytes: f64,
    pub(super) out_bytes: f64,
    pub(super) signatures: f64,
}

impl Usage {
    /// This usage, multiplied.
    pub(super) fn times(self, factor: f64) -> Self {
        Self {
            api_requests: self.api_requests * factor,
            calls: self.calls * factor,
            gigabyte_seconds: self.gigabyte_seconds * factor,
            write_units: self.write_units * factor,
            read_units: self.read_units * factor,
            s3_writes: self.s3_writes * factor,
            s3_reads: self.s3_reads * factor,
            s3_byte_months: self.s3_byte_months * factor,
            log_bytes: self.log_bytes * factor,
            out_bytes: self.out_bytes * factor,
            signatures: self.signatures * factor,
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.api_requests += other.api_requests;
        self.calls += other.calls;
        self.gigabyte_seconds += other.gigabyte_seconds;
        self.write_units += other.write_units;
        self.read_units += other.read_units;
        self.s3_writes += other.s3_writes;
        self.s3_reads += other.s3_reads;
        self.s3_byte_months += other.s3_byte_months;
        self.log_bytes += other.log_bytes;
        self.out_bytes += other.out_bytes;
        self.signatures += other.signatures;
    }
}
