//! The specs that are compiled into the binary: the one list of them.

/// A spec that is compiled in.
#[derive(Debug)]
pub(super) struct Preset {
    /// Bare name.
    pub(super) name: &'static str,
    /// File that it was compiled from, for messages.
    pub(super) path: &'static str,
    /// Its text.
    pub(super) text: &'static str,
}

/// A kind of file: what it is called, how it starts and which presets there are.
#[derive(Debug)]
pub(super) struct Library {
    /// In messages.
    pub(super) what: &'static str,
    /// First line of each file.
    pub(super) schema: &'static str,
    /// Keys that a file has beside its values.
    pub(super) header: &'static [&'static str],
    /// Legal values of `kind`, where the header has it.
    pub(super) kinds: &'static [&'static str],
    /// Whether a file that ends in `.json` is a configuration of Hugging Face.
    pub(super) imports_json: bool,
    /// Compiled-in files.
    pub(super) presets: &'static [Preset],
}

macro_rules! presets {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(Preset {
            name: $name,
            path: concat!($folder, "/", $name, ".toml"),
            text: include_str!(concat!("../../", $folder, "/", $name, ".toml")),
        }),*]
    };
}

/// Machines. A value of a machine is a fact, so it carries its mark and source.
pub(super) const ARCH: Library = Library {
    what: "machine",
    schema: "wafersim-arch-1",
    header: &["schema", "kind", "inherits"],
    kinds: &["wafer", "gpu"],
    imports_json: false,
    presets: presets!["arch":
        "cs3", "cs3-software-trigger", "cs3-simfabric", "cs2", "cs2-simfabric", "a100-80g", "h100-sxm", "h200",
        "a100-80g-pcie", "h100-pcie", "rtx3090",
    ],
};

/// Workloads. Their values are choices.
pub(super) const WORKLOAD: Library = Library {
    what: "workload",
    schema: "wafersim-workload-1",
    header: &["schema", "inherits"],
    kinds: &[],
    imports_json: true,
    presets: presets!["workloads": "llama2-7b", "llama2-13b", "llama2-70b", "llama1-7b", "gpt3-256m", "gpt3-6.7b", "gpt3-20b", "gpt3-12k", "gptj-6b", "llama-1t", "llama2-tiny", "gpt3-tiny", "gptj-tiny"],
};

/// Recipes of campaigns. Their values are choices, each phase with its source.
pub(super) const RECIPE: Library = Library {
    what: "recipe",
    schema: "wafersim-recipe-1",
    header: &["schema"],
    kinds: &[],
    imports_json: false,
    presets: presets!["workloads/recipes": "sparse-llama-7b", "dense-llama-7b", "sparse-finetune-gsm8k", "gpt3-6.7b-90"],
};

/// Sweeps. Their values are choices.
pub(super) const SWEEP: Library = Library {
    what: "sweep",
    schema: "wafersim-sweep-1",
    header: &["schema"],
    kinds: &[],
    imports_json: false,
    presets: presets!["workloads/sweeps": "sparsity-by-size", "sparsity-levels", "queues-by-simd", "sram-by-sequence", "io-by-sparsity", "patterns", "yield"],
};

/// All kinds of files.
pub(super) const LIBRARIES: [&Library; 4] = [&ARCH, &WORKLOAD, &RECIPE, &SWEEP];

impl Preset {
    /// What it is: the first sentence of its text, or its beginning where that is long.
    pub(super) fn about(&self) -> String {
        const LONGEST: usize = 80;
        let comment = self.text.lines().map_while(|line| line.strip_prefix('#'));
        let words = comment.map(str::trim).collect::<Vec<_>>().join(" ");
        let mut ends =
            [". ", "; ", ": ", ", ", " "].into_iter().map(|end| words.find(end).unwrap_or(words.len()));
        let end = ends.find(|end| *end <= LONGEST).unwrap_or(words.len());
        words[..end].trim_end_matches('.').to_owned()
    }
}

/// Bare names of the machines, in the order of the list.
pub fn arch_presets() -> Vec<&'static str> {
    ARCH.presets.iter().map(|preset| preset.name).collect()
}

/// Bare names of the workloads, in the order of the list.
pub fn workload_presets() -> Vec<&'static str> {
    WORKLOAD.presets.iter().map(|preset| preset.name).collect()
}

/// Bare names of the recipes, in the order of the list.
pub fn recipe_presets() -> Vec<&'static str> {
    RECIPE.presets.iter().map(|preset| preset.name).collect()
}

/// Bare names of the sweeps, in the order of the list.
pub fn sweep_presets() -> Vec<&'static str> {
    SWEEP.presets.iter().map(|preset| preset.name).collect()
}
