//! The name an uploaded package came under.

use unicode_normalization::UnicodeNormalization;

/// Why a file name is refused; the texts are those of EdgeGallery v1.0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileNameError {
    /// It has white space.
    #[error("{name} :fileName contain blank")]
    Blank {
        /// The name as it was sent.
        name: String,
    },
    /// Too short, too long, a character no file system likes, a dot at the end, or no `.csar`.
    #[error("{name} :fileName is Illegal")]
    Illegal {
        /// The name as it was sent.
        name: String,
    },
}

/// Checks the raw name and gives its normal form (Unicode NFKC): 2–255 characters, no white space, none of
/// `\ / : * ? " < > |` and no control character, no dot at the end, `.csar` at the end in any case.
pub fn file_name(raw: &str) -> Result<String, FileNameError> {
    const FORBIDDEN: &[char] = &['\\', '/', ':', '*', '?', '"', '<', '>', '|'];
    const SHORTEST: usize = 2;
    const LONGEST: usize = 255;
    const EXTENSION: &str = ".csar";

    let name: String = raw.nfkc().collect();
    if name.chars().any(char::is_whitespace) {
        return Err(FileNameError::Blank { name: raw.to_owned() });
    }
    let fine = (SHORTEST..=LONGEST).contains(&name.chars().count())
        && !name.contains(FORBIDDEN)
        && !name.chars().any(char::is_control)
        && name.to_ascii_lowercase().ends_with(EXTENSION);
    if fine {
        Ok(name)
    } else {
        Err(FileNameError::Illegal { name: raw.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass_and_are_normalised() {
        assert_eq!(file_name("app.csar").as_deref(), Ok("app.csar"));
        assert_eq!(file_name("App-1.0_x.CSAR").as_deref(), Ok("App-1.0_x.CSAR"));
        assert_eq!(file_name("视频.csar").as_deref(), Ok("视频.csar"));
        assert_eq!(file_name("ｆｕｌｌ．csar").as_deref(), Ok("full.csar"));
        let longest = format!("{}.csar", "a".repeat(250));
        assert_eq!(file_name(&longest).as_deref(), Ok(longest.as_str()));
    }

    #[test]
    fn white_space_has_its_own_text() {
        for name in [
            "a b.csar",
            " a.csar",
            "a.csar\t",
            "a\u{a0}b.csar",
            "a\u{3000}b.csar",
        ] {
            assert_eq!(
                file_name(name).unwrap_err().to_string(),
                format!("{name} :fileName contain blank")
            );
        }
    }

    #[test]
    fn anything_else_wrong_is_illegal() {
        let long = format!("{}.csar", "a".repeat(251));
        for name in [
            "",
            "a",
            "app.zip",
            "app.csar.",
            "a/b.csar",
            "a\\b.csar",
            "c:x.csar",
            "a*.csar",
            "a?.csar",
            "a\u{0}.csar",
            &long,
        ] {
            assert_eq!(
                file_name(name).unwrap_err().to_string(),
                format!("{name} :fileName is Illegal")
            );
        }
        for forbidden in ["\"", "<", ">", "|", "：", "／"] {
            assert!(file_name(&format!("a{forbidden}b.csar")).is_err());
        }
    }
}
