//! Readers of checkpoints against any bytes: refused or read, never a panic.

use proptest::prelude::*;

use super::{bytes, is_pruned, opened, weights};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_bytes_are_no_panic(content in proptest::collection::vec(any::<u8>(), 0..400), length: Option<u16>) {
        let mut content = content;
        if let (Some(length), Some(head)) = (length, content.first_chunk_mut::<8>()) {
            *head = u64::from(length).to_le_bytes();
        }
        prop_assert!(opened("a.safetensors", &content).is_err());
        prop_assert!(opened("a.json", &content).is_err());
    }

    #[test]
    fn headers_of_random_words_are_no_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"a\"", "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"F32\"", "\"U8\"",
                "0", "4", "18446744073709551615", "9223372036854775807", "-1", "\"__metadata__\"", "null", "1e99",
            ]),
            0..40,
        ),
    ) {
        let header = words.concat();
        let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        prop_assert!(opened("a.safetensors", &file).is_err());
        prop_assert!(opened("a.json", header.as_bytes()).is_err());
    }

    #[test]
    fn cut_and_flipped_files_are_no_panic(cut: proptest::sample::Index, flips in proptest::collection::vec(
        (any::<proptest::sample::Index>(), 0..8u8, any::<bool>()), 0..4,
    )) {
        let whole = bytes(&weights(|n, at| if is_pruned(n, at) { 0.0 } else { 1.0 }));
        let at = cut.index(whole.len());
        prop_assert!(opened("a.safetensors", &whole[..at]).is_err(), "cut at {}", at);
        let mut file = whole;
        let header = 8 + u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
        for (place, bit, in_header) in flips {
            let end = if in_header { header } else { file.len() };
            file[place.index(end)] ^= 1 << bit;
        }
        // What is still a checkpoint has masks of the right shapes; what is none is refused.
        if let Ok(masks) = opened("a.safetensors", &file) {
            prop_assert_eq!(masks.tensors().count(), 14);
        }
    }

    #[test]
    fn names_in_an_index_stay_in_its_folder(name in "[./a\\\\-]{0,12}") {
        let index = serde_json::json!({ "weight_map": { "a": name } }).to_string();
        prop_assert!(opened("index.json", index.as_bytes()).is_err());
    }
}
