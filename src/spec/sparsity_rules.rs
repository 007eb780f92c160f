//! What must hold between the values of a workload's sparsity.

use super::field::Values;
use super::workload::{Family, Levels, Pattern};

/// Linears of the Llama family that can be sparsified.
const LLAMA_LINEARS: &[&str] = &["q", "k", "v", "o", "gate", "up", "down"];
/// Linears of the GPT families that can be sparsified.
const GPT_LINEARS: &[&str] = &["q", "k", "v", "o", "fc1", "fc2"];

/// What is wrong, and how to mend it.
type Broken = Option<(String, String)>;

pub(super) fn foreign_target(values: &Values) -> Broken {
    let legal = match values.find::<Family>("model.family")? {
        Family::Llama => LLAMA_LINEARS,
        Family::Gpt3 | Family::Gptj => GPT_LINEARS,
    };
    let targets: Vec<String> = values.find("sparsity.targets")?;
    let foreign = targets.iter().find(|target| !legal.contains(&target.as_str()))?;
    Some((
        format!("a model of this family has no linear \"{foreign}\""),
        format!("its linears are {}", legal.join(", ")),
    ))
}

/// The pattern, if it is `wanted`.
fn pattern(values: &Values, wanted: Pattern) -> Option<Pattern> {
    values.find("sparsity.pattern").filter(|pattern| *pattern == wanted)
}

fn missing(values: &Values, keys: &[&str], what: &str, help: &str) -> Broken {
    let absent: Vec<String> =
        keys.iter().filter(|key| !values.has(key)).map(|key| format!("`{key}`")).collect();
    (!absent.is_empty())
        .then(|| (format!("the pattern \"{what}\" needs {}", absent.join(" and ")), help.to_owned()))
}

pub(super) fn group_missing(values: &Values) -> Broken {
    pattern(values, Pattern::NOfM)?;
    let help = "`n` of every `m` consecutive inputs are kept: `n = 2` and `m = 4` for 2:4";
    missing(values, &["sparsity.n", "sparsity.m"], "n_of_m", help)
}

pub(super) fn block_missing(values: &Values) -> Broken {
    pattern(values, Pattern::Block)?;
    let help = "a block is `block_rows` outputs by `block_columns` inputs, for example 16 by 16";
    missing(values, &["sparsity.block_rows", "sparsity.block_columns"], "block", help)
}

pub(super) fn checkpoint_missing(values: &Values) -> Broken {
    let what = match values.find("sparsity.pattern")? {
        Pattern::Checkpoint => "checkpoint",
        Pattern::Magnitude => "magnitude",
        _ => return None,
    };
    let help = "it is a .safetensors file, an index.json of shards, or a folder with either";
    missing(values, &["sparsity.checkpoint"], what, help)
}

pub(super) fn group_full(values: &Values) -> Broken {
    let (n, m) = (values.find::<u64>("sparsity.n")?, values.find::<u64>("sparsity.m")?);
    (n >= m).then(|| {
        let message = format!("`sparsity.n` = {n} of `sparsity.m` = {m} weights leaves none out");
        (message, format!("`sparsity.n` is a number from 1 to {}", m.max(2) - 1))
    })
}

pub(super) fn group_cut(values: &Values) -> Broken {
    pattern(values, Pattern::NOfM)?;
    let m: u64 = values.find("sparsity.m")?;
    let targets: Vec<String> = values.find("sparsity.targets")?;
    let from_ffn = |target: &&String| matches!(target.as_str(), "down" | "fc2");
    let some = |of: bool, key: &'static str| of.then_some(key);
    let from_hidden = targets.iter().any(|target| !from_ffn(&target));
    let inputs = [some(from_hidden, "model.hidden"), some(targets.iter().any(|t| from_ffn(&t)), "model.ffn")];
    let (key, size) = inputs
        .into_iter()
        .flatten()
        .filter_map(|key| Some((key, values.find::<u64>(key)?)))
        .find(|(_, size)| !size.is_multiple_of(m))?;
    Some((
        format!("groups of `sparsity.m` = {m} inputs do not divide `{key}` = {size}"),
        format!("use an `m` that divides {size}, or `{key}` = {}", size.div_ceil(m) * m),
    ))
}

pub(super) fn foreign_checkpoint(values: &Values) -> Broken {
    let family = values.find::<Family>("model.family")?;
    (values.has("sparsity.checkpoint") && family != Family::Llama).then(|| {
        let message = "checkpoints are read for the Llama family only".to_owned();
        (message, "use `model.family` = \"llama\", or a pattern without a checkpoint".to_owned())
    })
}

/// A level beside a pattern that settles it. Zero, as presets have it, says nothing.
pub(super) fn settled(values: &Values) -> Broken {
    let level = values.find::<f64>("sparsity.level").filter(|level| *level != 0.0)?;
    match values.find("sparsity.pattern")? {
        Pattern::Checkpoint => Some((
            format!("the checkpoint settles the level, and `sparsity.level` = {level} is given"),
            "leave `sparsity.level` at 0, or prune by it with `sparsity.pattern` = \"magnitude\"".to_owned(),
        )),
        Pattern::NOfM => {
            let (n, m) = (values.find::<f64>("sparsity.n")?, values.find::<f64>("sparsity.m")?);
            let follows = 1.0 - n / m;
            (n < m && (level - follows).abs() > 1e-9).then(|| {
                let message = format!(
                    "{n} of {m} weights kept is a level of {follows}, and `sparsity.level` = {level}"
                );
                (message, format!("leave `sparsity.level` at 0, or say {follows}"))
            })
        }
        _ => None,
    }
}

/// A value that the pattern does not read.
pub(super) fn unread(values: &Values, key: &str, patterns: &[&str]) -> Broken {
    let pattern: String = values.find("sparsity.pattern")?;
    (values.has(key) && !patterns.contains(&pattern.as_str())).then(|| {
        let quoted: Vec<String> = patterns.iter().map(|pattern| format!("\"{pattern}\"")).collect();
        (
            format!("the pattern \"{pattern}\" does not read `{key}`"),
            format!("remove it, or set `sparsity.pattern` to {}", quoted.join(" or ")),
        )
    })
}

/// Levels of layers that are too few or too many, of a linear that is not sparsified, or beside a pattern that
/// settles the level.
pub(super) fn wrong_levels(values: &Values, key: &str) -> Broken {
    let levels: Levels = values.find(key)?;
    let pattern: Pattern = values.find("sparsity.pattern")?;
    if matches!(pattern, Pattern::NOfM | Pattern::Checkpoint) {
        return Some((
            format!("`{key}` is given, and the pattern settles the levels"),
            "remove it, or use the pattern \"uniform\", \"block\" or \"magnitude\"".to_owned(),
        ));
    }
    if let Some(target) = key.strip_prefix("sparsity.by_target.") {
        let targets: Vec<String> = values.find("sparsity.targets")?;
        if targets.iter().all(|other| other != target) {
            return Some((
                format!("`{key}` is given, and \"{target}\" is not sparsified"),
                format!("remove it, or add \"{target}\" to `sparsity.targets`"),
            ));
        }
    }
    let layers: usize = values.find("model.layers")?;
    match levels {
        Levels::Each(levels) if levels.len() != layers => Some((
            format!("`{key}` lists {} of the model's {layers} layers", levels.len()),
            "give one level for each layer, or a single number for all".to_owned(),
        )),
        _ => None,
    }
}
