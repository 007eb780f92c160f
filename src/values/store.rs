//! The walk over the jobs of a step, and the weight store: what keeps parameters and moments as they are, and does
//! what does not run on the wafer.

use crate::exec::reference::{Reference, ReferenceError, Tensors};
use crate::graph::Op;
use crate::lower::job::{Job, Kernel};
use crate::values::{Results, Wafer};

/// The weight store.
pub(crate) struct Store<'a> {
    /// Its arithmetic.
    pub(crate) arithmetic: &'a Reference<'a>,
    /// What it keeps, as it is and not as it was sent; everything else comes from the wafer.
    pub(crate) kept: &'a Tensors,
}

impl Store<'_> {
    /// The results of an op on what the store keeps and the wafer `made`.
    fn evaluate(&self, op: &Op, made: &Tensors) -> Result<Results, ReferenceError> {
        let mut operands = Tensors::new();
        for &id in &op.inputs {
            if let Some(values) = self.kept.get(id).or(made.get(id)) {
                operands.set(id, values.to_vec());
            }
        }
        self.arithmetic.evaluate_op(op.id, &operands)
    }
}

impl Wafer<'_> {
    /// Do `jobs` in their order and keep what each makes: those of the wafer by `on_wafer`, which says what an op's
    /// results are, the others by the store.
    ///
    /// # Errors
    /// Those of `on_wafer`, and [`ReferenceError`] where an op of the store lacks an operand.
    pub(crate) fn walk<E: From<ReferenceError>>(
        &mut self,
        jobs: &[Job],
        store: &Store<'_>,
        mut on_wafer: impl FnMut(&Self, &Op, &Kernel) -> Result<Results, E>,
    ) -> Result<(), E> {
        for job in jobs {
            let op = self.graph.op(job.op);
            let results = match &job.kernel {
                Kernel::OffWafer => store.evaluate(op, &self.tensors)?,
                kernel => on_wafer(self, op, kernel)?,
            };
            op.outputs.iter().zip(results).for_each(|(&id, values)| self.tensors.set(id, values));
        }
        Ok(())
    }
}
