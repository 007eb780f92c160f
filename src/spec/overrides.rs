//! `--set key=value`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeValue;

use super::check::{Checker, Layer, Proof, unknown_key};
use super::field::{Field, Spec};
use super::gpu::GpuSpec;
use super::resolved::Mark;
use super::wafer::WaferSpec;
use super::workload::WorkloadSpec;
use crate::error::{Fault, Faults, SourceText};

/// One `--set key=value`, as the user wrote it.
///
/// The key is a full one (`sparsity.level`); the value is TOML, where a single word needs no quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Override(pub String);

impl Override {
    fn source(&self) -> Arc<SourceText> {
        SourceText::new("--set", self.0.as_str())
    }

    /// Key, and the byte at which the value begins.
    fn key(&self) -> Result<(&str, usize), Fault> {
        let equals = self.0.find('=').ok_or_else(|| {
            Fault::new(&self.source(), 0..self.0.len(), "there is no `=`")
                .help("write `--set key=value`, for example `--set sparsity.level=0.7`")
        })?;
        Ok((self.0[..equals].trim(), equals + 1))
    }

    /// The field that is set.
    fn field<'a>(&self, fields: &'a [Field]) -> Result<(&'a Field, usize), Fault> {
        let (key, value_at) = self.key()?;
        let field = fields.iter().find(|field| field.key == key);
        let field = field.ok_or_else(|| unknown_key(&self.source(), 0..value_at - 1, key, fields))?;
        Ok((field, value_at))
    }

    /// The value, with its place in the whole text: as TOML, or where that fails as a bare word.
    fn value(&self, at: usize) -> Spanned<DeValue<'_>> {
        let text = self.0[at..].trim();
        let start = at + (self.0[at..].len() - self.0[at..].trim_start().len());
        let value = DeValue::parse(text).map_or(DeValue::String(text.into()), Spanned::into_inner);
        Spanned::new(start..start + text.len(), value)
    }
}

/// The values that overrides give, one layer each; what is wrong goes to `faults`.
pub(super) fn layers(overrides: &[Override], fields: &[Field], faults: &mut Vec<Fault>) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for given in overrides {
        let (field, value_at) = match given.field(fields) {
            Ok(found) => found,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        let text = given.source();
        if layers.iter().any(|layer| layer.contains_key(field.key)) {
            let fault = Fault::new(&text, 0..value_at - 1, format!("`{}` is set twice", field.key));
            faults.push(fault.key(field.key).help("keep one of the two"));
        }
        let mut checker = Checker { fields, proven: false, text: &text, faults };
        let mut value = checker.value(field, &given.value(value_at));
        if let Some(value) = &mut value {
            let source = format!("--set {}", given.0);
            value.proof = Some(Proof { mark: Mark::Override, source, fitted_on: String::new() });
        }
        layers.push(Layer::from([(field.key, value)]));
    }
    layers
}

/// Sorts one list of overrides by the spec that has their keys: machine, workload.
///
/// # Errors
/// Every override without `=` or with a key that no spec has.
pub fn split_overrides(overrides: &[Override]) -> Result<(Vec<Override>, Vec<Override>), Faults> {
    let arch = [WaferSpec::fields(), GpuSpec::fields()].concat();
    let workload = WorkloadSpec::fields();
    let all = [arch.clone(), workload].concat();
    let (mut to_arch, mut to_workload, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for given in overrides {
        match given.field(&all) {
            Ok((field, _)) if arch.iter().any(|of_arch| of_arch.key == field.key) => {
                to_arch.push(given.clone())
            }
            Ok(_) => to_workload.push(given.clone()),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok((to_arch, to_workload)) } else { Err(Faults(faults)) }
}
