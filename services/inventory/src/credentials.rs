//! Tenants' access keys: their secrets, which are kept sealed, and whether a signature is theirs.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use mecm_common::auth::guard::{Guard, Place};
use mecm_common::auth::sealed::{SealError, Sealer};
use mecm_common::auth::signature::{Refusal, SecretKey, fits};
use mecm_common::auth::{
    AuthError, CredentialVerifier, KeyHolder, Roles, SignatureQuestion, SignatureReason,
};
use mecm_common::clock::Clock;
use mecm_common::db::{Batcher, Db, DbError};
use moka::sync::Cache;

use crate::store::{audit, credentials};

/// Reads the master key and those before it. The error says what is wrong with them.
pub type LoadMasterKeys = Arc<dyn Fn() -> Result<Sealer, String> + Send + Sync>;

/// That a key was used is written once in this time.
const USE_NOTED_EVERY: TimeDelta = TimeDelta::seconds(60);
/// Keys whose last use is remembered, so that it is not written anew.
const USES_REMEMBERED: u64 = 10_000;
/// Secrets that are sealed anew in one transaction.
const RESEALED_TOGETHER: i64 = 100;

/// Whose signature it is. Cheap to clone.
#[derive(Clone)]
pub struct Credentials(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    guard: Guard,
    master: RwLock<Master>,
    load: LoadMasterKeys,
    rows: Batcher<String, Option<credentials::Row>>,
    refusals: Batcher<(Place, String), ()>,
    uses: Cache<String, DateTime<Utc>>,
}

/// The master keys as they were read last.
#[derive(Clone)]
struct Master {
    sealer: Sealer,
    /// Compared with where a key, or its secret before, is not there: an unknown one takes as long as a known one.
    decoy: Arc<[u8]>,
}

impl Master {
    fn new(sealer: Sealer) -> Self {
        let decoy = seal(&sealer, NOBODY, &SecretKey::generate());
        Self {
            sealer,
            decoy: decoy.into(),
        }
    }
}

/// For whom the decoy is sealed: no access key has a blank.
const NOBODY: &str = "no key";

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// Those in this database. To be called within the runtime.
    ///
    /// # Errors
    /// What is wrong with the master keys.
    pub fn new(db: &Db, clock: &Clock, guard: Guard, load: LoadMasterKeys) -> Result<Self, String> {
        let master = load()?;
        let asked = db.clone();
        let rows = Batcher::new(move |access_keys: Vec<String>| {
            let db = asked.clone();
            Box::pin(async move { credentials::find(&mut db.read().await?, &access_keys).await })
        });
        let (asked, now) = (db.clone(), clock.clone());
        let refusals = Batcher::new(move |mut all: Vec<(Place, String)>| {
            // In one order, so that no two processes wait for each other.
            all.sort();
            let (db, now) = (asked.clone(), now.now());
            Box::pin(async move {
                let mut tx = db.begin_write().await?;
                for (place, what) in &all {
                    audit::refused(&mut tx, &place.access_key, what, &place.source, now).await?;
                }
                tx.commit().await?;
                Ok(vec![(); all.len()])
            })
        });
        Ok(Self(Arc::new(Inner {
            db: db.clone(),
            clock: clock.clone(),
            guard,
            master: RwLock::new(Master::new(master)),
            load,
            rows,
            refusals,
            uses: Cache::new(USES_REMEMBERED),
        })))
    }

    /// For an authenticator.
    pub fn verifier(&self) -> CredentialVerifier {
        let credentials = self.clone();
        Arc::new(move |question| {
            let credentials = credentials.clone();
            Box::pin(async move { credentials.judge(question).await })
        })
    }

    /// Whose signature it is, or why it is refused, in the order of docs/signing.md.
    pub(crate) async fn judge(&self, question: SignatureQuestion) -> Result<KeyHolder, AuthError> {
        let inner = &*self.0;
        let place = Place::new(&question.access_key, question.source);
        let judged = self.judged(&question, &place).await;
        if let Err(AuthError::InvalidSignature(_) | AuthError::Locked) = &judged {
            let counts = matches!(
                judged,
                Err(AuthError::InvalidSignature(
                    SignatureReason::UnknownKey | SignatureReason::Refused(_)
                ))
            );
            if counts {
                inner.guard.failed(&place).await?;
            }
            let why = match &judged {
                Err(AuthError::InvalidSignature(reason)) => reason.to_string(),
                _ => "the key is locked for this source".to_owned(),
            };
            inner
                .refusals
                .ask((place, format!("log-in refused: {why}")))
                .await?;
        }
        judged
    }

    async fn judged(&self, question: &SignatureQuestion, place: &Place) -> Result<KeyHolder, AuthError> {
        let inner = &*self.0;
        let row = inner.rows.ask(place.access_key.clone());
        let (standing, row) = tokio::join!(inner.guard.admitted(place), row);
        let (standing, row) = (standing?, row?);
        let now = inner.clock.now();
        let fits = self.fits(row.as_ref(), question, now)?;
        let row = row.ok_or(SignatureReason::UnknownKey)?;
        if !fits {
            return Err(SignatureReason::Refused(Refusal::Mismatch).into());
        }
        if !row.active {
            return Err(SignatureReason::Disabled.into());
        }
        if row.expires.is_some_and(|expires| expires <= now) {
            return Err(SignatureReason::Expired.into());
        }
        let allowed = &row.allowed_sources.0;
        let from_there = |source| allowed.iter().any(|net| net.contains(&source));
        if !allowed.is_empty() && !question.source.is_some_and(from_there) {
            return Err(SignatureReason::Source.into());
        }
        if question.method != Method::GET {
            let (key, signature) = (&question.access_key, &question.signature);
            inner.guard.first_time(key, signature, question.signed_at).await?;
        }
        inner.guard.succeeded(place, standing).await?;
        self.used(place, now).await;
        Ok(KeyHolder {
            tenant: row.tenant,
            roles: Roles::of_token(row.roles.0.iter().map(String::as_str)),
            name: row.name,
            expires: row.expires,
        })
    }

    /// Whether the signature is that of the key's secret, or of the one before while that counts. The same work where there is
    /// none.
    fn fits(
        &self,
        row: Option<&credentials::Row>,
        question: &SignatureQuestion,
        now: DateTime<Utc>,
    ) -> Result<bool, AuthError> {
        let old = row
            .filter(|row| row.old_until.is_some_and(|until| until > now))
            .and_then(|row| row.old_secret.as_deref());
        let master = self.master();
        let mut found = false;
        for secret in [row.map(|row| row.secret.as_slice()), old] {
            let (whose, sealed) = match (row, secret) {
                (Some(row), Some(secret)) => (row.access_key.as_str(), secret),
                _ => (NOBODY, &*master.decoy),
            };
            let opened = self.open(&master.sealer, whose, sealed)?;
            let one = fits(&opened, &question.strings_to_sign, &question.signature);
            found |= one && secret.is_some();
        }
        Ok(found)
    }

    /// Opens a secret. One that was sealed with a master key that is not known may be of a newer one: they are read again.
    fn open(&self, master: &Sealer, access_key: &str, sealed: &[u8]) -> Result<SecretKey, DbError> {
        let opened = match master.open(sealed, access_key.as_bytes()) {
            Err(SealError::UnknownKey) => self.load()?.open(sealed, access_key.as_bytes()),
            other => other,
        };
        let broken = |why: &str| DbError::Inconsistent(format!("the secret of {access_key}: {why}"));
        let opened = opened.map_err(|error| broken(&error.to_string()))?;
        let text = std::str::from_utf8(&opened).map_err(|_| broken("it is no text"))?;
        text.parse().map_err(|_| broken("it is no secret key"))
    }

    fn master(&self) -> Master {
        self.0
            .master
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads the master keys again.
    fn load(&self) -> Result<Sealer, DbError> {
        let read = (self.0.load)();
        let master =
            read.map_err(|why| DbError::Inconsistent(format!("the master key cannot be read: {why}")))?;
        *self.0.master.write().unwrap_or_else(PoisonError::into_inner) = Master::new(master.clone());
        Ok(master)
    }

    /// Seals a secret with the master key of this moment.
    pub(crate) fn seal(&self, access_key: &str, secret: &SecretKey) -> Result<Vec<u8>, DbError> {
        Ok(seal(&self.load()?, access_key, secret))
    }

    /// Keeps when and from where a key was used last. Nobody is refused because that did not work.
    async fn used(&self, place: &Place, now: DateTime<Utc>) {
        let inner = &*self.0;
        let noted = inner.uses.get(&place.access_key);
        if noted.is_some_and(|noted| now - noted < USE_NOTED_EVERY) {
            return;
        }
        inner.uses.insert(place.access_key.clone(), now);
        let source = Some(place.source.as_str()).filter(|source| !source.is_empty());
        let note = async {
            let mut tx = inner.db.begin_write().await?;
            credentials::used(&mut tx, &place.access_key, now, source).await?;
            tx.commit().await
        };
        if let Err(error) = note.await {
            tracing::warn!(access_key = place.access_key, %error, "the last use of a key was not kept");
        }
    }

    /// Seals with the master key whatever is sealed with another one; gives how many keys that were. Others may work on them
    /// meanwhile.
    ///
    /// # Errors
    /// What the database says, and when a secret cannot be opened.
    pub(crate) async fn reseal(&self) -> Result<u64, DbError> {
        let master = self.load()?;
        let (mut resealed, mut after) = (0, 0);
        loop {
            let some = credentials::sealed(&mut self.0.db.read().await?, after, RESEALED_TOGETHER).await?;
            let Some(last) = some.last() else {
                return Ok(resealed);
            };
            let last = last.seq;
            let is_old = |sealed: &[u8]| !master.is_current(sealed);
            let mut again = false;
            let mut tx = self.0.db.begin_write().await?;
            for row in some
                .iter()
                .filter(|row| is_old(&row.secret) || row.old_secret.as_deref().is_some_and(is_old))
            {
                let anew = |sealed: &[u8]| {
                    let secret = self.open(&master, &row.access_key, sealed)?;
                    Ok::<_, DbError>(seal(&master, &row.access_key, &secret))
                };
                let secret = anew(&row.secret)?;
                let old = row.old_secret.as_deref().map(anew).transpose()?;
                if credentials::reseal(&mut tx, row, &secret, old.as_deref()).await? {
                    resealed += 1;
                } else {
                    again = true;
                }
            }
            tx.commit().await?;
            // A key that changed meanwhile is read again.
            if !again {
                after = last;
            }
        }
    }
}

fn seal(master: &Sealer, access_key: &str, secret: &SecretKey) -> Vec<u8> {
    master.seal(secret.expose().as_bytes(), access_key.as_bytes())
}
