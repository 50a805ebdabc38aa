//! Sizes, declared and real.

use crate::testing::*;
use crate::{Limits, Policy};

const GIB: u64 = 1 << 30;

#[test]
fn an_entry_declared_over_the_limit_is_refused_at_once() {
    let claim = |record: &mut Vec<u8>| set32(record, 24, (1 << 30) + 1);
    let large = with(File::new("app/x", "x").central(claim));
    assert_eq!(
        refused(&large),
        format!(
            "entry \"app/x\" is {} bytes unpacked, at most {GIB} are allowed",
            GIB + 1
        )
    );
}

#[test]
fn a_total_declared_over_the_limit_is_refused_at_once() {
    let mut files = good();
    for at in 0..10 {
        let claim = |record: &mut Vec<u8>| set32(record, 24, 1 << 30);
        files.push(File::new(format!("app/{at}"), "x").central(claim));
    }
    assert_eq!(
        refused(&Zip::new(files)),
        format!(
            "the entries of the package are more than {} bytes unpacked",
            10 * GIB
        )
    );
}

#[test]
fn the_limits_are_configurable() {
    let limited = |limits| Policy {
        limits,
        ..Policy::default()
    };
    let zip = Zip::new(good());
    let entries = limited(Limits {
        entries: 5,
        ..Limits::default()
    });
    assert!(refused_by(&zip, &entries).contains("at most 5 are allowed"));
    let entry = limited(Limits {
        entry_bytes: 20,
        ..Limits::default()
    });
    assert!(refused_by(&zip, &entry).contains("at most 20 are allowed"));
    let total = limited(Limits {
        total_bytes: 100,
        ..Limits::default()
    });
    assert!(refused_by(&zip, &total).contains("more than 100 bytes"));
    let memory = limited(Limits {
        memory_bytes: 100,
        ..Limits::default()
    });
    assert!(refused_by(&zip, &memory).starts_with(&format!("entry \"{DESCRIPTOR}\" is ")));
    let depth = limited(Limits {
        yaml_depth: 3,
        ..Limits::default()
    });
    assert!(refused_by(&zip, &depth).contains("nested deeper than 3"));
}

/// The descriptor with sizes and checksums in both headers as the patch says.
fn lying(content: &str, patch: [fn(&mut Vec<u8>); 2]) -> Zip {
    let mut files = good();
    files[2] = File::new(DESCRIPTOR, content).local(patch[0]).central(patch[1]);
    Zip::new(files)
}

#[test]
fn inflating_stops_at_the_declared_size() {
    let text = format!("{YAML}\n# {}", "x".repeat(300_000));
    let longer = lying(&text, [|l| set32(l, 22, 500), |c| set32(c, 24, 500)]);
    assert_eq!(
        refused(&longer),
        format!("entry \"{DESCRIPTOR}\" unpacks to more than the 500 bytes it declares")
    );
    let shorter = lying(YAML, [|l| set32(l, 22, 5000), |c| set32(c, 24, 5000)]);
    assert_eq!(
        refused(&shorter),
        format!(
            "entry \"{DESCRIPTOR}\" unpacks to {} bytes and declares 5000",
            YAML.len()
        )
    );
}

#[test]
fn content_that_is_not_what_its_checksum_says_is_refused() {
    let wrong = lying(YAML, [|l| l[14] ^= 1, |c| c[16] ^= 1]);
    assert!(refused(&wrong).contains("does not have the checksum it declares"));
    let mut bytes = Zip::new(good()).bytes();
    let at = bytes
        .windows(DESCRIPTOR.len())
        .position(|part| part == DESCRIPTOR.as_bytes())
        .unwrap();
    bytes[at + DESCRIPTOR.len()] = 0xFF;
    let error = check_bytes(bytes, &Policy::default()).unwrap_err();
    assert!(
        error.to_string().contains("its compressed data is damaged"),
        "{error}"
    );
}

#[test]
fn a_bomb_is_refused_by_its_ratio_where_it_would_be_inflated_to_memory() {
    let bomb = format!("{YAML}\n#{}", "x".repeat(2 << 20));
    assert!(refused(&with_content(DESCRIPTOR, &bomb)).contains("more than 200 times as many"));
    // Under 1 MiB no ratio is too good; and what is never inflated to memory may compress as it likes.
    let small = format!("{YAML}\n#{}", "x".repeat(1 << 19));
    assert_eq!(taken(&with_content(DESCRIPTOR, &small)).images.len(), 2);
    assert!(
        taken(&with(File::new("app/zeros", vec![0; 4 << 20])))
            .warnings
            .is_empty()
    );
}

#[test]
fn what_is_read_to_memory_is_at_most_4_mib() {
    // Text that does not compress, so that nothing but its size is wrong.
    let mut state = 1u32;
    let noise = (0..(4 << 20) + 1).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + u8::try_from(state >> 28).unwrap())
    });
    let noise: String = noise.collect();
    for name in [DESCRIPTOR, META, MANIFEST] {
        let text = refused(&with_content(name, &noise));
        assert_eq!(
            text,
            format!("entry \"{name}\" is 4194305 bytes unpacked, at most 4194304 are allowed")
        );
    }
    let images = with(File::new("app/Image/SwImageDesc.json", &noise));
    assert!(refused(&images).contains("at most 4194304 are allowed"));
    // The zip that the descriptor has to be in.
    let mut files = without(&[DESCRIPTOR]);
    files.push(File::new("app/APPD/inner.zip", &noise));
    assert!(refused(&Zip::new(files)).contains("at most 4194304 are allowed"));
}

#[test]
fn a_rare_compression_is_a_warning_unless_the_entry_is_needed() {
    let mut rare = File::new("app/x", "x");
    rare.method = 93;
    assert_eq!(
        taken(&with(rare)).warnings,
        ["\"app/x\" has compression method 93, which few can read"]
    );
    let mut files = good();
    files[2].method = 93;
    assert!(refused(&Zip::new(files)).contains("is compressed by method 93"));
}
