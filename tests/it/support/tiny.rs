//! The tiny workload on a small CS-3, as requests.

use std::sync::Mutex;

use wafersim::run::{Progress, Request};
use wafersim::simulate::Engines;
use wafersim::sparsity::Masks;
use wafersim::spec::{ArchSpec, Override, Resolved, load_arch, load_workload, split_overrides};

/// Nobody listens.
pub(crate) struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _: &str) {}
    fn kernel(&self, _: usize, _: usize) {}
}

/// Hears which stages there were, and how many kernels each had to simulate.
#[derive(Default)]
pub(crate) struct Counted(Mutex<Vec<(String, usize)>>);

impl Counted {
    /// Kernels of all stages so far.
    pub(crate) fn kernels(&self) -> usize {
        self.0.lock().unwrap().iter().map(|(_, kernels)| kernels).sum()
    }

    /// Stages so far.
    pub(crate) fn stages(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(stage, _)| stage.clone()).collect()
    }
}

impl Progress for Counted {
    fn stage(&self, what: &str) {
        self.0.lock().unwrap().push((what.to_owned(), 0));
    }

    fn kernel(&self, _: usize, of: usize) {
        self.0.lock().unwrap().last_mut().unwrap().1 = of;
    }
}

/// A fabric on which the tiny workload runs in a moment.
pub(crate) const SMALL: [&str; 3] = ["fabric.width_pes=32", "fabric.height_pes=16", "io.prefetch_mib=1"];

/// The tiny workload with these overrides.
pub(crate) fn request(overrides: &[&str]) -> Request {
    let all: Vec<Override> = SMALL.iter().chain(overrides).map(|text| Override((*text).to_owned())).collect();
    let (arch, workload) = split_overrides(&all).unwrap_or_else(|faults| panic!("{faults}"));
    let workload = load_workload("llama2-tiny", &workload).unwrap_or_else(|faults| panic!("{faults}"));
    let arch = load_arch("cs3", &arch).unwrap_or_else(|faults| panic!("{faults}"));
    let ArchSpec::Wafer(spec) = arch.spec else { panic!("cs3 is a wafer") };
    Request {
        masks: Masks::new(&workload.spec).unwrap(),
        workload,
        machine: Resolved { spec, entries: arch.entries },
        gpus: Vec::new(),
        engines: Engines::default(),
        command: String::new(),
    }
}
