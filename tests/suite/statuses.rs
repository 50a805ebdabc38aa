//! Each status that a document lists is one that somebody gets: most of them in one way everywhere (`door`, `peers`, `gone`),
//! the others in rows of their own (`rows`). A status that nobody gets fails the test, and so does one that is not listed.

mod door;
mod gone;
mod peers;
mod rows;

use std::collections::BTreeSet;
use std::sync::Mutex;

use mecm_common::db::testing::{POSTGRES_VARIABLE, kinds};
use reqwest::Method;

use super::database::OwnDatabase;
use super::documents::Operation;
use super::rig::{Place, Rig};

/// How large a JSON body may be, here.
const JSON_BYTES: usize = 16 * 1024;
/// How large a package may be, here.
const PACKAGE_BYTES: u64 = 512 * 1024;

/// Which operations have been answered with what.
struct Ledger {
    operations: Vec<Operation>,
    got: Mutex<BTreeSet<(usize, u16)>>,
}

fn is_of(path: &str, template: &str) -> bool {
    let (path, template) = (path.split('/'), template.split('/'));
    path.clone().count() == template.clone().count()
        && path
            .zip(template)
            .all(|(part, told)| part == told || told.starts_with('{'))
}

impl Ledger {
    async fn of(rig: &Rig) -> Self {
        let operations = Operation::all(rig).await;
        Self {
            operations,
            got: Mutex::default(),
        }
    }

    /// Notes what was answered to a request of this URL.
    fn note(&self, method: &Method, url: &str, status: u16) {
        let path = reqwest::Url::parse(url).unwrap().path().to_owned();
        let fits = |(_, told): &(usize, &Operation)| told.method == *method && is_of(&path, &told.path);
        // A path without a parameter goes before one with.
        let all = self.operations.iter().enumerate().filter(fits);
        let (index, told) = all
            .min_by_key(|(_, told)| told.path.matches('{').count())
            .unwrap();
        assert!(
            told.listed.contains(&status),
            "{method} {path} answers {status}, which its document does not list"
        );
        self.got.lock().unwrap().insert((index, status));
    }

    /// What is listed and was not got, but for the statuses in `except`.
    fn missing(&self, except: &[u16]) -> Vec<String> {
        let got = self.got.lock().unwrap();
        let mut missing = Vec::new();
        for (index, told) in self.operations.iter().enumerate() {
            for status in &told.listed {
                // Of what all services have, the first one's stands for all in the ledger.
                let own = told.path.starts_with("/metrics") && index > 0;
                if !got.contains(&(index, *status)) && !except.contains(status) && !own {
                    missing.push(format!("{} {} {status}", told.method, told.path));
                }
            }
        }
        missing
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_status_that_a_document_lists_is_one_that_somebody_gets() {
    for kind in kinds() {
        let mut place = Place::new("sqlite").await;
        let mut databases = Vec::new();
        if kind == "postgres" {
            let server = std::env::var(POSTGRES_VARIABLE).unwrap();
            for _ in 0..3 {
                databases.push(OwnDatabase::new(&server).await);
            }
            let config = &mut place.config;
            let urls = [
                &mut config.inventory.database,
                &mut config.apm.database,
                &mut config.appo.database,
            ];
            for (database, url) in databases.iter().zip(urls) {
                *url = database.url.clone().into();
            }
        }
        let limits = &mut place.config.limits;
        (limits.json_body, limits.package, limits.read_seconds) = (JSON_BYTES, PACKAGE_BYTES, 1);
        (limits.records, limits.app_instances) = (2, 2);
        place.config.apm.app_stores = vec![rows::STORE.to_owned()];
        let rig = Rig::start(place).await;
        let ledger = Ledger::of(&rig).await;
        door::closed(&rig, &ledger).await;
        door::crowded(&ledger).await;
        peers::away(&ledger).await;
        rows::all(&rig, &ledger).await;
        // That a disk is full or a database away can be had of PostgreSQL alone, from outside.
        let except: &[u16] = if kind == "postgres" { &[] } else { &[503, 507] };
        if kind == "postgres" {
            for database in &mut databases {
                database.take_away().await;
            }
            gone::databases(&rig, &ledger).await;
        }
        let missing = ledger.missing(except);
        assert!(missing.is_empty(), "{kind}: nobody gets\n{}", missing.join("\n"));
        let Rig { suite, place, .. } = rig;
        suite.stop().await;
        drop(place);
        for database in databases {
            database.drop().await;
        }
    }
}
