//! From axes to points: every combination, and the specs of each.

use serde::{Deserialize, Serialize};

use super::{AxisValue, SweepSpec};
use crate::error::{Fault, Faults, SourceText};
use crate::expr::{ConditionError, Value};
use crate::spec::gpu::{self, GpuSpec};
use crate::spec::wafer::WaferSpec;
use crate::spec::workload::WorkloadSpec;
use crate::spec::{ArchSpec, Override, Resolved, load_arch, load_workload, split_overrides};

/// A key of an axis with one of its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Full key, or `workload` or `arch` for a whole file.
    pub key: String,
    /// Value.
    pub value: AxisValue,
}

/// Specs of a point.
#[derive(Clone, Debug)]
pub struct PointSpecs {
    /// What is trained.
    pub workload: Resolved<WorkloadSpec>,
    /// On which wafer.
    pub machine: Resolved<WaferSpec>,
    /// What runs this point alone.
    pub command: String,
}

impl SweepSpec {
    /// Every combination of the axes in order, conditions not yet asked.
    pub fn combinations(&self) -> impl Iterator<Item = Vec<Setting>> + '_ {
        let total: usize = self.axes.iter().map(|axis| axis.places.len()).product();
        (0..total).map(|number| {
            // The last axis changes fastest.
            let mut rest = number;
            let mut axes: Vec<Vec<Setting>> = Vec::new();
            for axis in self.axes.iter().rev() {
                let place = &axis.places[rest % axis.places.len()];
                rest /= axis.places.len();
                let settings = axis.keys.iter().zip(place);
                axes.push(
                    settings
                        .map(|(key, value)| Setting { key: key.key.clone(), value: value.clone() })
                        .collect(),
                );
            }
            axes.into_iter().rev().flatten().collect()
        })
    }

    /// Specs of a combination.
    ///
    /// # Errors
    /// Values that do not go together.
    pub fn specs(&self, settings: &[Setting]) -> Result<PointSpecs, Faults> {
        let set = || settings.iter().filter(|setting| !setting.value.is_unset());
        let file = |key: &str, base: &str| match set().find(|setting| setting.key == key) {
            Some(setting) => setting.value.to_string(),
            None => base.to_owned(),
        };
        let (workload, arch) = (file("workload", &self.base.workload), file("arch", &self.base.arch));
        let of_axes = set().filter(|setting| !super::FILES.contains(&setting.key.as_str()));
        let of_axes = of_axes.map(|setting| Override(format!("{}={}", setting.key, setting.value)));
        let all: Vec<Override> = self.set.iter().cloned().chain(of_axes).collect();
        let sets = all.iter().map(|given| format!(" --set '{}'", given.0)).collect::<String>();
        let command = format!("wafersim run {workload} --arch {arch}{sets}");
        let (to_arch, to_workload) = split_overrides(&all)?;
        let workload = load_workload(&workload, &to_workload)?;
        let machine = load_arch(&arch, &to_arch)?;
        let ArchSpec::Wafer(spec) = machine.spec else {
            let asked = SourceText::new("sweep.arch", arch.as_str());
            let fault = Fault::new(&asked, 0..arch.len(), "a step runs on a wafer, and this is a GPU");
            return Err(fault.help("name a wafer; GPUs to compare with are in `sweep.gpus`").into());
        };
        Ok(PointSpecs { workload, machine: Resolved { spec, entries: machine.entries }, command })
    }

    /// GPUs that each point is compared with.
    ///
    /// # Errors
    /// What is wrong with their files, or one that is no GPU.
    pub fn gpus(&self) -> Result<Vec<(String, GpuSpec)>, Faults> {
        let gpu = |name: &str| match load_arch(name, &[])?.spec {
            ArchSpec::Gpu(spec) => Ok((spec.name.clone(), spec)),
            ArchSpec::Wafer(_) => {
                let asked = SourceText::new("sweep.gpus", name);
                Err(Fault::new(&asked, 0..name.len(), "this is a wafer").help("name a GPU").into())
            }
        };
        match &self.base.gpus {
            Some(names) => names.iter().map(|name| gpu(name)).collect(),
            None => gpu::COMPARED.iter().map(|name| gpu(name)).collect(),
        }
    }

    /// The first condition that a point does not fulfil.
    ///
    /// # Errors
    /// A condition that compares what cannot be compared, or names a value that this point has not.
    pub fn broken(&self, specs: &PointSpecs) -> Result<Option<&str>, (String, ConditionError)> {
        let value = |name: &str| match name {
            "workload" => Some(Value::Text(specs.workload.spec.name.clone())),
            "arch" => Some(Value::Text(specs.machine.spec.name.clone())),
            key => {
                let mut entries = specs.workload.entries.iter().chain(&specs.machine.entries);
                let text = &entries.find(|entry| entry.key == key)?.value;
                let number = text.parse().ok().filter(|number: &f64| number.is_finite());
                Some(number.map_or_else(|| Value::Text(text.trim_matches('"').to_owned()), Value::Number))
            }
        };
        for condition in &self.conditions {
            if !condition.holds(&value).map_err(|error| (condition.text.clone(), error))? {
                return Ok(Some(&condition.text));
            }
        }
        Ok(None)
    }
}
