//! A Hugging Face `config.json` as a workload: the model's shape from it, all else from a preset of its family.

use serde_json::{Map, Value};

/// A kind of configuration.
struct Kind {
    /// Its `model_type`.
    name: &'static str,
    /// Our family, and the preset that says what the configuration does not.
    family: &'static str,
    inherits: &'static str,
    /// What it says of the shape: what several kinds say alike, and what is its own.
    keys: [&'static [Key]; 2],
    /// Its key for the longest sequence.
    positions: &'static str,
    /// What it may say of parts that our model does not have: the key and its only legal value.
    only: &'static [(&'static str, Only)],
}

/// A key of a workload, that of the configuration, and what stands where the latter says nothing.
type Key = (&'static str, &'static str, Otherwise);

/// What stands where a configuration says nothing.
#[derive(Clone, Copy)]
enum Otherwise {
    Missing,
    Is(&'static str),
    As(&'static str),
    FourTimes(&'static str),
}

/// A value that is the only legal one.
#[derive(Clone, Copy)]
enum Only {
    Word(&'static str),
    /// A word that must be there: what a configuration means that does not say it is another one.
    Said(&'static str),
    Bool(bool),
    /// That of another key.
    As(&'static str),
}

use Otherwise::{As, FourTimes, Is, Missing};

/// Of a Llama and an OPT.
const WIDE: &[Key] = &[
    ("layers", "num_hidden_layers", Missing),
    ("hidden", "hidden_size", Missing),
    ("heads", "num_attention_heads", Missing),
    ("kv_heads", "num_key_value_heads", As("num_attention_heads")),
    ("vocab", "vocab_size", Missing),
];

/// Of a GPT-2 and a GPT-J.
const SHORT: &[Key] = &[
    ("layers", "n_layer", Missing),
    ("hidden", "n_embd", Missing),
    ("ffn", "n_inner", FourTimes("n_embd")),
    ("heads", "n_head", Missing),
    ("kv_heads", "n_head", Missing),
    ("vocab", "vocab_size", Missing),
    ("norm_eps", "layer_norm_epsilon", Is("1e-5")),
];

const KINDS: [Kind; 4] = [
    Kind {
        name: "llama",
        family: "llama",
        inherits: "llama2-7b",
        keys: [
            WIDE,
            &[
                ("ffn", "intermediate_size", Missing),
                ("norm_eps", "rms_norm_eps", Is("1e-6")),
                ("rope_theta", "rope_theta", Is("10000.0")),
            ],
        ],
        positions: "max_position_embeddings",
        only: &[
            ("hidden_act", Only::Word("silu")),
            ("tie_word_embeddings", Only::Bool(false)),
            ("attention_bias", Only::Bool(false)),
            ("mlp_bias", Only::Bool(false)),
        ],
    },
    // The block of GPT-3.
    Kind {
        name: "opt",
        family: "gpt3",
        inherits: "gpt3-6.7b",
        keys: [WIDE, &[("ffn", "ffn_dim", Missing), ("norm_eps", "layer_norm_eps", Is("1e-5"))]],
        positions: "max_position_embeddings",
        only: &[
            ("activation_function", Only::Said("gelu_new")),
            ("tie_word_embeddings", Only::Bool(true)),
            ("do_layer_norm_before", Only::Bool(true)),
            ("_remove_final_layer_norm", Only::Bool(false)),
            ("enable_bias", Only::Bool(true)),
            ("layer_norm_elementwise_affine", Only::Bool(true)),
            ("word_embed_proj_dim", Only::As("hidden_size")),
        ],
    },
    Kind {
        name: "gpt2",
        family: "gpt3",
        inherits: "gpt3-6.7b",
        keys: [SHORT, &[]],
        positions: "n_positions",
        only: &[
            ("activation_function", Only::Word("gelu_new")),
            ("tie_word_embeddings", Only::Bool(true)),
            ("scale_attn_weights", Only::Bool(true)),
            ("scale_attn_by_inverse_layer_idx", Only::Bool(false)),
            ("add_cross_attention", Only::Bool(false)),
        ],
    },
    Kind {
        name: "gptj",
        family: "gptj",
        inherits: "gptj-6b",
        keys: [SHORT, &[("rotary_dim", "rotary_dim", Is("64"))]],
        positions: "n_positions",
        only: &[("activation_function", Only::Word("gelu_new")), ("tie_word_embeddings", Only::Bool(false))],
    },
];

/// The text of a workload file that says what `config` says.
///
/// # Errors
/// Everything in it that keeps it from being one, joined with semicolons.
pub(super) fn workload(config: &str) -> Result<String, String> {
    let value: Value = serde_json::from_str(config).map_err(|error| format!("is no JSON: {error}"))?;
    let Value::Object(config) = value else { return Err("is no JSON object".to_owned()) };
    let named = given(&config, "model_type").cloned().unwrap_or("llama".into());
    let Some(kind) = KINDS.iter().find(|kind| named == kind.name) else {
        let names = KINDS.map(|kind| format!("\"{}\"", kind.name)).join(", ");
        return Err(format!("is no model of ours: `model_type` is {named}, but only {names} are modelled"));
    };
    let mut faults = kind.unlike(&config);
    let rope = given(&config, "rope_parameters").or(given(&config, "rope_scaling"));
    let rope = rope.and_then(Value::as_object);
    let scaling = rope.and_then(|rope| given(rope, "rope_type").or(given(rope, "type")));
    if let Some(scaling) = scaling.filter(|scaling| scaling.as_str() != Some("default")) {
        faults.push(format!("rotary positions of type {scaling} are not modelled, only \"default\""));
    }
    let mut text = format!(
        "schema = \"wafersim-workload-1\"\ninherits = \"{}\"\n\n[model]\nfamily = \"{}\"\n",
        kind.inherits, kind.family
    );
    for &(key, theirs, otherwise) in kind.keys.into_iter().flatten() {
        let nested = rope.filter(|_| key == "rope_theta").and_then(|rope| given(rope, theirs));
        let value = given(&config, theirs).or(nested).map(Value::to_string);
        match value.or_else(|| otherwise.of(&config)) {
            Some(value) => text.push_str(&format!("{key} = {value}  # {theirs}\n")),
            None => faults.push(format!("`{theirs}` is missing")),
        }
    }
    faults.dedup();
    let [hidden, heads, head] = ["hidden_size", "num_attention_heads", "head_dim"]
        .map(|key| given(&config, key).and_then(Value::as_u64));
    if let (Some(hidden), Some(heads), Some(head)) = (hidden, heads, head)
        && head.checked_mul(heads) != Some(hidden)
    {
        faults.push(format!("`head_dim` is {head}, but only hidden_size / num_attention_heads is modelled"));
    }
    if let Some(tokens) = given(&config, kind.positions) {
        text.push_str(&format!("\n[training]\nsequence_tokens = {tokens}  # {}\n", kind.positions));
    }
    if faults.is_empty() { Ok(text) } else { Err(format!("is no model of ours: {}", faults.join("; "))) }
}

impl Kind {
    /// What `config` says of parts that our model does not have.
    fn unlike(&self, config: &Map<String, Value>) -> Vec<String> {
        let mut faults = Vec::new();
        for &(key, legal) in self.only {
            let said = matches!(legal, Only::Said(_));
            let legal = match legal {
                Only::Word(word) | Only::Said(word) => Value::from(word),
                Only::Bool(word) => Value::Bool(word),
                Only::As(other) => given(config, other).cloned().unwrap_or_default(),
            };
            match given(config, key) {
                Some(value) if *value != legal => {
                    faults.push(format!("`{key}` is {value}, but only {legal} is modelled"));
                }
                None if said => faults.push(format!("`{key}` is missing, but only {legal} is modelled")),
                _ => {}
            }
        }
        faults
    }
}

impl Otherwise {
    /// As the text of a value.
    fn of(self, config: &Map<String, Value>) -> Option<String> {
        match self {
            Missing => None,
            Is(text) => Some(text.to_owned()),
            As(key) => given(config, key).map(Value::to_string),
            FourTimes(key) => Some((given(config, key)?.as_u64()?.checked_mul(4)?).to_string()),
        }
    }
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
    fn other_families_have_keys_of_their_own() {
        let gptj = r#"{"model_type": "gptj", "n_layer": 2, "n_embd": 64, "n_head": 4, "vocab_size": 96,
            "n_inner": null, "rotary_dim": 8, "n_positions": 32}"#;
        assert_eq!(
            workload(gptj).unwrap(),
            "schema = \"wafersim-workload-1\"\ninherits = \"gptj-6b\"\n\n[model]\nfamily = \"gptj\"\n\
             layers = 2  # n_layer\nhidden = 64  # n_embd\nffn = 256  # n_inner\nheads = 4  # n_head\n\
             kv_heads = 4  # n_head\nvocab = 96  # vocab_size\nnorm_eps = 1e-5  # layer_norm_epsilon\n\
             rotary_dim = 8  # rotary_dim\n\n[training]\nsequence_tokens = 32  # n_positions\n"
        );
        let opt = r#"{"model_type": "opt", "hidden_size": 64, "ffn_dim": 256, "num_hidden_layers": 2,
            "num_attention_heads": 4, "word_embed_proj_dim": 32, "vocab_size": 96}"#;
        assert_eq!(
            workload(opt).unwrap_err(),
            "is no model of ours: `activation_function` is missing, but only \"gelu_new\" is modelled; \
             `word_embed_proj_dim` is 32, but only 64 is modelled"
        );
        assert_eq!(
            workload(r#"{"model_type": "gpt2", "tie_word_embeddings": false}"#).unwrap_err(),
            "is no model of ours: `tie_word_embeddings` is false, but only true is modelled; `n_layer` is missing; \
             `n_embd` is missing; `n_inner` is missing; `n_head` is missing; `vocab_size` is missing"
        );
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
        let other = workload(r#"{"model_type": "mamba", "vocab_size": 7}"#).unwrap_err();
        assert_eq!(
            other,
            "is no model of ours: `model_type` is \"mamba\", but only \"llama\", \"opt\", \"gpt2\", \"gptj\" are modelled"
        );
        assert!(workload("[1]").unwrap_err().starts_with("is no JSON object"));
        assert!(workload("{").unwrap_err().starts_with("is no JSON"));
    }
}
