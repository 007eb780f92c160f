//! Where a model lies on the wafer: features along x, tokens along y.
//!
//! A PE row holds `tokens` tokens of one sequence and a sequence takes a band of rows, so that attention
//! stays within a band. Features of the residual stream, of the feed-forward layer and of the vocabulary are
//! spread evenly over all columns. Attention features are spread head by head: a group of columns holds one
//! key/value head and all query heads that share it, each column the same features of every head of the
//! group, with rotary positions in pairs (the order in which they pair up), so that rotation needs no neighbour.
//!
//! ```text
//!              columns of kv head 0        columns of kv head 1      unused
//!   band 0   [ q0..q3 k0 v0 | d 0..127 ] [ q4..q7 k1 v1 | ...    ] [      ]
//!   band 1   [                         ] [                       ] [      ]
//! ```
//!
//! Where features are few, several replicas of all this lie side by side, each with sequences of its own: columns
//! then hold more features, which spread more evenly. They hear the same weights, and their gradients meet at the
//! weight store. The last row of a band has fewer tokens where they do not divide the sequence; it works as if it
//! had all of them.

use serde::{Deserialize, Serialize};

use crate::graph::Pairing;
use crate::lower::kernel::bands::Bands;
use crate::sparsity::{Slices, SlicesError};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::ModelSpec;

/// A model's place on the wafer.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Columns of a replica.
    pub width: u16,
    /// Replicas side by side along x. What follows is one of them.
    pub replicas: u16,
    /// Rows of PEs that one sequence takes.
    pub band_rows: u16,
    /// Sequences one below the other.
    pub bands: u16,
    /// Tokens of a PE.
    pub tokens: u32,
    /// Features of the residual stream.
    pub hidden: Slices,
    /// Features of the feed-forward layer.
    pub ffn: Slices,
    /// Words of the vocabulary.
    pub vocab: Slices,
    /// Query features: of every query head of the group.
    pub query: Slices,
    /// Key (or value) features.
    pub key: Slices,
    /// Columns of one key/value head.
    pub group_columns: u16,
    /// Query heads that share it.
    pub group_heads: u32,
    /// Key/value heads.
    pub groups: u32,
    /// Keys of a sequence, those that fill its last row up included, over the columns of a head.
    pub keys: Slices,
    /// How features of a head pair up.
    pub pairing: Pairing,
    /// Features of a head that rotary positions turn; their pairs lie first.
    pub rotary: u32,
}

/// The numbers of a mapping, for records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingSummary {
    /// Columns of a replica.
    pub width: u16,
    /// Replicas side by side.
    pub replicas: u16,
    /// Rows in use.
    pub rows: u16,
    /// Tokens of a PE.
    pub tokens_per_pe: u32,
    /// Sequences of a micro-batch.
    pub micro_batch_sequences: u32,
    /// Columns of one key/value head.
    pub columns_per_kv_head: u16,
}

impl Mapping {
    /// The mapping with `tokens` tokens a PE and up to `sequences` sequences at a time, on `replicas` replicas.
    ///
    /// # Errors
    /// A sentence that says what does not fit and what to change.
    pub fn new(
        model: &ModelSpec,
        sequence: u32,
        sequences: u32,
        (replicas, tokens): (u16, u32),
        machine: &WaferSpec,
    ) -> Result<Self, String> {
        let (width, height) = (machine.fabric.width_pes / replicas.max(1), machine.fabric.height_pes);
        let band_rows = sequence.div_ceil(tokens);
        if band_rows > u32::from(height) {
            return Err(format!(
                "a sequence of {sequence} tokens at {tokens} tokens a PE takes {band_rows} rows, the fabric has {height}: \
                 lower training.sequence_tokens or raise fabric.height_pes"
            ));
        }
        let bands = (u32::from(height) / band_rows).min(sequences.div_ceil(u32::from(replicas)));
        let groups = model.kv_heads;
        let group_columns = u32::from(width) / groups;
        if group_columns == 0 {
            return Err(format!(
                "{groups} key/value heads need a column each, a replica has {width}: raise fabric.width_pes"
            ));
        }
        // What turns together stays together.
        let together = if model.rotary() == 0 { 1 } else { 2 };
        let parts = model.head_dim() / together;
        let group_columns = group_columns.min(parts) as u16;
        let wide = |error: SlicesError| error.to_string();
        let parts = Slices::even(parts, group_columns).map_err(wide)?.widths();
        let group_heads = model.heads / groups;
        let spread = |copies: u32| {
            let mut widths: Vec<u32> = Vec::with_capacity(usize::from(width));
            for _ in 0..groups {
                widths.extend(parts.iter().map(|part| together * part * copies));
            }
            widths.resize(usize::from(width), 0);
            Slices::of_widths(&widths).map_err(wide)
        };
        Ok(Self {
            width,
            replicas,
            band_rows: band_rows as u16,
            bands: bands as u16,
            tokens,
            hidden: Slices::even(model.hidden, width).map_err(wide)?,
            ffn: Slices::even(model.ffn, width).map_err(wide)?,
            vocab: Slices::even(model.vocab, width).map_err(wide)?,
            query: spread(group_heads)?,
            key: spread(1)?,
            group_columns,
            group_heads,
            groups,
            keys: Slices::even(band_rows * tokens, group_columns).map_err(wide)?,
            pairing: Pairing::of(model.family),
            rotary: model.rotary(),
        })
    }

    /// Sequences on the wafer together: a micro-batch.
    pub fn sequences(&self) -> u32 {
        u32::from(self.bands) * u32::from(self.replicas)
    }

    /// Rows of PEs in use.
    pub fn rows(&self) -> u16 {
        self.band_rows * self.bands
    }

    /// Its bands, on the first `width` columns.
    pub fn bands(&self, width: u16) -> Bands {
        Bands { width, rows: self.band_rows, bands: self.bands }
    }

    /// Slices of one head: what each column of a group holds of it.
    pub fn head(&self) -> Vec<u32> {
        self.key.widths()[..usize::from(self.group_columns)].to_vec()
    }

    /// Features of all query heads in the order in which they lie along x: entry p is the feature of the graph
    /// at place p.
    pub fn query_order(&self) -> Vec<u32> {
        self.head_order(self.group_heads)
    }

    /// The same of keys or values.
    pub fn key_order(&self) -> Vec<u32> {
        self.head_order(1)
    }

    /// Group by group, column by column: the features of a head, each for all `heads` heads of the group; first those
    /// that turn, pair by pair, a feature and then its partner.
    fn head_order(&self, heads: u32) -> Vec<u32> {
        let head = self.head().iter().sum::<u32>();
        let turned = (0..self.rotary / 2).flat_map(|pair| self.pairing.features(pair, self.rotary));
        let features: Vec<u32> = turned.chain(self.rotary..head).collect();
        let mut order = Vec::with_capacity((self.groups * heads * head) as usize);
        for group in 0..self.groups {
            for feature in &features {
                order.extend((0..heads).map(|of| (group * heads + of) * head + feature));
            }
        }
        order
    }

    /// Its numbers.
    pub fn summary(&self) -> MappingSummary {
        MappingSummary {
            width: self.width,
            replicas: self.replicas,
            rows: self.rows(),
            tokens_per_pe: self.tokens,
            micro_batch_sequences: self.sequences(),
            columns_per_kv_head: self.group_columns,
        }
    }
}
