//! Examples of the help and of the pages: the parser must take each of them.

use clap::{Command, CommandFactory, Parser};
use wafersim::spec::{Override, split_overrides};

use crate::cli::Cli;

/// Commands that a text tells to type, without what a shell makes of them (`> file`, `# remark`).
fn typed(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter_map(|line| {
        let line = line.strip_prefix("  ")?.trim_start();
        line.strip_prefix("cargo run --release -- ").or_else(|| line.strip_prefix("wafersim "))
    });
    let words = |line: &str| {
        let words = line.split_whitespace().take_while(|word| !word.starts_with(['>', '#', '|']));
        words.map(str::to_owned).collect()
    };
    lines.map(words).collect()
}

/// The parser takes a command, and its `--set` are keys of ours.
fn is_taken(words: &[String]) {
    let command = format!("wafersim {}", words.join(" "));
    let all = std::iter::once("wafersim").chain(words.iter().map(String::as_str));
    if let Err(error) = Cli::try_parse_from(all) {
        panic!("`{command}`: {error}");
    }
    let set = words.windows(2).filter(|pair| pair[0] == "--set");
    let set: Vec<Override> = set.map(|pair| Override(pair[1].clone())).collect();
    split_overrides(&set).unwrap_or_else(|faults| panic!("`{command}`: {faults}"));
}

/// Every command that does something, with the words that lead to it.
fn leaves(command: &Command, path: &str) -> Vec<(String, String)> {
    let inner: Vec<&Command> = command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    if inner.is_empty() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        return vec![(path.to_owned(), help)];
    }
    let name = |inner: &Command| format!("{path} {}", inner.get_name()).trim_start().to_owned();
    inner.into_iter().flat_map(|inner| leaves(inner, &name(inner))).collect()
}

#[test]
fn every_command_has_examples_that_are_its_own() {
    let commands = leaves(&Cli::command(), "");
    assert!(commands.len() > 15);
    for (path, help) in commands {
        let examples = typed(&help);
        assert!(!examples.is_empty(), "`wafersim {path} --help` has no examples");
        for words in examples {
            assert!(format!("{} ", words.join(" ")).starts_with(&format!("{path} ")), "{path}: {words:?}");
            is_taken(&words);
        }
    }
}

#[test]
fn what_the_pages_tell_to_type_is_taken() {
    for text in [super::EXAMPLES, include_str!("../../README.md"), include_str!("../../CONTRIBUTING.md")] {
        let commands = typed(text);
        assert!(!commands.is_empty());
        commands.iter().for_each(|words| is_taken(words));
    }
}

#[test]
fn help_says_something_of_every_command_and_argument() {
    let mut commands = vec![Cli::command()];
    while let Some(command) = commands.pop() {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for argument in command.get_arguments().filter(|argument| !argument.is_global_set()) {
            assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
        }
        commands.extend(command.get_subcommands().cloned());
    }
}

#[test]
fn the_parser_is_sound() {
    Cli::command().debug_assert();
}
