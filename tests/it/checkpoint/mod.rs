//! Masks of a checkpoint: found however they are marked, refused in words, and never a panic for any bytes.

mod fuzz;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};
use tempfile::TempDir;

use wafersim::checkpoint::Checkpoint;
use wafersim::graph::TrainGraph;
use wafersim::sparsity::{Mask, Masks, PruningMark, Target, parameter};
use wafersim::spec::workload::WorkloadSpec;
use wafersim::spec::{Override, load_workload};

/// Tensors by name: format, shape, bytes.
type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn workload(pattern: &str, more: &[&str]) -> WorkloadSpec {
    let own = [format!("sparsity.pattern={pattern}"), "sparsity.checkpoint=a".to_owned()];
    let all = own.into_iter().chain(more.iter().map(|text| (*text).to_owned()));
    load_workload("llama2-tiny", &all.map(Override).collect::<Vec<_>>()).unwrap().spec
}

/// The linears of the tiny model, other parameters included; `value` by tensor number and element.
fn weights(value: impl Fn(usize, usize) -> f32) -> Tensors {
    let spec = workload("checkpoint", &[]);
    let mut tensors = Tensors::new();
    let all = (0..2).flat_map(|layer| Target::ALL[..7].iter().map(move |&target| (layer, target)));
    for (number, (layer, target)) in all.enumerate() {
        let (rows, cols) = target.shape(&spec.model);
        let size = (rows * cols) as usize;
        let bytes = (0..size).flat_map(|at| value(number, at).to_le_bytes()).collect();
        let shape = vec![rows as usize, cols as usize];
        tensors.insert(parameter(layer, target), (Dtype::F32, shape, bytes));
    }
    let norm = (Dtype::F32, vec![64], vec![0; 256]);
    tensors.insert("model.norm.weight".to_owned(), norm);
    tensors
}

fn bytes(tensors: &Tensors) -> Vec<u8> {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    serialize(views, None::<HashMap<String, String>>).unwrap()
}

fn written(tensors: &Tensors) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.safetensors"), bytes(tensors)).unwrap();
    folder
}

/// Masks of the tensors, or the message with the folder's path as `DIR`.
fn masks_of(tensors: &Tensors, spec: &WorkloadSpec) -> Result<Masks, String> {
    let folder = written(tensors);
    masks_in(folder.path(), folder.path(), spec)
}

fn masks_in(path: &Path, folder: &Path, spec: &WorkloadSpec) -> Result<Masks, String> {
    let checkpoint = Checkpoint::open(path).map_err(|error| error.to_string());
    let masks = checkpoint.and_then(|checkpoint| {
        Masks::of_checkpoint(spec, &Arc::new(checkpoint)).map_err(|error| error.to_string())
    });
    masks.map_err(|message| message.replace(&folder.display().to_string(), "DIR"))
}

/// Of tensor `number`, every so-manieth weight is pruned.
fn is_pruned(number: usize, at: usize) -> bool {
    at.is_multiple_of(number + 2)
}

fn expect_pruned(masks: &Masks, mark: PruningMark) {
    assert_eq!(masks.mark(), Some(mark));
    for (number, (layer, target)) in masks.tensors().enumerate() {
        let mask = masks.mask(layer, target);
        let bits = (0..mask.size() as usize).map(|at| !is_pruned(number, at));
        assert_eq!(Mask::from_bits(mask.rows(), mask.cols(), bits), Some(mask.clone()), "{layer}, {target}");
        assert_eq!(mask.nnz(), masks.nnz(layer, target));
    }
}

/// Weights without marks, and masks beside them under the names that `name` gives.
fn with_masks(dtype: Dtype, name: impl Fn(&str) -> String) -> Tensors {
    let mut tensors = weights(|_, at| at as f32);
    let linears = (0..2).flat_map(|layer| Target::ALL[..7].iter().map(move |&target| (layer, target)));
    for (number, (layer, target)) in linears.enumerate() {
        let weight = parameter(layer, target);
        let shape = tensors[&weight].1.clone();
        let bits = (0..shape[0] * shape[1]).map(|at| u8::from(!is_pruned(number, at))).collect();
        tensors.insert(name(&weight), (dtype, shape, bits));
    }
    tensors
}

#[test]
fn names_are_those_of_the_graph() {
    let graph = TrainGraph::build(&workload("checkpoint", &[]).model, 1, 4).unwrap();
    let linears: Vec<_> = graph.parameters().filter(|tensor| tensor.target.is_some()).collect();
    assert_eq!(linears.len(), 14);
    for tensor in linears {
        assert_eq!(tensor.name, parameter(tensor.layer.unwrap(), tensor.target.unwrap()));
    }
}

#[test]
fn every_mark_is_found() {
    let spec = workload("checkpoint", &[]);
    let marked = |mark: f32| weights(move |number, at| if is_pruned(number, at) { mark } else { -0.5 });
    for zero in [0.0, -0.0] {
        expect_pruned(&masks_of(&marked(zero), &spec).unwrap(), PruningMark::Zero);
    }
    expect_pruned(&masks_of(&marked(f32::NAN), &spec).unwrap(), PruningMark::Nan);
    for dtype in [Dtype::U8, Dtype::BOOL] {
        let before = with_masks(dtype, |weight| format!("mask.{weight}"));
        expect_pruned(&masks_of(&before, &spec).unwrap(), PruningMark::MaskTensors);
        let mut behind = with_masks(dtype, |weight| format!("{weight}_mask"));
        expect_pruned(&masks_of(&behind, &spec).unwrap(), PruningMark::MaskTensors);
        // Masks do without their weights.
        behind.retain(|name, _| name.ends_with("_mask"));
        expect_pruned(&masks_of(&behind, &spec).unwrap(), PruningMark::MaskTensors);
    }
    let nothing = masks_of(&weights(|_, _| 1.0), &spec).unwrap();
    assert!(nothing.says().contains("nothing is pruned; 0.00 % zeros in 14 tensors."), "{}", nothing.says());
}

#[test]
fn shards_are_one_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = weights(|number, at| if is_pruned(number, at) { 0.0 } else { 1.0 });
    let mut index = serde_json::Map::new();
    for shard in 0..3 {
        let name = format!("model-{shard}.safetensors");
        let own: Tensors =
            tensors.iter().skip(shard).step_by(3).map(|(k, v)| (k.clone(), v.clone())).collect();
        std::fs::write(folder.path().join(&name), bytes(&own)).unwrap();
        index.extend(own.into_keys().map(|tensor| (tensor, name.clone().into())));
    }
    let index = serde_json::json!({ "metadata": {}, "weight_map": index });
    let path = folder.path().join("model.safetensors.index.json");
    std::fs::write(&path, index.to_string()).unwrap();
    let spec = workload("checkpoint", &[]);
    for path in [&path, folder.path()] {
        expect_pruned(&masks_in(path, folder.path(), &spec).unwrap(), PruningMark::Zero);
    }
}

#[test]
fn magnitudes_are_pruned_at_the_level_of_each_tensor() {
    let spec = workload("magnitude", &["sparsity.level=0.5", "sparsity.by_target.up=0.9"]);
    let masks = masks_of(&weights(|number, at| ((at * 7 + number) % 101) as f32 - 50.0), &spec).unwrap();
    for (number, (layer, target)) in masks.tensors().enumerate() {
        let mask = masks.mask(layer, target);
        let level = if target == Target::Up { 0.9 } else { 0.5 };
        assert_eq!(mask.size() - mask.nnz(), (level * mask.size() as f64).round() as u64, "{target}");
        assert_eq!(mask.nnz(), masks.nnz(layer, target));
        let magnitude = |at: usize| (((at * 7 + number) % 101) as f32 - 50.0).abs();
        let all = (0..mask.size() as usize)
            .map(|at| (mask.get(at as u32 / mask.cols(), at as u32 % mask.cols()), magnitude(at)));
        let least = all.clone().filter(|(kept, _)| *kept).map(|(_, size)| size).fold(f32::MAX, f32::min);
        assert!(all.filter(|(kept, _)| !kept).all(|(_, size)| size <= least), "{layer}, {target}");
    }
    let nan = masks_of(&weights(|n, at| if (n, at) == (3, 5) { f32::NAN } else { 1.0 }), &spec);
    insta::assert_snapshot!(nan.unwrap_err(), @"DIR/model.safetensors: tensor `model.layers.0.self_attn.o_proj.weight`, element 5: NaN has no magnitude: use the pattern \"checkpoint\" if it marks pruned weights");
}

#[test]
fn a_checkpoint_runs_and_its_mark_is_in_the_record() {
    let folder = written(&weights(|_, at| if at.is_multiple_of(4) { 1.0 } else { f32::NAN }));
    let args = [
        "run",
        "llama2-tiny",
        "--json",
        "--set",
        "fabric.width_pes=32",
        "--set",
        "fabric.height_pes=8",
        "--set",
        "io.prefetch_mib=1",
        "--set",
        "sparsity.pattern=checkpoint",
        "--set",
        "sparsity.checkpoint=model.safetensors",
    ];
    let run =
        assert_cmd::Command::cargo_bin("wafersim").unwrap().current_dir(folder.path()).args(args).assert();
    let record: serde_json::Value = serde_json::from_slice(&run.success().get_output().stdout).unwrap();
    assert_eq!(record["name"], "llama2-tiny-cs3-75-checkpoint");
    let notes = record["notes"].to_string();
    let found = "of model.safetensors, where pruned weights are NaN; 75.00 % zeros in 14 tensors.";
    assert!(notes.contains(found), "{notes}");
    let op = record["ops"].as_array().unwrap().iter().find(|op| op["name"] == "layers.1.mlp.up").unwrap();
    assert_eq!(op["theory_speedup"], 4.0);
}

/// Every refusal, word for word.
#[test]
fn refusals_name_file_and_tensor() {
    let spec = workload("checkpoint", &[]);
    let plain = || weights(|_, _| 1.0);
    let q = parameter(0, Target::Q);
    let mut said = Vec::new();
    let mut refused = |what: &str, tensors: &Tensors| {
        said.push(format!("{what}: {}", masks_of(tensors, &spec).unwrap_err()));
    };
    let mut tensors = plain();
    tensors.remove(&q);
    refused("missing", &tensors);
    let mut tensors = plain();
    tensors.insert(parameter(2, Target::Up), tensors[&q].clone());
    refused("extra layer", &tensors);
    let mut tensors = plain();
    tensors.insert("mask.lm_head.weight".to_owned(), tensors[&q].clone());
    refused("extra mask", &tensors);
    let mut tensors = plain();
    tensors.get_mut(&q).unwrap().1 = vec![32, 128];
    refused("shape", &tensors);
    let mut tensors = plain();
    tensors.get_mut(&q).unwrap().1 = vec![4096];
    refused("vector", &tensors);
    refused("infinite", &weights(|n, at| if (n, at) == (4, 9) { f32::NEG_INFINITY } else { 1.0 }));
    refused(
        "mixed",
        &weights(|n, at| [1.0, f32::NAN, 0.0][usize::from(at == 3) + usize::from(at == 3 && n == 2)]),
    );
    let mut tensors = with_masks(Dtype::U8, |weight| format!("mask.{weight}"));
    tensors.get_mut(&format!("mask.{q}")).unwrap().2[1] = 2;
    refused("no bit", &tensors);
    let mut tensors = with_masks(Dtype::U8, |weight| format!("mask.{weight}"));
    tensors.insert(format!("mask.{q}"), tensors[&q].clone());
    refused("mask of another format", &tensors);
    let mut tensors = with_masks(Dtype::U8, |weight| format!("{weight}_mask"));
    tensors.remove(&format!("{q}_mask"));
    refused("mask missing", &tensors);
    tensors.insert(format!("mask.{}", parameter(0, Target::K)), plain()[&q].clone());
    refused("two masks", &tensors);
    insta::assert_snapshot!(said.join("\n"));
}

/// Opens what `content` is as a file of this name.
fn opened(name: &str, content: &[u8]) -> Result<Masks, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    masks_in(&folder.path().join(name), folder.path(), &workload("checkpoint", &[]))
}

#[test]
fn files_that_are_no_checkpoint_are_named() {
    let mut said = Vec::new();
    let mut refused = |what: &str, name: &str, content: &[u8]| {
        said.push(format!("{what}: {}", opened(name, content).unwrap_err()));
    };
    let whole = bytes(&weights(|_, _| 1.0));
    refused("empty", "a.safetensors", b"");
    refused("short", "a.safetensors", b"abc");
    refused("cut in the header", "a.safetensors", &whole[..100]);
    refused("cut in the data", "a.safetensors", &whole[..whole.len() - 1]);
    refused("header of 16 EiB", "a.safetensors", &[[0xff; 8], *b"{}      "].concat());
    let huge =
        br#"{"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615]}}"#;
    refused("tensor of 16 EiB", "a.safetensors", &[&(huge.len() as u64).to_le_bytes()[..], huge].concat());
    refused("no json", "index.json", b"{");
    refused("no map", "index.json", b"{}");
    refused("up", "index.json", br#"{"weight_map": {"a": "../a.safetensors"}}"#);
    refused("away", "index.json", br#"{"weight_map": {"a": "/etc/passwd"}}"#);
    refused("dots", "index.json", br#"{"weight_map": {"a": ".."}}"#);
    refused("no name", "index.json", br#"{"weight_map": {"a": ""}}"#);
    refused("itself", "index.json", br#"{"weight_map": {"a": "index.json"}}"#);
    refused("no shard", "index.json", br#"{"weight_map": {"a": "b.safetensors"}}"#);
    let folder = tempfile::tempdir().unwrap();
    said.push(masks_in(folder.path(), folder.path(), &workload("checkpoint", &[])).unwrap_err());
    insta::assert_snapshot!(said.join("\n"));
}
