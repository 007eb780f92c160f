//! `wafersim campaign`

use std::path::PathBuf;

use clap::Args;
use wafersim::campaign::{CampaignError, CampaignRequest, campaign};
use wafersim::report;
use wafersim::simulate::Engines;
use wafersim::spec::recipe::RecipeSpec;
use wafersim::spec::wafer::WaferSpec;
use wafersim::spec::{Resolved, load_arch, load_recipe, split_overrides};

use crate::cli::failure::Failure;
use crate::cli::run::command_line;
use crate::cli::specs::{overrides, wafer};
use crate::cli::terminal::{Bar, claim, say, write};

const EXAMPLES: &str = "Examples:
  wafersim campaign sparse-llama-7b
  wafersim campaign sparse-llama-7b --systems 16 --out reports
  wafersim campaign sparse-finetune-gsm8k --set training.squarehead_weight=0.5
  wafersim campaign ./my-recipe.toml --arch cs2 --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CampaignArgs {
    /// Recipe: a preset (`wafersim explain presets` lists them) or a path to a TOML file.
    recipe: String,
    /// Machine: a preset or a path to a TOML file.
    #[arg(long, default_value = "cs3")]
    arch: String,
    /// Systems that share each step, in data parallel.
    #[arg(long, value_name = "N", default_value_t = 1)]
    systems: u32,
    /// Override a value of the machine, or of the workloads of all phases; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Folder that reports go to.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
    /// Print the record as JSON instead of the table.
    #[arg(long)]
    json: bool,
}

/// Run a campaign and write its report.
pub(crate) fn command(args: &CampaignArgs) -> Result<(), Failure> {
    let (recipe, machine) = load(args)?;
    let most = machine.spec.cluster.most_systems;
    if !(1..=most).contains(&args.systems) {
        return Err(Failure::systems(args.systems, most));
    }
    let request = CampaignRequest {
        recipe,
        machine,
        systems: args.systems,
        engines: Engines::default(),
        command: command_line(),
    };
    let _claim = claim(&args.out)?;
    let bar = Bar::new();
    let result = campaign(&request, &bar);
    bar.0.finish_and_clear();
    let record = result?;
    let folder = args.out.join(&record.name);
    write(&folder, report::campaign_files(&record))?;
    if args.json {
        say(&record.to_json());
    } else {
        say(&report::campaign_text(&record));
        say(&format!("report in {}\n", folder.display()));
    }
    Failure::unless(record.validate_sums(), record.verified(), "`wafersim verify` shows them")
}

/// Recipe and wafer, or all that is wrong with them.
fn load(args: &CampaignArgs) -> Result<(RecipeSpec, Resolved<WaferSpec>), Failure> {
    let (to_arch, to_workload) = split_overrides(&overrides(&args.overrides))?;
    let (recipe, machine) = match (load_recipe(&args.recipe, &to_workload), load_arch(&args.arch, &to_arch)) {
        (Ok(recipe), Ok(machine)) => (recipe, machine),
        (Err(first), Err(second)) => return Err(Failure::Refused(format!("{first}\n\n{second}"))),
        (Err(faults), _) | (_, Err(faults)) => return Err(faults.into()),
    };
    Ok((recipe, wafer(machine, &args.arch)?))
}

impl From<CampaignError> for Failure {
    fn from(error: CampaignError) -> Self {
        let text = format!("error: {error}");
        match error {
            CampaignError::Run { source, .. } => match Self::from(*source) {
                Self::Refused(_) => Self::Refused(text),
                Self::Failed(_) => Self::Failed(text),
            },
            CampaignError::Share { .. } => Self::Refused(text),
        }
    }
}
