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
    lines.map(words).collect()
}

/// Words of a line, as a shell takes single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (part, text) in line.split('\'').enumerate() {
        if part % 2 == 1 {
            words.push(text.to_owned());
            continue;
        }
        for word in text.split_whitespace() {
            if word.starts_with(['>', '#', '|']) {
                return words;
            }
            words.push(word.to_owned());
        }
    }
    words
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

/// Every command with the words that lead to it, and whether it does something by itself.
fn commands(command: &Command, path: &str) -> Vec<(String, Command, bool)> {
    let inner: Vec<&Command> = command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    let mut found = vec![(path.to_owned(), command.clone(), inner.is_empty())];
    for inner in inner {
        found.extend(commands(inner, format!("{path} {}", inner.get_name()).trim_start()));
    }
    found
}

#[test]
fn every_command_has_examples_that_are_its_own() {
    let commands = commands(&Cli::command(), "");
    assert!(commands.len() > 20);
    for (path, command, acts) in commands {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let widest = help.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= 100, "`wafersim {path} --help` is {widest} wide, and would be broken");
        let examples = typed(&help);
        assert!(!acts || !examples.is_empty(), "`wafersim {path} --help` has no examples");
        for words in examples {
            assert!(
                format!("{} ", words.join(" ")).starts_with(format!("{path} ").trim_start()),
                "{path}: {words:?}"
            );
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
