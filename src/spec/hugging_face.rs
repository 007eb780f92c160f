//! A Hugging Face `config.json` of a Llama as a workload: the model's shape from it, all else from `llama2-7b`.

use serde_json::{Map, Value};

/// Keys of a workload, those of a configuration, and what stands where the latter says nothing.
const KEYS: [(&str, &str, Option<&str>); 8] = [
    ("layers", "num_hidden_layers", None),
    ("hidden", "hidden_size", None),
    ("ffn", "intermediate_size", None),
    ("heads", "num_attention_heads", None),
    ("kv_heads", "num_key_value_heads", Some("num_attention_heads")),
    ("vocab", "vocab_size", None),
    ("norm_eps", "rms_norm_eps", Some("1e-6")),
    ("rope_theta", "rope_theta", Some("10000.0")),
];

/// What a configuration may say of parts that the model does not have: the key and its only legal value.
const ONLY: [(&str, Only); 5] = [
    ("model_type", Only::Word("llama")),
    ("hidden_act", Only::Word("silu")),
    ("tie_word_embeddings", Only::No),
    ("attention_bias", Only::No),
    ("mlp_bias", Only::No),
];

/// A value that is the only legal one.
#[derive(Clone, Copy)]
enum Only {
    Word(&'static str),
    No,
}

/// The text of a workload file that says what `config` says.
///
/// # Errors
/// Everything in it that keeps it from being one, joined with semicolons.
pub(super) fn workload(config: &str) -> Result<String, String> {
    let value: Value = serde_json::from_str(config).map_err(|error| format!("is no JSON: {error}"))?;
    let Value::Object(config) = value else { return Err("is no JSON object".to_owned()) };
    let mut faults = Vec::new();
    for (key, legal) in ONLY {
        let legal = match legal {
            Only::Word(word) => Value::from(word),
            Only::No => Value::Bool(false),
        };
        if let Some(value) = given(&config, key).filter(|value| **value != legal) {
            faults.push(format!("`{key}` is {value}, but only {legal} is modelled"));
        }
    }
    let rope = given(&config, "rope_parameters").or(given(&config, "rope_scaling"));
    let rope = rope.and_then(Value::as_object);
    let kind = rope.and_then(|rope| given(rope, "rope_type").or(given(rope, "type")));
    if let Some(kind) = kind.filter(|kind| kind.as_str() != Some("default")) {
        faults.push(format!("rotary positions of type {kind} are not modelled, only \"default\""));
    }
    let mut text = String::from(
        "schema = \"wafersim-workload-1\"\ninherits = \"llama2-7b\"\n\n[model]\nfamily = \"llama\"\n",
    );
    for (key, theirs, default) in KEYS {
        let nested = rope.filter(|_| key == "rope_theta").and_then(|rope| given(rope, theirs));
        let value = given(&config, theirs).or(nested).map(Value::to_string);
        let default = || default.map(|word| given(&config, word).map_or(word.to_owned(), Value::to_string));
        match value.or_else(default) {
            Some(value) => text.push_str(&format!("{key} = {value}  # {theirs}\n")),
            None => faults.push(format!("`{theirs}` is missing")),
        }
    }
    let [hidden, heads, head] = ["hidden_size", "num_attention_heads", "head_dim"]
        .map(|key| given(&config, key).and_then(Value::as_u64));
    if let (Some(hidden), Some(heads), Some(head)) = (hidden, heads, head)
        && head.checked_mul(heads) != Some(hidden)
    {
        faults.push(format!("`head_dim` is {head}, but only hidden_size / num_attention_heads is modelled"));
    }
    if let Some(tokens) = given(&config, "max_position_embeddings") {
        text.push_str(&format!("\n[training]\nsequence_tokens = {tokens}  # max_position_embeddings\n"));
    }
    if faults.is_empty() { Ok(text) } else { Err(format!("is no model of ours: {}", faults.join("; "))) }
}

/// The value of a key, unless it is null.
fn given<'v>(map: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    map.get(key).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: &str = r#""num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 160,
        "num_attention_heads": 4, "vocab_size": 96"#;

    #[test]
    fn theta_stands_at_the_top_or_among_the_parameters_of_rotation() {
        let theta = |more: &str| {
            let text = workload(&format!("{{{SHAPE}{more}}}")).unwrap();
            text.lines().find_map(|line| line.strip_prefix("rope_theta = ").map(str::to_owned)).unwrap()
        };
        assert_eq!(theta(""), "10000.0  # rope_theta");
        assert_eq!(theta(r#", "rope_theta": 500000.0"#), "500000.0  # rope_theta");
        let nested = r#", "rope_parameters": {"rope_type": "default", "rope_theta": 7.5}"#;
        assert_eq!(theta(nested), "7.5  # rope_theta");
    }

    #[test]
    fn what_is_not_modelled_is_named_all_at_once() {
        let config = r#"{"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 160, "head_dim": 32,
            "num_attention_heads": 4, "tie_word_embeddings": true, "rope_scaling": {"rope_type": "yarn"}}"#;
        assert_eq!(
            workload(config).unwrap_err(),
            "is no model of ours: `tie_word_embeddings` is true, but only false is modelled; rotary positions of \
             type \"yarn\" are not modelled, only \"default\"; `vocab_size` is missing; `head_dim` is 32, but only \
             hidden_size / num_attention_heads is modelled"
        );
        assert!(workload("[1]").unwrap_err().starts_with("is no JSON object"));
        assert!(workload("{").unwrap_err().starts_with("is no JSON"));
    }
}
