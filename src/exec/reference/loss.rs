//! Cross-entropy of the next token, averaged over all tokens but the last of each sequence.

/// For each token its label, the token that follows it; `None` for the last of a sequence of `length`.
fn next_tokens(labels: &[usize], length: usize) -> impl Iterator<Item = Option<usize>> {
    let is_last = move |token: usize| token % length == length - 1;
    (0..labels.len()).map(move |token| (!is_last(token)).then(|| labels[token + 1]))
}

/// Tokens that have a label.
fn labelled(labels: &[usize], length: usize) -> f64 {
    (labels.len() - labels.len() / length) as f64
}

/// Logarithm of the sum of exponentials, shifted by the largest so that none overflows.
fn log_sum_exp(logits: &[f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln()
}

/// Mean of `log(sum of exp(logits)) - logits[label]`, in nats.
pub(super) fn cross_entropy(logits: &[f64], labels: &[usize], vocab: usize, length: usize) -> f64 {
    let mut sum = 0.0;
    for (logits, label) in logits.chunks_exact(vocab).zip(next_tokens(labels, length)) {
        if let Some(label) = label {
            sum += log_sum_exp(logits) - logits[label];
        }
    }
    sum / labelled(labels, length)
}

/// `dlogits = (softmax(logits) - onehot(label)) / labelled tokens`; zero for tokens without a label.
pub(super) fn cross_entropy_grad(logits: &[f64], labels: &[usize], vocab: usize, length: usize) -> Vec<f64> {
    let mut gradient = vec![0.0; logits.len()];
    let tokens = logits.chunks_exact(vocab).zip(gradient.chunks_exact_mut(vocab));
    for ((logits, gradient), label) in tokens.zip(next_tokens(labels, length)) {
        let Some(label) = label else { continue };
        let total = log_sum_exp(logits);
        for (c, gradient) in gradient.iter_mut().enumerate() {
            let onehot = if c == label { 1.0 } else { 0.0 };
            *gradient = ((logits[c] - total).exp() - onehot) / labelled(labels, length);
        }
    }
    gradient
}
