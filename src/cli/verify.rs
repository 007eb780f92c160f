//! `wafersim verify`

use std::path::PathBuf;

use clap::Args;
use wafersim::dtype::Dtype;
use wafersim::run::{Progress, RunError};
use wafersim::verify::{Golden, GoldenError};
use wafersim::{report, verify};

use crate::cli::failure::Failure;
use crate::cli::specs::specs;
use crate::cli::terminal::{Bar, say};

const EXAMPLES: &str = "Examples:
  wafersim verify llama2-7b --set sparsity.level=0.7
  wafersim verify gpt3-tiny --full-width
  wafersim verify --golden ./my-step/";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// Workload: a preset or a path; its step is verified at reduced size.
    #[arg(default_value = "llama2-7b", conflicts_with = "golden")]
    workload: String,
    /// Machine: a preset or a path.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Override a value of workload or machine, as `sparsity.level=0.7`; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Verify one block at the model's own widths instead (minutes).
    #[arg(long, conflicts_with = "golden")]
    full_width: bool,
    /// Compare with a training step of PyTorch: a folder with config.json and tensors.safetensors.
    #[arg(long, value_name = "DIR")]
    golden: Option<PathBuf>,
}

/// Compare values and print the table.
pub(crate) fn command(args: &VerifyArgs) -> Result<(), Failure> {
    let checks = match &args.golden {
        Some(folder) => {
            let refused = |error: GoldenError| Failure::Refused(error.to_string());
            let golden = Golden::open(folder).map_err(refused)?;
            let machine = specs(&args.workload, &args.arch, &args.overrides)?.1.spec;
            let mut checks = golden.oracle().map_err(refused)?;
            for precision in [Dtype::Fp32, Dtype::Bf16] {
                checks.extend(golden.machine(&machine, precision).map_err(RunError::from)?);
            }
            checks
        }
        None => {
            let (workload, machine) = specs(&args.workload, &args.arch, &args.overrides)?;
            let bar = Bar::new();
            let checks = if args.full_width {
                verify::full_width(&workload.spec, &machine.spec, &|op| bar.stage(op))
            } else {
                verify::check(&workload.spec, &machine.spec).map(|verification| verification.checks)
            };
            bar.0.finish_and_clear();
            checks.map_err(RunError::from)?
        }
    };
    say(&report::checks(&checks));
    say(&format!("{}.\n", verify::TOLERANCES));
    let failed: Vec<&str> =
        checks.iter().filter(|check| !check.ok).map(|check| check.what.as_str()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!("error: beyond the bound: {}", failed.join(", "))))
}
