//! A dense teacher beside the student, and SquareHead: the loss that keeps what the student's blocks make near what
//! the teacher's make (Kurtic et al., "Sparse fine-tuning for inference acceleration of large language models", 2023).
//!
//! The teacher ends with its last block: nothing reads its logits, since the published coefficient of a loss on them
//! is 0.

use super::build::Builder;
use super::{Ends, Forward, OpKind, Phase, SquareHead, TensorRole, gpt3, gptj, llama};
use crate::ids::TensorId;
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
        Family::Llama => llama::trunk(b, model, ends.token_ids).1,
        Family::Gptj => gptj::trunk(b, model, ends.token_ids).1,
    };
    b.teacher = false;
    let squarehead = SquareHead { elements: b.tokens() * u64::from(model.hidden), eps: EPS, weight };
    let mut terms = vec![ends.loss];
    for (layer, (&mine, &taught)) in student.states.iter().zip(&states).enumerate() {
        terms.push(distance(b, format!("layers.{layer}.squarehead"), squarehead, [mine, taught]));
    }
    let loss = b.forward("loss.total".to_owned(), None, OpKind::TotalLoss(squarehead), &terms, &[1]);
    Ends { loss, ..ends }
}

/// How far a state of the student is from the teacher's: sums token by token, then over all tokens. The ops belong to
/// no block: what they read lies between two blocks, and no block that runs again has to make it again.
fn distance(b: &mut Builder, name: String, squarehead: SquareHead, states: [TensorId; 2]) -> TensorId {
    let shape = [b.tokens(), 2];
    let sums = b.forward(format!("{name}.sums"), None, OpKind::SquareHeadSums, &states, &shape);
    let distance = b.outside(&name, TensorRole::Loss, &[1]);
    let rate = b.outside(&format!("{name}.rate"), TensorRole::Activation, &[1]);
    let kind = OpKind::SquareHead(squarehead);
    b.add_op(name, kind, None, Phase::Forward, &[sums], &[distance, rate]);
    distance
}
