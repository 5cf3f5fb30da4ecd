//! A part of the file, why it ends where it does, and the buffers for its bytes.

use shared::{ActivityId, model::export::Unpacked};
use tokio::sync::mpsc;

use crate::proof_lines::ProofPart;

/// A part ends after the row with which it reaches this many bytes: 8 MiB.
pub(crate) const PART_BYTES: usize = 8 * 1024 * 1024;

/// How many parts are in memory: one is encoded while another one is uploaded.
const BUFFERS: usize = 2;

/// A part of the file.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: PartEnd,
    /// The rows of the file up to the end of this part.
    pub(crate) rows: u64,
    /// The cells of the file that were cut, up to the end of this part.
    pub(crate) truncated_cells: u64,
    /// What the packed bytes of the file up to here unpack to; only set with gzip.
    pub(crate) unpacked: Option<Unpacked>,
    /// The last activity that was read for this part; none if no worker can
    /// resume after it.
    pub(crate) position: Option<ActivityId>,
    /// What proves the rows of this part; none if no proof was asked for.
    pub(crate) proof: Option<ProofPart>,
}

/// Why a part ends where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartEnd {
    /// The part is large enough; another one follows.
    Full,
    /// The part is the last one of the file; it may be empty.
    File,
    /// The call's time is nearly up.
    OutOfTime {
        /// How many of the part's bytes are compressed; plain rows follow them.
        packed_bytes: usize,
    },
}

/// Makes the channel through which empty buffers reach the encoder.
///
/// The upload returns each buffer when its part was sent, because allocating
/// new ones would fragment the heap.
pub(crate) fn buffers() -> (mpsc::Sender<Vec<u8>>, mpsc::Receiver<Vec<u8>>) {
    let (free, buffers) = mpsc::channel(BUFFERS);
    for _ in 0..BUFFERS {
        free.try_send(Vec::new())
            .expect("the channel has room for every buffer");
    }
    (free, buffers)
}
