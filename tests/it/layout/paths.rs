//! The paths that a source text names, without its comments and strings.

use std::fmt;

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// A path as the text names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// From the root: of this crate if `inside`, else with the outer crate's name first. `*` is a glob, and a
    /// crate as a whole is an empty path.
    pub(crate) path: Vec<String>,
    /// Whether it is of this crate.
    pub(crate) inside: bool,
    /// Line of the text.
    pub(crate) line: usize,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.inside { "crate::" } else { "" }, self.path.join("::"))
    }
}

/// The names in `source`, the text of `module`: `crate::` paths, `super::` paths with what they resolve to, and
/// all other paths, local ones included.
///
/// # Errors
/// Where `source` is not Rust.
pub(crate) fn names(source: &str, module: &[String]) -> Result<Vec<Name>, LexError> {
    let mut found = Vec::new();
    scan(source.parse()?, module, &mut found);
    Ok(found)
}

/// Collect the names of a stream of tokens in `module`.
fn scan(stream: TokenStream, module: &[String], found: &mut Vec<Name>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if *word == "mod" => {
                // The body of an inline module is one module deeper.
                if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    scan(body.stream(), &[module, &[name.to_string()]].concat(), found);
                    at += 2;
                }
            }
            TokenTree::Ident(word) => {
                let in_use = word_at(&tokens, at.wrapping_sub(1)).is_some_and(|word| word == "use");
                // `pub(crate)` is no path, and a method or field is none of its own.
                let starts = in_use || is_separator(&tokens, at + 1);
                let goes_on = ends_separator(&tokens, at) && at >= 3 && is_segment(&tokens[at - 3])
                    || matches!(at.checked_sub(1).map(|i| &tokens[i]), Some(TokenTree::Punct(p)) if p.as_char() == '.');
                if starts && !goes_on {
                    let mut paths = Vec::new();
                    at = tree(&tokens, at, Vec::new(), &mut paths);
                    let line = word.span().start().line;
                    found.extend(paths.into_iter().map(|path| resolve(path, module, line)));
                    continue;
                }
            }
            TokenTree::Group(group) => scan(group.stream(), module, found),
            _ => {}
        }
        at += 1;
    }
}

/// The paths of the use tree (or of the plain path) that starts at `at`, and where it ends.
fn tree(tokens: &[TokenTree], mut at: usize, mut path: Vec<String>, into: &mut Vec<Vec<String>>) -> usize {
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) => path.push(word.to_string()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => path.push("*".to_owned()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace && !path.is_empty() => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in inner.split(|t| matches!(t, TokenTree::Punct(p) if p.as_char() == ',')) {
                    if !branch.is_empty() {
                        tree(branch, 0, path.clone(), into);
                    }
                }
                return at + 1;
            }
            // A turbofish or the like: the path ends here.
            _ => break,
        }
        at += 1;
        if !is_separator(tokens, at) {
            break;
        }
        at += 2;
    }
    into.push(path);
    at
}

/// `path` from the root of the crate or of another one.
fn resolve(mut path: Vec<String>, module: &[String], line: usize) -> Name {
    let supers = path.iter().take_while(|part| *part == "super").count();
    if supers > 0 {
        let base = &module[..module.len().saturating_sub(supers)];
        return Name { path: [base, &path[supers..]].concat(), inside: true, line };
    }
    match path.first().map(String::as_str) {
        Some("crate") => Name { path: path.split_off(1), inside: true, line },
        Some("self") => Name { path: [module, &path[1..]].concat(), inside: true, line },
        _ => Name { path, inside: false, line },
    }
}

/// The word at a place.
fn word_at(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at) {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    }
}

/// Whether `::` stands at `at`.
fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(at) && colon(at + 1)
}

/// Whether `::` stands right before `at`.
fn ends_separator(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_separator(tokens, at - 2)
}

/// Whether a token can stand before `::` in a path.
fn is_segment(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(p) => p.as_char() == '>',
        _ => false,
    }
}
