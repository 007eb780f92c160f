//! Functions that are compiled twice: for any processor, and for those with wide vectors.

/// A function that is compiled twice, for any processor of its kind and for those with AVX2 and bit counts, and takes the
/// right one when it is called. What it calls must be inlined into it.
macro_rules! compiled_twice {
    (
        $(#[$about:meta])*
        $visible:vis fn $name:ident $(<$kind:ident: $bound:path>)? ($($argument:ident: $type:ty),* $(,)?) $body:block
    ) => {
        $(#[$about])*
        $visible fn $name $(<$kind: $bound>)? ($($argument: $type),*) {
            #[inline(always)]
            fn anywhere $(<$kind: $bound>)? ($($argument: $type),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,popcnt")]
                fn wide $(<$kind: $bound>)? ($($argument: $type),*) {
                    anywhere $(::<$kind>)? ($($argument),*);
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
                    #[expect(unsafe_code, reason = "the processor has just said that it can")]
                    return unsafe { wide $(::<$kind>)? ($($argument),*) };
                }
            }
            anywhere $(::<$kind>)? ($($argument),*);
        }
    };
}

pub(crate) use compiled_twice;
