//! `wafersim bench`

use clap::Subcommand;
use wafersim::bench;
use wafersim::spec::{ArchSpec, load_arch};

use crate::cli::failure::Failure;
use crate::cli::terminal::say;

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The reference engine: weights through a square of PEs, a broadcast and a reduction on the whole wafer, and
    /// one row at work among idle ones.
    Fabric {
        /// Only kernels with this in their names.
        #[arg(long, value_name = "TEXT", default_value = "")]
        only: String,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
}

/// Time what is asked for and print the table.
pub(crate) fn command(what: &Bench) -> Result<(), Failure> {
    match what {
        Bench::Fabric { only, json } => fabric(only, *json),
    }
}

fn fabric(only: &str, json: bool) -> Result<(), Failure> {
    let ArchSpec::Wafer(machine) = load_arch("cs3", &[])?.spec else {
        return Err(Failure::Failed("error: `cs3` is no wafer".to_owned()));
    };
    let mut kernels = bench::Kernel::ALL.to_vec();
    kernels.retain(|kernel| kernel.name().contains(only));
    if kernels.is_empty() {
        let names = bench::Kernel::ALL.map(|kernel| format!("`{}`", kernel.name())).join(", ");
        return Err(Failure::Refused(format!("error: `--only {only}` is in none of {names}")));
    }
    let measured: Result<Vec<_>, _> =
        kernels.into_iter().map(|kernel| bench::measure(kernel, &machine)).collect();
    let measured = measured.map_err(|fault| Failure::Failed(format!("error: {fault}")))?;
    say(&if json { bench::json(&measured) } else { bench::text(&measured) });
    Ok(())
}
