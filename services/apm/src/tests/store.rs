//! The files and the rows: what is left of them when a client, a disk or a database goes away.

use super::*;
use crate::blobs::faults::Point;
use crate::{StartError, keep};

#[tokio::test]
async fn a_client_that_goes_away_leaves_a_whole_package_or_none() {
    for point in [Point::Put, Point::Placed] {
        on_each(|rig| async move {
            let (reached, go) = rig.app.blobs.stand(point);
            let form = Form::of(&package("zone"));
            {
                let upload = std::pin::pin!(rig.upload(&form));
                let reached = tokio::task::spawn_blocking(move || reached.recv());
                tokio::select! {
                    answer = upload => panic!("{answer:?}"),
                    reached = reached => reached.unwrap().unwrap(),
                }
                // The upload is dropped here, in the middle.
            }
            drop(go);
            settled(&rig, 1).await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_from_a_delete_leaves_no_file() {
    on_each(|rig| async move {
        let id = rig.uploaded(&package("zone")).await;
        let (reached, go) = rig.app.blobs.stand(Point::Remove);
        {
            let path = format!("/packages/{id}");
            let delete = std::pin::pin!(rig.ask(Method::DELETE, &path, &[]));
            let reached = tokio::task::spawn_blocking(move || reached.recv());
            tokio::select! {
                answer = delete => panic!("{answer:?}"),
                reached = reached => reached.unwrap().unwrap(),
            }
        }
        drop(go);
        settled(&rig, 0).await;
    })
    .await;
}

/// Waits until there are so many packages, and as many files.
async fn settled(rig: &Rig, packages: usize) {
    let wait = async {
        loop {
            let listed = rig.get("/packages").await.json();
            if listed.as_array().map(Vec::len) == Some(packages) && rig.files() == (rig.files().0, 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap();
    let files = async {
        while rig.files().0.len() != packages {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let files = tokio::time::timeout(LIMIT, files).await;
    assert!(
        files.is_ok(),
        "{packages} packages and the files {:?}",
        rig.files()
    );
}

#[tokio::test]
async fn a_store_is_not_used_with_another_database() {
    on_each(|rig| async move {
        let id = rig.uploaded(&package("zone")).await;
        let kept = rig.files();
        let other = Rig::database(&rig).await;
        let refused = rig.start_on(&other).await.unwrap_err();
        assert!(matches!(refused, StartError::Foreign { .. }), "{refused}");
        assert_eq!(rig.files(), kept);
        // Not even where the mark was lost; with the right database it comes back then.
        let mark = rig.folder.0.join("packages/store-id");
        let marked = std::fs::read(&mark).unwrap();
        std::fs::remove_file(&mark).unwrap();
        rig.start_on(&other).await.unwrap_err();
        let rig = rig.restart().await;
        assert_eq!(std::fs::read(&mark).unwrap(), marked);
        assert_eq!(rig.get(&format!("/packages/{id}/download")).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_sweep_that_finds_nothing_holds_nobody_up() {
    on_each(|rig| async move {
        rig.uploaded(&package("zone")).await;
        let _writing = rig.app.db.begin_write().await.unwrap();
        // A write would have to wait for the other one, for ever.
        let swept = tokio::time::timeout(LIMIT, keep::sweep(&rig.app.db, &rig.app.blobs)).await;
        swept.unwrap().unwrap();
        assert_eq!(rig.files().0.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_is_told_as_such_and_leaves_no_file() {
    on_each(|rig| async move {
        let id = rig.uploaded(&package("zone")).await;
        let kept = rig.files();
        rig.app.db.close().await;
        let answers = [
            rig.upload(&Form::of(&package("two"))).await,
            rig.get("/packages").await,
            rig.get(&format!("/packages/{id}")).await,
            rig.get(&format!("/packages/{id}/download")).await,
            rig.ask(Method::DELETE, &format!("/packages/{id}"), &[]).await,
            rig.ask(Method::DELETE, &format!("/packages/{id}/hosts/10.0.0.2"), &[])
                .await,
        ];
        for answer in answers {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert_eq!(answer.json()["message"], "Service Unavailable");
        }
        let gone = async {
            while rig.files() != kept {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(LIMIT, gone).await.unwrap();
    })
    .await;
}

/// Makes the database full: at the next insert of a package or, where that can be told, at its commit.
async fn fill(rig: &Rig, at_commit: bool) {
    let mut tx = rig.app.db.begin_write().await.unwrap();
    let statements: &[&'static str] = if rig.app.db.is_sqlite() {
        // Of the one connection that writes: no page more than there are.
        &["PRAGMA max_page_count = 1"]
    } else {
        let function = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$";
        if at_commit {
            &[
                function,
                "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON packages DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION full_disk()",
            ]
        } else {
            &[
                function,
                "CREATE TRIGGER full_disk BEFORE INSERT ON packages FOR EACH ROW EXECUTE FUNCTION full_disk()",
            ]
        }
    };
    for &sql in statements {
        mecm_common::on_db!(&mut tx, conn => sqlx::raw_sql(sql).execute(conn).await.map(drop)).unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_full_database_is_told_as_such_and_leaves_no_file() {
    for at_commit in [false, true] {
        on_each(|rig| async move {
            fill(&rig, at_commit).await;
            // So many hosts that even a database with room in its pages has to grow.
            let hosts: Vec<String> = (0..5_000)
                .map(|at| format!("10.1.{}.{}", at / 250, at % 250))
                .collect();
            let form = Form::of(&package("zone"))
                .without("hostList")
                .text("hostList", &hosts.join(","));
            let answer = rig.upload(&form).await;
            assert_eq!(answer.status, 507, "{answer:?}");
            assert_eq!(answer.json()["message"], "Insufficient Storage");
            rig.assert_nothing("full").await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told_in_the_words_of_v1_0() {
    on_each(|rig| async move {
        let id = rig.uploaded(&package("zone")).await;
        let file = rig.folder.0.join("packages/blobs").join(&rig.files().0[0]);
        std::fs::remove_file(file).unwrap();
        let answer = rig.get(&format!("/packages/{id}/download")).await;
        assert_eq!(answer.json()["message"], "No such element");
        assert_eq!(answer.detail(), (404, "csar package file does not exists".into()));
    })
    .await;
}

#[tokio::test]
async fn a_service_without_its_folder_is_not_ready() {
    on_each(|rig| async move {
        let ready = || rig.send(Request::get("/apm/v1/ready").body(Body::empty()).unwrap());
        assert_eq!(ready().await.status, 200);
        std::fs::remove_dir_all(rig.folder.0.join("packages/incoming")).unwrap();
        let answer = ready().await;
        assert_eq!(answer.status, 503);
        let checks = &answer.json()["checks"];
        assert_eq!(
            (&checks["packages"]["status"], &checks["database"]["status"]),
            (&"down".into(), &"up".into())
        );
        assert!(
            checks["packages"]["reason"]
                .as_str()
                .unwrap()
                .contains("No such file"),
            "{checks}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_package_may_be_deleted_while_it_is_downloaded() {
    on_each(|rig| async move {
        let noise: Vec<u8> = (0..2_000_000_u32)
            .flat_map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes())
            .collect();
        let file = zipped(&[("APPD/MainServiceTemplate.yaml", b"a: b"), ("noise", &noise)]);
        let id = rig.uploaded(&file).await;
        let request = Request::get(format!("/apm/v1/tenants/{TENANT}/packages/{id}/download"))
            .header("access_token", rig.token(TENANT, "ROLE_MECM_TENANT", 60));
        let answer = rig
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let mut body = answer.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(
            rig.ask(Method::DELETE, &format!("/packages/{id}"), &[])
                .await
                .status,
            200
        );
        rig.assert_nothing("deleted").await;
        let rest = body.collect().await.unwrap().to_bytes();
        assert!([first, rest].concat() == file, "the open file goes on");
    })
    .await;
}

#[tokio::test]
async fn quotas_hold_when_many_come_at_once() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.limits.records = 2).await;
        let forms: Vec<Form> = (0..6).map(|at| Form::of(&package(&format!("a{at}")))).collect();
        let answers = futures::future::join_all(forms.iter().map(|form| rig.upload(form))).await;
        let taken = answers.iter().filter(|answer| answer.status == 202).count();
        assert_eq!((taken, rig.files().0.len()), (2, 2));
        let refused = answers.iter().find(|answer| answer.status != 202).unwrap();
        assert_eq!(refused.detail(), (409, "packages: 2".into()));
    }
    // Another tenant each, several times, because it is a matter of moments.
    for round in 0..5 {
        for test in TestDb::all(&crate::migrations()).await {
            let rig = Rig::start(test, |config| config.limits.tenants = 1).await;
            let forms: Vec<Form> = (0..4).map(|at| Form::of(&package(&format!("a{at}")))).collect();
            let tenants: Vec<String> = (0..4)
                .map(|at| format!("{at}a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77"))
                .collect();
            let uploads = tenants
                .iter()
                .zip(&forms)
                .map(|(tenant, form)| rig.upload_as(tenant, form));
            let answers = futures::future::join_all(uploads).await;
            let taken = answers.iter().filter(|answer| answer.status == 202).count();
            assert_eq!(taken, 1, "round {round}");
            let refused = answers.iter().find(|answer| answer.status != 202).unwrap();
            assert_eq!(refused.detail(), (409, "tenants: 1".into()));
        }
    }
}

impl Rig {
    /// A fresh database of the kind that this one has.
    async fn database(&self) -> TestDb {
        let kind = if self.app.db.is_sqlite() {
            "sqlite"
        } else {
            "postgres"
        };
        TestDb::open(kind, &crate::migrations()).await.unwrap()
    }

    /// Starts on another database and the same folder.
    async fn start_on(&self, other: &TestDb) -> Result<(), StartError> {
        start(Self::setup(
            other.db.clone(),
            self.app.config.clone(),
            &self.clock,
            &self.inventory,
            self.app.sealer.clone(),
        ))
        .await
        .map(drop)
    }
}
