//! Ops of the training graph as kernels on the wafer.
//!
//! An op becomes one [`Job`]: a kernel, how many copies of it run side by side (heads, bands), and what must
//! stream in and out. Jobs with equal [`Kernel`]s take equal time, so that each is simulated once.

use crate::dtype::Dtype;
use crate::graph::{Op, OpKind, Phase, Target, TensorRole, TrainGraph};
use crate::ids::{OpId, TensorId};
use crate::lower::local::LocalOp;
use crate::lower::mapping::Mapping;
use crate::lower::timing::STATISTICS;
use crate::sparsity::{Masks, Slices};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
use crate::units::{Bytes, Macs};

/// An op on the wafer.
#[derive(Clone, Debug)]
pub struct Job {
    /// The op.
    pub op: OpId,
    /// Its name.
    pub name: String,
    /// What it belongs to in tables: "q", "attention scores", "rmsnorm".
    pub group: String,
    /// Part of the step.
    pub phase: Phase,
    /// Decoder block.
    pub layer: Option<u32>,
    /// What runs.
    pub kernel: Kernel,
    /// Copies of the kernel that run side by side.
    pub copies: u32,
    /// Multiply-accumulates of the whole op in one micro-batch, without and with its mask.
    pub macs_dense: Macs,
    /// As the mask leaves them.
    pub macs_effective: Macs,
    /// Streams in over the wafer's edge.
    pub bytes_in: Bytes,
    /// Streams out over the wafer's edge.
    pub bytes_out: Bytes,
    /// What the weight store reads and writes to update the parameters that this op is the first to use.
    pub updated: Bytes,
}

impl Job {
    /// Share of the op's MACs that the mask leaves.
    pub fn density(&self) -> f64 {
        if self.macs_dense.0 == 0 { 1.0 } else { self.macs_effective.as_f64() / self.macs_dense.as_f64() }
    }
}

/// What runs on a rectangle of PEs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kernel {
    /// A product with a weight that streams in.
    Weights(WeightKernel),
    /// A product of two activations within a head and a sequence.
    Attention(AttentionKernel),
    /// Local work with reductions along the row.
    Rowwise {
        /// What it does.
        op: LocalOp,
        /// Over which features.
        features: Features,
    },
    /// Local work on a few values a token with reductions along the column, in each column the same.
    Columnwise(LocalOp),
    /// Activations that enter over the edge.
    Scatter,
    /// Activations that leave over the edge.
    Gather,
    /// Activations that enter over the edge and are the same in each band.
    Spread,
    /// Sums over bands that leave over the edge.
    BandSum,
    /// Sums over tokens that leave over the edge.
    ColumnSum(Features),
    /// Work of the weight store, off the wafer.
    OffWafer,
}

impl Kernel {
    /// Whether it is a product with a mask: no other kernel depends on where zeros are.
    pub fn is_masked(&self) -> bool {
        matches!(self, Self::Weights(product) if product.mask.is_some())
    }
}

/// A product with a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WeightKernel {
    /// Which product.
    pub direction: Direction,
    /// Layer and target of the mask; `None`: dense.
    pub mask: Option<(u32, Target)>,
    /// Features that are summed over (forward), or whose gradient is made.
    pub input: Features,
    /// Features that come out.
    pub output: Features,
}

/// Which product with a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// `y = x w^T`
    Forward,
    /// `dx = dy w`
    Data,
    /// `dw = dy^T x`
    Weight,
}

/// A product within a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttentionKernel {
    /// Keys (or values) stream down the columns, scores meet at the column of the key: `q k^T`, `dc v^T`.
    Scores,
    /// Scores along the row, values down the columns: `p v`, `ds k`.
    Context,
    /// Scores along the row, sums over tokens meet at the row of the key: `p^T dc`, `ds^T q`.
    Transposed,
}

/// A set of features that lies along x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Features {
    /// Residual stream.
    Hidden,
    /// Feed-forward layer.
    Ffn,
    /// Vocabulary.
    Vocab,
    /// Queries.
    Query,
    /// Keys or values.
    Key,
    /// Keys of a sequence over the columns of one head, for every head of the group.
    Scores,
}

impl Mapping {
    /// Where features lie; scores lie over the columns of one head.
    pub fn slices(&self, features: Features) -> &Slices {
        match features {
            Features::Hidden => &self.hidden,
            Features::Ffn => &self.ffn,
            Features::Vocab => &self.vocab,
            Features::Query => &self.query,
            Features::Key => &self.key,
            Features::Scores => &self.keys,
        }
    }

    /// Columns of PEs over which features of a row lie.
    pub fn rowwise_columns(&self, features: Features) -> u16 {
        if features == Features::Scores { self.group_columns } else { self.width }
    }

    /// The order in which features lie, where it is not their own.
    pub fn order(&self, features: Features) -> Option<Vec<u32>> {
        match features {
            Features::Query => Some(self.query_order()),
            Features::Key => Some(self.key_order()),
            _ => None,
        }
    }

    /// Keys lie as queries do where each head has its own, so that kernels on either are the same.
    fn canonical(&self, features: Features) -> Features {
        if features == Features::Key && self.key == self.query { Features::Query } else { features }
    }
}

/// The jobs of one micro-batch, in the order of the graph.
pub fn jobs(
    graph: &TrainGraph,
    mapping: &Mapping,
    masks: &Masks,
    workload: &WorkloadSpec,
    machine: &WaferSpec,
) -> Vec<Job> {
    let context = Context {
        graph,
        mapping,
        masks,
        precision: workload.training.precision,
        reduce: machine.numerics.reduce,
    };
    graph.ops().map(|op| context.job(op)).collect()
}

struct Context<'a> {
    graph: &'a TrainGraph,
    mapping: &'a Mapping,
    masks: &'a Masks,
    precision: Dtype,
    reduce: Option<Dtype>,
}

impl Context<'_> {
    fn job(&self, op: &Op) -> Job {
        let dense = op.kind.matmul().map_or(Macs::ZERO, |shape| shape.macs());
        let mut job = Job {
            op: op.id,
            name: op.name.clone(),
            group: group(op),
            phase: op.phase,
            layer: op.layer,
            kernel: self.kernel(op),
            copies: u32::from(self.mapping.replicas),
            macs_dense: dense,
            macs_effective: dense,
            bytes_in: Bytes::ZERO,
            bytes_out: Bytes::ZERO,
            updated: self.updated(op),
        };
        match job.kernel {
            Kernel::Attention(_) => {
                job.copies *= self.mapping.groups * u32::from(self.mapping.bands);
            }
            Kernel::Rowwise { features: Features::Scores, .. } => job.copies *= self.mapping.groups,
            Kernel::Columnwise(_) => job.copies *= u32::from(self.mapping.width),
            Kernel::Weights(kernel) => self.stream(&mut job, kernel),
            Kernel::Scatter => job.bytes_in = self.activations(),
            Kernel::Gather => job.bytes_out = self.activations(),
            Kernel::Spread => job.bytes_in = self.precision.bytes() * self.band(),
            Kernel::BandSum => job.bytes_out = STATISTICS.bytes() * self.band(),
            _ => {}
        }
        job
    }

    /// AdamW keeps weight and moments in fp32: it reads and writes all three, reads the sum of the gradients of all
    /// micro-batches and writes the weight as it streams. What a mask leaves out has none of them.
    fn updated(&self, op: &Op) -> Bytes {
        let state = Dtype::Fp32.bytes() * 7 + self.precision.bytes();
        let own = op.inputs.iter().map(|&input| self.graph.tensor(input)).filter(|tensor| {
            tensor.role == TensorRole::Parameter && self.graph.consumers(tensor.id).first() == Some(&op.id)
        });
        let kept = own.map(|tensor| match op.layer.zip(tensor.target) {
            Some((layer, target)) if self.masks.is_sparse_in(layer, target) => self.masks.nnz(layer, target),
            _ => tensor.elements(),
        });
        state * kept.sum::<u64>()
    }

    fn activations(&self) -> Bytes {
        self.precision.bytes() * self.band() * u64::from(self.mapping.sequences())
    }

    /// Values of the residual stream in a band.
    fn band(&self) -> u64 {
        let tokens = u64::from(self.mapping.band_rows) * u64::from(self.mapping.tokens);
        tokens * u64::from(self.mapping.hidden.features())
    }

    /// Weights in (dX and dW of one weight share a stream only if they run together; here each has its own),
    /// gradients out. A kept weight of a sparse tensor is a 32-bit wavelet with its index; dense weights are
    /// packed, as many in a wavelet as fit. Each row ends with a control wavelet. Replicas hear one stream of weights,
    /// and send gradients of their own.
    fn stream(&self, job: &mut Job, kernel: WeightKernel) {
        let (ins, outs) =
            (self.mapping.slices(kernel.input).features(), self.mapping.slices(kernel.output).features());
        let size = u64::from(ins) * u64::from(outs);
        let kept = kernel.mask.map_or(size, |(layer, target)| self.masks.nnz(layer, target));
        let rows = u64::from(if kernel.direction == Direction::Data { ins } else { outs });
        job.macs_effective =
            Macs((u128::from(job.macs_dense.0) * u128::from(kept) / u128::from(size.max(1))) as u64);
        let sparse = kept < size;
        let each = if sparse { Bytes(4) } else { self.precision.bytes() };
        let values = if kernel.direction == Direction::Weight && !sparse { Bytes::ZERO } else { each * kept };
        job.bytes_in = values + Bytes(4) * rows;
        if kernel.direction == Direction::Weight {
            let sums = kept * u64::from(self.mapping.replicas);
            job.bytes_out = self.reduce.unwrap_or(self.precision).bytes() * sums;
        }
    }

    fn kernel(&self, op: &Op) -> Kernel {
        let rowwise = |op, features| Kernel::Rowwise { op, features };
        match op.kind {
            OpKind::Linear(_) => self.weights(op, Direction::Forward),
            OpKind::LinearGradData(_) => self.weights(op, Direction::Data),
            OpKind::LinearGradWeight(_) => self.weights(op, Direction::Weight),
            OpKind::AttentionScores(_) | OpKind::AttentionContextGradP(_) => {
                Kernel::Attention(AttentionKernel::Scores)
            }
            OpKind::AttentionContext(_) | OpKind::AttentionScoresGradQ(_) => {
                Kernel::Attention(AttentionKernel::Context)
            }
            OpKind::AttentionScoresGradK(_) | OpKind::AttentionContextGradV(_) => {
                Kernel::Attention(AttentionKernel::Transposed)
            }
            OpKind::Embedding => Kernel::Scatter,
            OpKind::EmbeddingGrad => Kernel::Gather,
            OpKind::PositionEmbedding => Kernel::Spread,
            OpKind::PositionEmbeddingGrad => Kernel::BandSum,
            OpKind::RmsNorm(_) => rowwise(LocalOp::RmsNorm, Features::Hidden),
            OpKind::RmsNormGradData(_) => rowwise(LocalOp::RmsNormGrad, Features::Hidden),
            OpKind::LayerNorm(_) => rowwise(LocalOp::LayerNorm, Features::Hidden),
            OpKind::LayerNormGradData(_) => rowwise(LocalOp::LayerNormGrad, Features::Hidden),
            OpKind::RmsNormGradWeight(_) | OpKind::LayerNormGradWeight(_) => {
                Kernel::ColumnSum(Features::Hidden)
            }
            OpKind::BiasGrad => Kernel::ColumnSum(self.biased(self.graph.tensor(op.outputs[0]).parameter)),
            OpKind::Bias => rowwise(LocalOp::Bias, self.biased(Some(op.inputs[1]))),
            OpKind::Rope(_) | OpKind::RopeGrad(_) => rowwise(LocalOp::Rope, self.turned(op)),
            OpKind::Softmax(_) => rowwise(LocalOp::Softmax, Features::Scores),
            OpKind::SoftmaxGrad(_) => rowwise(LocalOp::SoftmaxGrad, Features::Scores),
            OpKind::SwiGlu => rowwise(LocalOp::SwiGlu, Features::Ffn),
            OpKind::SwiGluGrad => rowwise(LocalOp::SwiGluGrad, Features::Ffn),
            OpKind::Gelu => rowwise(LocalOp::Gelu, Features::Ffn),
            OpKind::GeluGrad => rowwise(LocalOp::GeluGrad, Features::Ffn),
            // Two gradients of one parameter (a table that is also the output head) meet at the weight store.
            OpKind::Add if self.graph.tensor(op.outputs[0]).role == TensorRole::ParameterGradient => {
                Kernel::OffWafer
            }
            OpKind::Add => rowwise(LocalOp::Add, Features::Hidden),
            OpKind::CrossEntropy => rowwise(LocalOp::CrossEntropy, Features::Vocab),
            OpKind::CrossEntropyGrad => rowwise(LocalOp::CrossEntropyGrad, Features::Vocab),
            OpKind::SquareHeadSums => rowwise(LocalOp::SquareHeadSums, Features::Hidden),
            OpKind::SquareHead(_) => Kernel::Columnwise(LocalOp::SquareHead),
            OpKind::SquareHeadGrad => rowwise(LocalOp::SquareHeadGrad, Features::Hidden),
            // Nothing on the wafer reads the sum of the terms of the loss: the weight store's host adds them up.
            OpKind::TotalLoss(_) | OpKind::AdamW => Kernel::OffWafer,
        }
    }

    fn weights(&self, op: &Op, direction: Direction) -> Kernel {
        let weight = self.graph.weight(op);
        // A teacher's linear lies as the student's does, but has no mask.
        let (linear, target) = (
            weight.and_then(|weight| self.graph.linear(weight)),
            weight.and_then(|weight| self.graph.tensor(weight).target),
        );
        let mask = op.layer.zip(target).filter(|&(layer, target)| self.masks.is_sparse_in(layer, target));
        let (input, output) = self.ends_of(linear);
        Kernel::Weights(WeightKernel { direction, mask, input, output })
    }

    /// Features that a rotation turns: queries, or keys where they are fewer.
    fn turned(&self, op: &Op) -> Features {
        let width = self.graph.tensor(op.outputs[0]).shape[1];
        let features =
            if width == u64::from(self.graph.model().hidden) { Features::Query } else { Features::Key };
        self.mapping.canonical(features)
    }

    /// Features that a bias is added to: the output of the linear before it, or the residual stream after a
    /// norm.
    fn biased(&self, bias: Option<TensorId>) -> Features {
        let reader = bias.and_then(|bias| self.graph.consumers(bias).first());
        let before = reader.and_then(|&op| self.graph.producer(self.graph.op(op).inputs[0]));
        match before.and_then(|op| self.graph.weight(self.graph.op(op))) {
            Some(weight) => self.ends_of(self.graph.linear(weight)).1,
            None => Features::Hidden,
        }
    }

    /// Input and output features of a linear, `None` for the output head.
    fn ends_of(&self, linear: Option<Target>) -> (Features, Features) {
        let (input, output) = linear.map_or((Features::Hidden, Features::Vocab), features_of);
        (self.mapping.canonical(input), self.mapping.canonical(output))
    }
}

/// Input and output features of a linear.
pub fn features_of(target: Target) -> (Features, Features) {
    match target {
        Target::Q => (Features::Hidden, Features::Query),
        Target::K | Target::V => (Features::Hidden, Features::Key),
        Target::O => (Features::Query, Features::Hidden),
        Target::Gate | Target::Up | Target::Fc1 => (Features::Hidden, Features::Ffn),
        Target::Down | Target::Fc2 => (Features::Ffn, Features::Hidden),
    }
}

/// What an op belongs to in tables.
fn group(op: &Op) -> String {
    match op.kind {
        OpKind::Linear(_) | OpKind::LinearGradData(_) | OpKind::LinearGradWeight(_) => {
            let mut parts = op.name.rsplit('.');
            let last = parts.next().unwrap_or("");
            let name = if matches!(last, "dx" | "dw") { parts.next().unwrap_or(last) } else { last };
            name.to_owned()
        }
        OpKind::AttentionScores(_) | OpKind::AttentionScoresGradQ(_) | OpKind::AttentionScoresGradK(_) => {
            "attention scores".to_owned()
        }
        OpKind::AttentionContext(_) | OpKind::AttentionContextGradP(_) | OpKind::AttentionContextGradV(_) => {
            "attention context".to_owned()
        }
        OpKind::Softmax(_) | OpKind::SoftmaxGrad(_) => "softmax".to_owned(),
        OpKind::RmsNorm(_) | OpKind::RmsNormGradData(_) | OpKind::RmsNormGradWeight(_) => {
            "rmsnorm".to_owned()
        }
        OpKind::LayerNorm(_) | OpKind::LayerNormGradData(_) | OpKind::LayerNormGradWeight(_) => {
            "layernorm".to_owned()
        }
        OpKind::Rope(_) | OpKind::RopeGrad(_) => "rope".to_owned(),
        OpKind::SwiGlu | OpKind::SwiGluGrad => "swiglu".to_owned(),
        OpKind::Gelu | OpKind::GeluGrad => "gelu".to_owned(),
        OpKind::Add => "add".to_owned(),
        OpKind::Bias | OpKind::BiasGrad => "bias".to_owned(),
        OpKind::CrossEntropy | OpKind::CrossEntropyGrad | OpKind::TotalLoss(_) => "loss".to_owned(),
        OpKind::SquareHeadSums | OpKind::SquareHead(_) | OpKind::SquareHeadGrad => "squarehead".to_owned(),
        OpKind::Embedding
        | OpKind::EmbeddingGrad
        | OpKind::PositionEmbedding
        | OpKind::PositionEmbeddingGrad => "embedding".to_owned(),
        OpKind::AdamW => "adamw".to_owned(),
    }
}
