//! `wafersim completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::cli::terminal::say;

const EXAMPLES: &str = "Examples:
  wafersim completions bash > ~/.local/share/bash-completion/completions/wafersim
  wafersim completions zsh > ~/.zfunc/_wafersim
  wafersim completions fish > ~/.config/fish/completions/wafersim.fish
  wafersim completions powershell >> $PROFILE

A new shell knows them (zsh: with `fpath+=~/.zfunc` before `compinit` in .zshrc).";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// Shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the script that teaches a shell our commands and options.
pub(crate) fn command(args: &CompletionsArgs) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wafersim", &mut script);
    say(&String::from_utf8_lossy(&script));
}
