//! A dense teacher beside the student, and SquareHead: the loss that keeps what the student's blocks make near what
//! the teacher's make (Kurtic et al., "Sparse fine-tuning for inference acceleration of large language models", 2023).
//!
//! The teacher ends with its last block: nothing reads its logits, since the published coefficient of a loss on them
//! is 0.

use super::build::Builder;
use super::{Ends, Forward, OpKind, SquareHead, gpt3, llama};
use crate::spec::workload::{Family, ModelSpec};

/// Added to the teacher's mean square: the distance from 1 to the next bf16, as the authors' code has it
/// (github.com/IST-DASLab/SparseFinetuning, `scripts/train/train_sparse.py`).
const EPS: f64 = 1.0 / 128.0;

/// Adds the teacher, its distance from `student` after each block, and the sum with cross-entropy that is the loss.
pub(super) fn follow(b: &mut Builder, model: &ModelSpec, student: &Forward, weight: f64) -> Ends {
    let ends = student.ends;
    b.teacher = true;
    let states = match model.family {
        Family::Gpt3 => gpt3::trunk(b, model, ends.token_ids).2,
        Family::Llama | Family::Gptj => llama::trunk(b, model, ends.token_ids).1,
    };
    b.teacher = false;
    let squarehead = SquareHead { eps: EPS, weight };
    let mut terms = vec![ends.loss];
    for (layer, (&mine, &taught)) in (0..model.layers).zip(student.states.iter().zip(&states)) {
        let (name, kind) = (format!("layers.{layer}.squarehead"), OpKind::SquareHead(squarehead));
        terms.push(b.forward(name, Some(layer), kind, &[mine, taught], &[1]));
    }
    let loss = b.forward("loss.total".to_owned(), None, OpKind::TotalLoss(squarehead), &terms, &[1]);
    Ends { loss, ..ends }
}
