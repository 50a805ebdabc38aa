//! Applications' keys at MEP-auth.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The key of one app instance.
#[derive(Clone)]
pub(crate) struct AppKey {
    pub(crate) access: String,
    pub(crate) secret: String,
    pub(crate) app_name: String,
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppKey")
            .field("access", &self.access)
            .field("secret", &"***")
            .field("app_name", &self.app_name)
            .finish()
    }
}

impl AppKey {
    /// 14 random bytes as access key, 48 as secret key, both in base64; no `/` and no `+` in the access key, because
    /// it stands in URLs.
    pub(crate) fn make(app_name: &str) -> Self {
        let access = loop {
            let access = STANDARD.encode(random::<14>());
            if !access.contains(['/', '+']) {
                break access;
            }
        };
        Self {
            access,
            secret: STANDARD.encode(random::<48>()),
            app_name: app_name.to_owned(),
        }
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system has random bytes");
    bytes
}
