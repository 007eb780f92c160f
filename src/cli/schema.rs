//! `wafersim schema`

use clap::{Args, ValueEnum};
use wafersim::spec::{FileKind, json_schema};

use crate::cli::terminal::say;

const EXAMPLES: &str = "Examples:
  wafersim schema workload > workload.schema.json
  wafersim schema arch > arch.schema.json

An editor that knows taplo (Even Better TOML) completes and checks a file whose first line is
  #:schema ./workload.schema.json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SchemaArgs {
    /// Kind of file.
    #[arg(value_enum)]
    of: Kind,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A machine.
    Arch,
    /// A workload.
    Workload,
    /// A recipe of a whole training.
    Recipe,
    /// A sweep.
    Sweep,
}

/// Print the schema.
pub(crate) fn command(args: &SchemaArgs) {
    say(&json_schema(match args.of {
        Kind::Arch => FileKind::Arch,
        Kind::Workload => FileKind::Workload,
        Kind::Recipe => FileKind::Recipe,
        Kind::Sweep => FileKind::Sweep,
    }));
}
