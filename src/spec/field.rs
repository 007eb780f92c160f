//! The field tables: each value of a spec is declared once, with its key, unit, legal range and meaning.
//!
//! [`section!`] declares a struct and its table together, so that reading, checking, explaining and
//! suggesting keys cannot disagree with the struct.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::Value;

use super::legal::Legal;
use crate::units::{Bytes, EighthCycles};

/// One value of a spec, as it stands in TOML.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// Full key (`fabric.hop_latency_cycles`).
    pub(super) key: &'static str,
    /// Unit; empty for a plain number or a name.
    pub(super) unit: &'static str,
    /// What may stand there.
    pub(super) legal: Legal,
    /// What it means, in a sentence.
    pub(super) doc: &'static str,
    /// Whether a spec is complete without it.
    pub(super) optional: bool,
}

/// What must hold between values; the caret goes to the one of `keys` that was given last.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// The values that are compared.
    pub(super) keys: &'static [&'static str],
    /// `None` where the rule holds (or a value is not known), else what is wrong and how to mend it.
    pub(super) broken: fn(&Values) -> Option<(String, String)>,
}

/// Checked values by full key.
#[derive(Debug, Default)]
pub(super) struct Values(pub(super) BTreeMap<&'static str, Value>);

impl Values {
    /// The value of `key`, or `None` where it is missing or at fault.
    pub(super) fn find<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.0.get(key)?.clone().try_into().ok()
    }

    /// Whether `key` has a value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The value of `key`; only for complete and checked values.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> T {
        self.find(key).expect("every field is present and its legal values fit its type")
    }
}

/// A table of a spec.
pub(super) trait Section: Sized {
    /// Every field, those of tables inside it included.
    fn fields() -> Vec<Field>;
    /// The struct out of complete and checked values.
    fn read(values: &Values) -> Self;
}

/// A whole spec.
pub(super) trait Spec: Sized {
    /// What must hold between its values.
    const RULES: &'static [Rule];
    /// Every field of every section.
    fn fields() -> Vec<Field>;
    /// The spec out of complete and checked values.
    fn read(name: String, values: &Values) -> Self;
}

/// Declares a [`Section`]: `field: Type = key, unit, legal range`, and after `=>` what turns the number of
/// the file into the type of the field where they differ. What stands under `optional` may be left out, is an
/// `Option` in the struct, and is not written where there is none.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $Section:ident at $at:literal {
            $(
                $(#[doc = $doc:literal])+
                pub $field:ident: $Type:ty = $key:literal, $unit:literal, $legal:expr $(=> $convert:expr)?;
            )*
            $(optional {
                $(
                    $(#[doc = $free_doc:literal])+
                    pub $free:ident: $Free:ty = $free_key:literal, $free_unit:literal, $free_legal:expr;
                )*
            })?
            $(inside {
                $($(#[doc = $sub_doc:literal])+ pub $sub:ident: $Sub:ty;)*
            })?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $Section {
            $($(#[doc = $doc])+ pub $field: $Type,)*
            $($(
                $(#[doc = $free_doc])+
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $free: Option<$Free>,
            )*)?
            $($($(#[doc = $sub_doc])+ pub $sub: $Sub,)*)?
        }

        impl $crate::spec::field::Section for $Section {
            fn fields() -> Vec<$crate::spec::field::Field> {
                [
                    vec![$($crate::spec::field::Field {
                        key: concat!($at, ".", $key),
                        unit: $unit,
                        legal: $legal,
                        doc: concat!($($doc),+).trim_ascii(),
                        optional: false,
                    }),*],
                    $(vec![$($crate::spec::field::Field {
                        key: concat!($at, ".", $free_key),
                        unit: $free_unit,
                        legal: $free_legal,
                        doc: concat!($($free_doc),+).trim_ascii(),
                        optional: true,
                    }),*],)?
                    $($(<$Sub as $crate::spec::field::Section>::fields(),)*)?
                ]
                .concat()
            }

            fn read(values: &$crate::spec::field::Values) -> Self {
                Self {
                    $($field: $crate::spec::field::read!(values, concat!($at, ".", $key) $(, $convert)?),)*
                    $($($free: values.find(concat!($at, ".", $free_key)),)*)?
                    $($($sub: $crate::spec::field::Section::read(values),)*)?
                }
            }
        }
    };
}
pub(super) use section;

/// Declares a [`Spec`]: a name and sections.
macro_rules! spec {
    (
        $(#[$meta:meta])*
        pub struct $Spec:ident where $rules:ident {
            $($(#[doc = $doc:literal])+ pub $field:ident: $Section:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $Spec {
            /// Preset or file stem, for titles.
            pub name: String,
            $($(#[doc = $doc])+ pub $field: $Section,)*
        }

        impl $crate::spec::field::Spec for $Spec {
            const RULES: &'static [$crate::spec::field::Rule] = $rules;

            fn fields() -> Vec<$crate::spec::field::Field> {
                [$(<$Section as $crate::spec::field::Section>::fields()),*].concat()
            }

            fn read(name: String, values: &$crate::spec::field::Values) -> Self {
                Self { name, $($field: $crate::spec::field::Section::read(values)),* }
            }
        }
    };
}
pub(super) use spec;

macro_rules! read {
    ($values:expr, $key:expr) => {
        $values.get($key)
    };
    ($values:expr, $key:expr, $convert:expr) => {
        $convert($values.get($key))
    };
}
pub(super) use read;

/// From KiB.
pub(super) fn kib(kib: u64) -> Bytes {
    Bytes(kib * 1024)
}

/// From MiB.
pub(super) fn mib(mib: u64) -> Bytes {
    Bytes(mib * 1024 * 1024)
}

/// From cycles that are known to be a multiple of 1/8.
pub(super) fn eighths(cycles: f64) -> EighthCycles {
    EighthCycles::from_cycles(cycles).expect("the legal range has only multiples of 1/8")
}

/// `None` for the one word that the legal range allows beside the values of `T`.
pub(super) fn unless_word<T: DeserializeOwned>(value: Value) -> Option<T> {
    value.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::{gpu::GpuSpec, wafer::WaferSpec, workload::WorkloadSpec};
    use super::*;

    /// Reads a spec from the least and from the greatest legal values, and tries its rules on both.
    fn read_ends<T: Spec>() {
        for end in [0, 1] {
            let ends = T::fields().into_iter().map(|field| (field.key, field.legal.ends()[end].clone()));
            let values = Values(ends.collect());
            T::read("ends".to_owned(), &values);
            for rule in T::RULES {
                (rule.broken)(&values);
                assert!(rule.keys.iter().all(|key| values.0.contains_key(key)), "{:?}", rule.keys);
            }
        }
    }

    #[test]
    fn the_ends_of_every_legal_range_fit_their_types() {
        read_ends::<WaferSpec>();
        read_ends::<GpuSpec>();
        read_ends::<WorkloadSpec>();
    }

    #[test]
    fn each_word_of_a_choice_is_one_of_its_type() {
        let words = |fields: Vec<Field>| {
            fields.into_iter().filter_map(|field| match field.legal {
                Legal::Word(words) => Some((field.key, words)),
                _ => None,
            })
        };
        for (key, words) in words(WorkloadSpec::fields()) {
            for word in words {
                let mut ends: BTreeMap<_, _> = WorkloadSpec::fields()
                    .iter()
                    .map(|field| (field.key, field.legal.ends()[0].clone()))
                    .collect();
                ends.insert(key, Value::from(*word));
                let spec = WorkloadSpec::read("words".to_owned(), &Values(ends));
                assert!(
                    serde_json::to_string(&spec).unwrap().contains(&format!("\"{word}\"")),
                    "{key} {word}"
                );
            }
        }
    }

    #[test]
    fn every_key_is_declared_once_and_explained() {
        for fields in [WaferSpec::fields(), GpuSpec::fields(), WorkloadSpec::fields()] {
            let keys: std::collections::BTreeSet<_> = fields.iter().map(|field| field.key).collect();
            assert_eq!(keys.len(), fields.len());
            assert!(fields.iter().all(|field| field.doc.ends_with('.')), "a meaning is a sentence");
        }
    }
}
