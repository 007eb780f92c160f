//! Training steps of PyTorch (scripts/make_golden.py): oracle and machine make what it made, and a folder that is not
//! as it should be is refused by file and tensor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype as Stored, SafeTensors, serialize};
use wafersim::dtype::Dtype;
use wafersim::record::Check;
use wafersim::verify::Golden;

use crate::support::machine;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden").join(name)
}

fn wrong(checks: &[Check]) -> Vec<&str> {
    checks.iter().filter(|check| !check.ok).map(|check| check.what.as_str()).collect()
}

#[test]
fn steps_of_pytorch_come_out() {
    for name in ["dense", "gqa-50", "opt-50", "gptj-50"] {
        let golden = Golden::open(&fixture(name)).unwrap();
        let oracle = golden.oracle().unwrap();
        assert_eq!(wrong(&oracle), [""; 0], "{name}");
        // Norms, rotations, softmax and loss of Hugging Face's model are fp32: nearer than that nobody comes.
        let largest = oracle.iter().map(|check| check.largest_error).fold(0.0, f64::max);
        assert!(largest < 1e-6, "{name}: {largest}");
        for precision in [Dtype::Fp32, Dtype::Bf16] {
            assert_eq!(wrong(&golden.machine(&machine(), precision).unwrap()), [""; 0], "{name} {precision}");
        }
    }
}

/// Format, shape and bytes of every tensor, to be changed.
type Tensors = BTreeMap<String, (Stored, Vec<usize>, Vec<u8>)>;

/// The dense fixture with its tensors changed, in a folder of its own.
fn changed(change: impl FnOnce(&mut Tensors)) -> tempfile::TempDir {
    let bytes = std::fs::read(fixture("dense").join("tensors.safetensors")).unwrap();
    let read = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Tensors = read
        .iter()
        .map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
        .collect();
    change(&mut tensors);
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tensors.safetensors"), serialize(views, None).unwrap()).unwrap();
    std::fs::copy(fixture("dense").join("config.json"), folder.path().join("config.json")).unwrap();
    folder
}

#[test]
fn a_wrong_value_is_found() {
    let folder = changed(|tensors| {
        let (_, _, bytes) = tensors.get_mut("grad.lm_head.weight").unwrap();
        let value = f64::from_le_bytes(bytes[..8].try_into().unwrap());
        bytes[..8].copy_from_slice(&(value + 0.01).to_le_bytes());
    });
    let golden = Golden::open(folder.path()).unwrap();
    assert_eq!(wrong(&golden.oracle().unwrap()), ["oracle: grad.lm_head.weight"]);
    let fp32 = golden.machine(&machine(), Dtype::Fp32).unwrap();
    assert_eq!(wrong(&fp32), ["fp32: grad.lm_head.weight"]);
}

#[test]
fn what_is_not_a_golden_step_is_refused() {
    let says = |folder: &Path, end: &str| {
        let told = Golden::open(folder).unwrap_err().to_string();
        assert!(told.ends_with(end) && told.contains("tensors.safetensors"), "{told}");
    };
    let gone = changed(|tensors| drop(tensors.remove("weight.model.norm.weight")));
    says(gone.path(), "tensor `weight.model.norm.weight` is missing");
    let no_ids = changed(|tensors| drop(tensors.remove("input_ids")));
    says(no_ids.path(), "tensor `input_ids` is missing");
    let more = changed(|tensors| {
        tensors.insert("grad.bias".to_owned(), (Stored::F32, vec![1], vec![0; 4]));
    });
    says(more.path(), "tensor `grad.bias` belongs to nothing");
    let flat = changed(|tensors| tensors.get_mut("weight.lm_head.weight").unwrap().1 = vec![2048]);
    says(flat.path(), "tensor `weight.lm_head.weight` has shape [2048]; [64, 32] is expected");
    let infinite = changed(|tensors| {
        tensors.get_mut("weight.lm_head.weight").unwrap().2[..4]
            .copy_from_slice(&f32::INFINITY.to_le_bytes());
    });
    says(infinite.path(), "tensor `weight.lm_head.weight`, element 0: inf is not finite");
    let bytes = std::fs::read(fixture("dense").join("tensors.safetensors")).unwrap();
    std::fs::write(more.path().join("tensors.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    let told = Golden::open(more.path()).unwrap_err().to_string();
    assert!(told.contains("tensors.safetensors: not a safetensors file"), "{told}");
}
